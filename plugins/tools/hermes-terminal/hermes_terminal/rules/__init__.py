"""What is known of programs: a table of rules, read by `judge_program`."""

from __future__ import annotations

import functools
import posixpath
from typing import TYPE_CHECKING

from hermes_terminal.places import SYSTEM_BINARIES

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.program import Program, Table

__all__ = ["judge_program", "table"]

_TOOL_FOLDERS = (
    "/.cargo/bin",
    "/.local/bin",
    "/go/bin",
    "/.venv/bin",
    "/venv/bin",
    "/node_modules/.bin",
    "/.pyenv/shims",
    "/.bun/bin",
)


@functools.cache
def table() -> Table:
    """Every program that is known, by name."""
    from hermes_terminal.rules import (
        build,
        builtins,
        code,
        containers,
        data,
        files,
        git,
        network,
        packages,
        reading,
        system,
        wrappers,
    )

    merged: Table = {}
    for module in (reading, files, builtins, git, build, packages, code, data, containers, network, system, wrappers):
        for names, program in module.PROGRAMS.items():
            for name in names.split():
                assert name not in merged, name
                merged[name] = program
    return merged


def judge_program(case: Case) -> None:
    """Judge one call by what is known of its program. A program nobody knows is for a person to decide."""
    word = case.words[0]
    if not word.known or not word.text:
        case.judge.understood = False
        case.ask("The name of the program it runs is known only when it runs.")
        return
    if word.text in case.state.functions:
        case.state.directories = (None,)
        return
    program = table().get(case.name)
    if "/" in word.text:
        program = _by_path(case, program)
        if program is None:
            return
    if program is None:
        case.ask(f"{case.name!r} is not a program known to be harmless.")
    else:
        program.apply(case)


def _by_path(case: Case, program: Program | None) -> Program | None:
    word = case.words[0]
    folder = posixpath.dirname(word.text)
    if folder in SYSTEM_BINARIES:
        if program is None:
            case.ask(f"{case.name!r} is not a program known to be harmless.")
        return program
    temporary = any(case.place.zone(path) == "temporary" for path in case.paths(word))
    if program is None or temporary or not folder.endswith(_TOOL_FOLDERS):
        case.run_file(word)
    return program
