"""The store `command` by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hermes_secrets.command import CommandStore, environment
from hermes_secrets.settings import PRESETS, Recipe, Settings

from hermes_host.errors import ConfigError, HermesError, Unsupported


def store(vault: Path, get: str = "get", **more: Any) -> CommandStore:
    settings: dict[str, Any] = {"get": (str(vault / "manager"), get, "{name}"), "missing": ("no such entry",), **more}
    return CommandStore(Settings(**settings))


def test_one_line_break_is_taken_from_the_end_and_nothing_else(vault: Path) -> None:
    for value in ("plain", " spaced ", "two\nlines\n", "", "ümläut", "'$(touch made)`"):
        (vault / "A_TOKEN").write_text(value, encoding="utf-8")
        assert store(vault).get("A_TOKEN") == value


def test_no_entry_is_no_error_and_anything_else_is(vault: Path) -> None:
    assert store(vault).get("A_TOKEN") == ""
    with pytest.raises(HermesError, match="ended with exit code 1: the vault is locked") as caught:
        store(vault, "locked").get("A_TOKEN")
    assert "Unlock" in caught.value.remedy
    with pytest.raises(HermesError, match="no text"):
        store(vault, "bytes").get("A_TOKEN")


def test_a_program_that_hangs_is_ended(vault: Path) -> None:
    began = time.monotonic()
    with pytest.raises(HermesError, match="took longer than 0.5 s"):
        store(vault, "hang", timeout=0.5).get("A_TOKEN")
    assert time.monotonic() - began < 5


def test_a_program_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(HermesError, match="could not be started: No such file"):
        CommandStore(Settings(get=(str(tmp_path / "none"), "{name}"))).get("A_TOKEN")


@pytest.mark.parametrize("name", ["", "-rf", "a/b", "a b", "A_TOKEN\n", "$(id)", "{name}"])
def test_a_name_that_is_none_reaches_no_program(vault: Path, name: str) -> None:
    with pytest.raises(HermesError, match="is not the name of a secret"):
        store(vault).get(name)
    assert not (vault / "seen").exists()


def test_no_shell_reads_the_words(vault: Path, tmp_path: Path) -> None:
    words = (str(vault / "manager"), "get", "$(touch made);{name}|`id`")
    with pytest.raises(HermesError):
        CommandStore(Settings(get=words)).get("A_TOKEN")
    assert "'$(touch made);A_TOKEN|`id`'" in (vault / "seen").read_text(encoding="utf-8")


def test_a_store_without_commands_to_write_is_only_read(vault: Path) -> None:
    with pytest.raises(Unsupported, match="only read"):
        store(vault).set("A_TOKEN", "x")
    with pytest.raises(Unsupported, match="only read"):
        store(vault).unset("A_TOKEN")


def test_without_any_command_it_says_what_to_set() -> None:
    with pytest.raises(ConfigError) as caught:
        CommandStore(Settings())
    assert "secret_command.preset" in caught.value.remedy


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_can_be_changed_in_part(preset: Any) -> None:
    recipe = Recipe.of(Settings(preset=preset, get=("mine", "{name}")))
    assert recipe.get == ("mine", "{name}")
    assert recipe.missing == PRESETS[preset].missing
    assert all("{name}" in " ".join(words) for words in (PRESETS[preset].get, recipe.set, recipe.unset) if words)


def test_the_program_sees_no_secret_that_is_not_its_own() -> None:
    environ = dict.fromkeys(
        ("PATH", "SSH_AUTH_SOCK", "OP_SESSION_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "X_AUTH", "XAUTHORITY"),
        "x",
    )
    assert set(environment(environ, ("OP_*",))) == {"PATH", "SSH_AUTH_SOCK", "OP_SESSION_TOKEN", "XAUTHORITY"}


def test_nothing_heavy_is_imported_before_the_first_look() -> None:
    code = (
        "import sys, hermes_secrets.plugin, hermes_secrets.keyring as k; k.connect(None, None);"
        "sys.exit('keyring' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
