"""Broken and hostile files: one readable message, the defaults, and nothing is ever written over them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hermes_host.config import Config
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("agent:\n  max_turns: 5\n bad: [\n", "line 3, column 2"),
        ("agent: {max_turns: 5\n", "line 2, column 1"),
        ("- a\n- b\n", "not a mapping"),
        ("just text\n", "not a mapping"),
        ("a: 1\n---\nb: 2\n", "line 2"),
        ("a: !!python/object/apply:os.system ['true']\n", "python/object"),
        ("a: &a [*a]\n", "contains itself"),
        ("a: *nowhere\n", "nowhere"),
        ("? [x]\n: 1\n", "key must be plain text"),
        ("a: \x01\n", "not valid YAML"),
        ("a: !!int x\n", "cannot be used"),
    ],
)
def test_a_broken_file_gives_one_readable_problem_and_the_defaults(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text, encoding="utf-8")
    config = Config.load(tmp_path, environ={})
    assert config.section("agent").max_turns == 90
    [problem] = config.problems
    assert problem.level == "error"
    assert expected in problem.line()
    with pytest.raises(ConfigError):
        config.set("agent.max_turns", 3)
    with pytest.raises(ConfigError):
        config.unset("agent.max_turns")
    assert file.read_text(encoding="utf-8") == text


def test_the_offending_line_is_shown_without_its_secret(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text('model:\n  api_key: "canary-value\n', encoding="utf-8")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.yaml").write_text("agent:\n\tmax_turns: 5\n", encoding="utf-8")
    [problem] = Config.load(tmp_path, environ={}).problems
    assert "canary" not in problem.line()
    [problem] = Config.load(tmp_path / "other", environ={}).problems
    assert "max_turns: 5\n    ^" in problem.message.replace("     ^", "    ^")


def test_aliases_that_blow_up_are_refused_quickly(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    (tmp_path / "config.yaml").write_text("\n".join(lines), encoding="utf-8")
    [problem] = Config.load(tmp_path, environ={}).problems
    assert "more than" in problem.message


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: " + "[" * 5000 + "]" * 5000, encoding="utf-8")
    [problem] = Config.load(tmp_path, environ={}).problems
    assert problem.level == "error"


def test_a_key_that_stands_twice_is_reported_with_both_lines(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("agent:\n  max_turns: 5\n  max_turns: 6\n", encoding="utf-8")
    config = Config.load(tmp_path, environ={})
    assert config.get("agent.max_turns") == 6
    [problem] = config.problems
    assert (problem.path, problem.level) == ("agent.max_turns", "error")
    assert "line 2 and line 3" in problem.message


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a" * 5_000_000])
def test_a_file_that_is_no_text_is_a_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    config = Config.load(tmp_path, environ={})
    assert config.section("agent").max_turns == 90
    assert len(config.problems) == 1
    with pytest.raises(ConfigError):
        config.set("agent.max_turns", 3)


def test_a_directory_or_a_pipe_in_place_of_the_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").mkdir()
    os.mkfifo(tmp_path / ".env")
    config = Config.load(tmp_path, environ={})
    assert config.section("agent").max_turns == 90
    assert {problem.path for problem in config.problems} == {"config.yaml", ".env"}


def test_bad_paths_on_the_command_line_are_problems(tmp_path: Path) -> None:
    config = Config.load(tmp_path, environ={}, overrides={"a..b": "1", "agent.max_turns": "7"})
    assert config.get("agent.max_turns") == 7
    assert [problem.path for problem in config.problems] == ["a..b"]
