"""Writing config.yaml: checked first, atomic, private, and safe against other writers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import pytest

from hermes_host.config import Config, Secret
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# mine
model: ${MODEL}  # by placeholder
agent:
    max_turns: 5   # five
unknown: {a: "b"}
"""


class Weather(msgspec.Struct, frozen=True):
    place: Annotated[str, msgspec.Meta(extra={"shorthand": True, "aliases": ("town",)})] = ""
    days: int = 1
    key: Secret = Secret()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "config.yaml").write_text(TEXT, encoding="utf-8")
    config = Config.load(tmp_path, environ={})
    config.declare("weather", Weather, "weather")
    return config


def text(config: Config) -> str:
    return config.file.read_text(encoding="utf-8")


def test_one_line_changes_and_the_new_value_is_in_force(config: Config) -> None:
    assert config.get("agent.max_turns") == 5
    config.set("agent.max_turns", 7)
    assert text(config) == TEXT.replace("max_turns: 5 ", "max_turns: 7 ")
    assert config.get("agent.max_turns") == 7
    config.unset("agent.max_turns")
    assert text(config) == TEXT.replace("    max_turns: 5   # five\n", "")
    assert config.get("agent.max_turns") == 90


def test_a_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    home = tmp_path / "a" / "b"
    config = Config.load(home, environ={})
    before = os.umask(0)
    try:
        config.set("model.default", "some-model")
    finally:
        os.umask(before)
    assert text(config) == "model:\n  default: some-model\n"
    assert stat.S_IMODE(config.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("agent.max_turns", "many", "a whole number"),
        ("agent.max_turns", 0, "at least 1"),
        ("agent", 5, "a mapping"),
        ("approvals.mode", "sometimes", "manual"),
        ("agent.max_turn", 5, "Did you mean agent.max_turns"),
        ("agnt.max_turns", 5, "Did you mean agent"),
        ("agent..x", 5, "not the name of a setting"),
        ("weather.days", [1], "a whole number"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(config: Config, path: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config.set(path, value)
    assert text(config) == TEXT


def test_an_unknown_setting_can_be_forced(config: Config) -> None:
    config.set("unknown.c", 1, force=True)
    assert 'unknown: {a: "b", c: 1}' in text(config)
    config.set("mcp_servers.x.command", "y")
    assert config.raw("mcp_servers") == {"x": {"command": "y"}}


def test_an_old_mistake_elsewhere_does_not_block_an_edit(config: Config) -> None:
    config.file.write_text("agent: {max_turns: many, deadline: 5}\n", encoding="utf-8")
    config.set("agent.deadline", 6)
    assert text(config) == "agent: {max_turns: many, deadline: 6}\n"


def test_shorthands_and_older_names_are_respected(config: Config) -> None:
    config.file.write_text("weather: Rome  # here\n", encoding="utf-8")
    config.set("weather.place", "Oslo")
    assert text(config) == "weather: Oslo  # here\n"
    config.set("weather.days", 2)
    assert text(config) == "weather:  # here\n  place: Oslo\n  days: 2\n"
    config.set("weather", "Bonn")
    assert text(config) == "weather:  # here\n  place: Bonn\n  days: 2\n"
    config.file.write_text("weather: Rome\nagent: {}\n", encoding="utf-8")
    config.unset("weather.place")
    assert text(config) == "agent: {}\n"
    config.file.write_text("weather: {town: Rome}\n", encoding="utf-8")
    config.set("weather.place", "Oslo")
    assert text(config) == "weather: {town: Oslo}\n"


def test_a_placeholder_may_be_written_before_its_variable_is_set(config: Config) -> None:
    config.set("weather.key", "${WEATHER_KEY}")
    assert "key: ${WEATHER_KEY}" in text(config)
    config.secrets.set("WEATHER_KEY", "later-set-value")
    config.reload()
    assert config.section("weather", Weather).key.reveal() == "later-set-value"


def test_a_linked_file_stays_a_link_and_its_mode_is_tightened(config: Config, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles" / "hermes.yaml"
    target.parent.mkdir()
    config.file.rename(target)
    config.file.symlink_to(target)
    target.chmod(0o644)
    config.set("agent.max_turns", 7)
    assert config.file.is_symlink()
    assert "max_turns: 7" in target.read_text(encoding="utf-8")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_no_litter(config: Config, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(ConfigError, match="No space left"):
            config.set("agent.max_turns", 7)
    assert text(config) == TEXT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "config.yaml.lock"]


@pytest.mark.parametrize("marker", ["file", "environment"])
def test_a_managed_configuration_is_not_written(tmp_path: Path, marker: str) -> None:
    if marker == "file":
        (tmp_path / ".managed").touch()
    config = Config.load(tmp_path, environ={"HERMES_MANAGED": "1"} if marker == "environment" else {})
    with pytest.raises(ConfigError, match="managed"):
        config.set("agent.max_turns", 7)
    assert not config.file.exists()


WRITER = """
import sys
from pathlib import Path
from hermes_host.config import Config, Secrets
home, name = Path(sys.argv[1]), sys.argv[2]
config = Config.load(home, environ={})
sys.stdin.readline()
for number in range(15):
    config.set(f"platform_toolsets.{name}_{number}", [name])
    config.secrets.set(f"{name.upper()}_{number}_TOKEN", name)
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    names = ["alpha", "beta", "gamma"]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, name], stdin=subprocess.PIPE, text=True)
        for name in names
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=50)
        assert writer.returncode == 0
    config = Config.load(tmp_path, environ={})
    expected = {f"{name}_{number}": [name] for name in names for number in range(15)}
    assert config.section("platform_toolsets") == expected
    assert len(config.secrets.names()) == 45
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"config.yaml", "config.yaml.lock", ".env", ".env.lock"}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    config = Config.load(tmp_path, environ={})
    config.set("platform_toolsets", {"cli": ["x" * 40] * 500})
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path, "writer"], stdin=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
        while writer.poll() is None:
            reader = Config.load(tmp_path, environ={})
            assert len(reader.section("platform_toolsets")["cli"]) == 500
            assert list(reader.problems) == []
    assert writer.returncode == 0
