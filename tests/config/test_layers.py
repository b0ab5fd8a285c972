"""The layers, and which one wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.config import Config

if TYPE_CHECKING:
    from pathlib import Path


def test_a_home_without_files_gives_the_declared_defaults(tmp_path: Path) -> None:
    config = Config.load(tmp_path, environ={})
    assert config.section("agent").max_turns == 90
    assert config.get("terminal.backend") == "local"
    assert config.origin("terminal.backend") == "default"
    assert config.problems == []


def test_later_layers_win_and_say_so(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("agent: {max_turns: 10, deadline: 5}\nterminal: {timeout: 7}\n")
    config = Config.load(
        tmp_path,
        environ={"HERMES__AGENT__DEADLINE": "6", "HERMES__TERMINAL__TIMEOUT": "8"},
        overrides={"terminal.timeout": "9"},
    )
    assert (config.get("agent.max_turns"), config.origin("agent.max_turns")) == (10, "file")
    assert (config.get("agent.deadline"), config.origin("agent.deadline")) == (6.0, "environment")
    assert (config.get("terminal.timeout"), config.origin("terminal.timeout")) == (9.0, "command line")
    assert config.where("agent.deadline") == "$HERMES__AGENT__DEADLINE"
    assert config.problems == []
