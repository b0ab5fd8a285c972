"""From sentences to tool calls: which tool does what, and what to say where none does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_offline.forms import PRONOUN, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Call", "Plan", "PlannedStep", "make_plan"]

_TALK = frozenset({"help", "who", "greet", "thank", "tools"})
_ABOUT_A_FILE = frozenset({"tell", "summarise"})
_WHOLE = 2000
"""Lines asked for when a question is about the whole file."""


class Call(msgspec.Struct, frozen=True):
    """A tool call to be made."""

    tool: str
    arguments: dict[str, Any]


class PlannedStep(msgspec.Struct, frozen=True):
    """A step, and the call it needs; `source` is the index of the step whose result it speaks about."""

    step: Step
    call: Call | None = None
    source: int = -1


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, or in `problem` why nothing is: one sentence, and whether it was about understanding."""

    steps: tuple[PlannedStep, ...] = ()
    problem: str = ""
    misunderstood: bool = False


class _Way(msgspec.Struct, frozen=True):
    """One way to do an action: the tool, and its arguments from the step's values."""

    tool: str
    arguments: Callable[[Mapping[str, str]], dict[str, Any]]


def _regex(pattern: str) -> str:
    written = re.fullmatch(r"/(.+)/", pattern)
    return written[1] if written else re.escape(pattern)


def _ended(text: str) -> str:
    return f"{text}\n" if text and not text.endswith("\n") else text


def _path_or_here(values: Mapping[str, str]) -> str:
    return values.get("path") or "."


_WAYS: dict[str, tuple[_Way, ...]] = {
    "list": (
        _Way("terminal", lambda values: {"command": f"ls -p -- {shlex.quote(_path_or_here(values))}"}),
        _Way("search_files", lambda values: {"pattern": "*", "target": "files", "path": _path_or_here(values)}),
    ),
    "read": (
        _Way("read_file", lambda values: {"path": values["path"], "limit": _WHOLE}),
        _Way("terminal", lambda values: {"command": f"cat -- {shlex.quote(values['path'])}"}),
    ),
    "write": (_Way("write_file", lambda values: {"path": values["path"], "content": _ended(values["text"])}),),
    "append": (
        _Way(
            "terminal",
            lambda values: {
                "command": f"printf '%s\\n' {shlex.quote(values['text'])} >> {shlex.quote(values['path'])}"
            },
        ),
    ),
    "replace": (
        _Way(
            "patch",
            lambda values: {"path": values["path"], "old_string": values["old"], "new_string": values["new"]},
        ),
    ),
    "find": (
        _Way(
            "search_files",
            lambda values: {"pattern": values["pattern"], "target": "files", "path": _path_or_here(values)},
        ),
        _Way(
            "terminal",
            lambda values: {
                "command": f"find {shlex.quote(_path_or_here(values))} -name {shlex.quote(values['pattern'])}"
            },
        ),
    ),
    "search": (
        _Way("search_files", lambda values: {"pattern": _regex(values["pattern"]), "path": _path_or_here(values)}),
        _Way(
            "terminal",
            lambda values: {
                "command": f"grep -rnI -- {shlex.quote(values['pattern'])} {shlex.quote(_path_or_here(values))} "
                "|| test $? = 1"
            },
        ),
    ),
    "run": (_Way("terminal", lambda values: {"command": values["command"]}),),
    "remember": (_Way("memory", lambda values: {"action": "add", "target": "memory", "content": values["text"]}),),
    "recall": (_Way("session_search", lambda values: {"query": values.get("query", "")}),),
}

_BRINGS = {
    "terminal": "hermes-terminal",
    "search_files": "hermes-files",
    "read_file": "hermes-files",
    "write_file": "hermes-files",
    "patch": "hermes-files",
    "memory": "hermes-memory",
    "session_search": "hermes-memory",
}
"""Which distribution has which tool, for the one hint a user needs when it is missing."""


def make_plan(steps: Sequence[Step], tools: Sequence[str], last_file: str) -> Plan:
    """All steps with their calls. One step that is not understood or not possible stops everything before it begins."""
    planned: list[PlannedStep] = []
    for step in steps:
        if step.action == "unknown":
            return Plan(problem=f"I do not understand “{_short(step.text)}”", misunderstood=True)
        step, last_file = _with_path(step, last_file)
        if step.values.get("path") == PRONOUN:
            return Plan(problem=f"I do not know which file “{_short(step.text)}” is about. Name it, please")
        try:
            planned += _plan_step(step, tools, planned)
        except _Impossible as error:
            return Plan(problem=str(error))
    return Plan(tuple(planned))


class _Impossible(Exception):
    pass


def _with_path(step: Step, last_file: str) -> tuple[Step, str]:
    path = step.values.get("path", "")
    if path == PRONOUN and last_file:
        return msgspec.structs.replace(step, values={**step.values, "path": last_file}), last_file
    speaks_of_a_file = step.action in {"read", "write", "append", "replace", *_ABOUT_A_FILE}
    return step, path if speaks_of_a_file and path != PRONOUN else last_file


def _plan_step(step: Step, tools: Sequence[str], before: Sequence[PlannedStep]) -> list[PlannedStep]:
    if step.action in _TALK:
        return [PlannedStep(step)]
    if step.action == "call":
        return [PlannedStep(step, _own_call(step, tools))]
    if step.action not in _ABOUT_A_FILE:
        return [PlannedStep(step, _call(step, tools))]
    source = _reading(step.values["path"], before)
    if source >= 0:
        return [PlannedStep(step, source=source)]
    read = Step("read", {"path": step.values["path"]}, step.text)
    return [PlannedStep(read, _call(read, tools)), PlannedStep(step, source=len(before))]


def _reading(path: str, before: Sequence[PlannedStep]) -> int:
    """The last step that read this file, unless something was written meanwhile; -1 where there is none."""
    for index in range(len(before) - 1, -1, -1):
        step = before[index].step
        if step.action in {"write", "append", "replace", "run", "call"}:
            return -1
        if step.action == "read" and step.values["path"] == path:
            return index
    return -1


def _call(step: Step, tools: Sequence[str]) -> Call:
    ways = _WAYS[step.action]
    for way in ways:
        if way.tool in tools:
            return Call(way.tool, way.arguments(step.values))
    names = " or ".join(f"`{way.tool}` (`pip install {_BRINGS[way.tool]}`)" for way in ways)
    raise _Impossible(f"For “{_short(step.text)}” I need the tool {names}, which this conversation does not have")


def _own_call(step: Step, tools: Sequence[str]) -> Call:
    tool, written = step.values["tool"], step.values.get("arguments", "{}")
    if tool not in tools:
        raise _Impossible(f"There is no tool `{tool}` here. Say `what tools do you have` to see them")
    try:
        arguments = msgspec.json.decode(written)
    except msgspec.DecodeError as error:
        raise _Impossible(f"The arguments for `{tool}` are not valid JSON ({error})") from None
    if not isinstance(arguments, dict):
        raise _Impossible(f'The arguments for `{tool}` must be a JSON object, such as {{"path": "README.md"}}')
    return Call(tool, arguments)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:99] + "…"
