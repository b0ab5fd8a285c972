"""Sections are decoded field by field: a bad value costs only itself, and everything wrong is said at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest

from hermes_host.config import Config, Problem, Secret
from hermes_host.config.configuration import _HOST_SECTIONS
from hermes_host.config.sections import HOST_SECTIONS
from hermes_host.errors import NotFound

if TYPE_CHECKING:
    from pathlib import Path


class Endpoint(msgspec.Struct, frozen=True):
    url: str
    retries: int = 3


class Settings(msgspec.Struct, frozen=True):
    timeout: Annotated[float, msgspec.Meta(description="Seconds.", gt=0)] = 30.0
    key: Secret = Secret()
    ids: list[str] = []
    endpoints: dict[str, Endpoint] = {}
    backups: list[Endpoint] = []
    nickname: str | None = None
    extra: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if self.nickname == "impossible":
            raise ValueError("the nickname is impossible")


def loaded(home: Path, text: str, **environ: str) -> Config:
    (home / "config.yaml").write_text(text, encoding="utf-8")
    config = Config.load(home, environ=environ)
    config.declare("weather", Settings, "weather")
    return config


def by_path(config: Config) -> dict[str, Problem]:
    return {problem.path: problem for problem in config.problems}


def test_every_mistake_is_reported_and_everything_else_is_in_force(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "agent:\n  max_turns: many\n  deadline: 9\n  max_trns: 3\nweather:\n  timeout: -1\n  ids: [a]\nweahter: {}\n",
    )
    found = by_path(config)
    assert set(found) == {"agent.max_turns", "agent.max_trns", "weather.timeout", "weahter"}
    assert found["agent.max_turns"].where == f"{tmp_path / 'config.yaml'}, line 2"
    assert "a whole number, at least 1, found 'many'" in found["agent.max_turns"].message
    assert found["agent.max_turns"].level == "error"
    assert found["agent.max_trns"].remedy == "Did you mean agent.max_turns?"
    assert found["weahter"].remedy == "Did you mean 'weather'?"
    assert config.section("agent").deadline == 9
    assert config.section("agent").max_turns == 90
    assert config.section("weather", Settings).timeout == 30
    assert config.section("weather", Settings).ids == ["a"]


def test_a_bad_entry_of_a_mapping_or_list_costs_only_itself(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "weather:\n  endpoints:\n    good: {url: u}\n    worse: {url: u, retries: x}\n    bad: {retries: 1}\n"
        "  backups: [{url: v}, {}]\n",
    )
    section = config.section("weather", Settings)
    assert section.endpoints == {"good": Endpoint("u"), "worse": Endpoint("u")}
    assert section.backups == [Endpoint("v")]
    assert set(by_path(config)) == {
        "weather.endpoints.worse.retries",
        "weather.endpoints.bad.url",
        "weather.backups.1.url",
    }


def test_a_wrong_value_in_a_stronger_layer_gives_way_to_the_next_one(tmp_path: Path) -> None:
    config = loaded(tmp_path, "terminal: {timeout: 60}\n", TERMINAL_TIMEOUT="soon")
    assert config.get("terminal.timeout") == 60
    assert config.origin("terminal.timeout") == "file"
    assert "the layer below is used" in by_path(config)["terminal.timeout"].message


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("approvals: {mode: off}", "approvals.mode", "off"),
        ("display: {tool_progress: off}", "display.tool_progress", "off"),
        ("display: {show_reasoning: 'on'}", "display.show_reasoning", True),
        ("model: {default: 4.10}", "model.default", "4.10"),
        ("model: 4.10", "model.default", "4.10"),
        ("model: some/name", "model.default", "some/name"),
        ("model: {model: old-name}", "model.default", "old-name"),
        ("model: {model: old, default: new}", "model.default", "new"),
        ("terminal: {env_type: docker}", "terminal.backend", "docker"),
        ("terminal: {timeout: '12'}", "terminal.timeout", 12.0),
        ("weather: {ids: [12345678901234567890, b]}", "weather.ids", ["12345678901234567890", "b"]),
        ("timezone: 12:30", "timezone", "12:30"),
        ("timezone: 2026-01-31", "timezone", "2026-01-31"),
        (
            "weather: {extra: {a: [08, 1_000, 1e3, 0x1F, .5, +7]}}",
            "weather.extra.a",
            ["08", "1_000", "1e3", 31, 0.5, 7],
        ),
        ("agent:\n", "agent.max_turns", 90),
        ("agent: {max_turns: }", "agent.max_turns", 90),
        ("weather: {nickname: null}", "weather.nickname", None),
        ("weather: {extra: {a: {b: [1, yes]}}}", "weather.extra.a", {"b": [1, True]}),
    ],
)
def test_a_value_means_what_the_declared_type_says(tmp_path: Path, text: str, path: str, value: object) -> None:
    config = loaded(tmp_path, text)
    assert config.get(path) == value
    assert list(config.problems) == []


def test_placeholders_are_expanded_on_reading(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "weather:\n  key: ${WEATHER_KEY}\n  timeout: ${SECONDS_TO_WAIT}\n  nickname: ${NAME:-nobody} $${HOME}\n",
        SECONDS_TO_WAIT="7",
    )
    config.secrets.set("WEATHER_KEY", "from-the-env-file")
    section = config.section("weather", Settings)
    assert section.key.reveal() == "from-the-env-file"
    assert section.timeout == 7
    assert section.nickname == "nobody ${HOME}"
    assert config.raw("weather")["key"] == "from-the-env-file"


def test_an_unset_placeholder_is_a_problem_and_never_a_value(tmp_path: Path) -> None:
    config = loaded(tmp_path, "weather: {key: '${NOT_SET}', nickname: 'x ${NOT_SET}'}\n")
    section = config.section("weather", Settings)
    assert not section.key
    assert section.nickname is None
    assert "NOT_SET is not set" in by_path(config)["weather.key"].message


def test_secrets_read_from_the_file_are_masked_and_redacted(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "weather: {key: canary-in-section, timeout: [canary]}\nmcp_servers: {a: {api_key: canary-elsewhere}}\n",
    )
    section = config.section("weather", Settings)
    assert "canary" not in f"{section!r} {section.key} {section.key!r}"
    assert config.secrets.redact("x canary-in-section canary-elsewhere") == "x [secret weather.key] [secret]"
    with pytest.raises(TypeError):
        msgspec.json.encode(section)


def test_a_wrong_secret_is_not_quoted_in_the_problem(tmp_path: Path) -> None:
    config = loaded(tmp_path, "weather: {key: [canary-value]}\n")
    assert "canary" not in by_path(config)["weather.key"].line()


def test_settings_that_do_not_go_together_fall_back_to_the_defaults(tmp_path: Path) -> None:
    config = loaded(tmp_path, "weather: {nickname: impossible, timeout: 5}\n")
    assert config.section("weather", Settings) == Settings()
    assert "the nickname is impossible" in by_path(config)["weather"].message


def test_a_section_of_the_wrong_shape_is_reported(tmp_path: Path) -> None:
    config = loaded(tmp_path, "agent: 5\nweather: [1]\nplatform_toolsets: none\n")
    assert set(by_path(config)) == {"agent", "weather", "platform_toolsets"}
    assert config.section("agent").max_turns == 90
    assert config.section("platform_toolsets") == {}


def test_a_section_can_be_shared_by_plugins(tmp_path: Path) -> None:
    class Docker(msgspec.Struct, frozen=True):
        docker_image: str = "python"

    config = loaded(tmp_path, "terminal: {docker_image: mine, timeout: 3, docker_imag: x}\n")
    config.declare("terminal", Docker, "docker")
    assert config.section("terminal").timeout == 3
    assert config.section("terminal", plugin="docker").docker_image == "mine"
    assert config.get("terminal.docker_image") == "mine"
    assert set(by_path(config)) == {"terminal.docker_imag"}
    assert list(config.unclaimed) == []


def test_settings_of_features_that_are_not_installed_are_kept_quietly(tmp_path: Path) -> None:
    config = loaded(tmp_path, "mcp_servers: {a: {command: x}}\nterminal: {docker_image: x}\n_config_version: 10\n")
    assert list(config.problems) == []
    assert [each.path for each in config.unclaimed] == ["terminal.docker_image", "mcp_servers"]


def test_a_section_type_that_cannot_be_imported_is_a_problem_of_its_plugin_only(tmp_path: Path) -> None:
    config = loaded(tmp_path, "broken: {a: 1}\nagent: {max_turns: 4}\n")
    config.declare("broken", "no_such_package.settings:Settings", "broken")
    assert "no_such_package" in by_path(config)["broken"].message
    assert config.section("agent").max_turns == 4


def test_unknown_names_are_errors_that_name_the_nearest(tmp_path: Path) -> None:
    config = loaded(tmp_path, "agent: {}\n")
    with pytest.raises(NotFound, match=r"agent\.max_turns"):
        config.get("agent.max_turn")
    with pytest.raises(NotFound, match="terminal"):
        config.get("terminl.timeout")
    with pytest.raises(NotFound):
        config.section("nothing_of_the_kind")


def test_the_list_of_host_sections_is_complete() -> None:
    assert list(_HOST_SECTIONS) == list(HOST_SECTIONS)
