"""This host's tools as Claude Code's hooks know them: names, arguments, and which of them a hook is for."""

from __future__ import annotations

import posixpath
import re
from fnmatch import fnmatchcase
from typing import Any

__all__ = ["Known", "fits", "known_as"]

Known = tuple[str, dict[str, Any]]
"""A tool's name and its arguments, in Claude Code's words."""

_PLAIN = {
    "todo": "TodoWrite",
    "delegate_task": "Task",
    "web_search": "WebSearch",
    "skill_view": "Skill",
    "clarify": "AskUserQuestion",
}
_LIST = re.compile(r"[A-Za-z0-9_\-, |]+")
_CONDITION = re.compile(r"\s*([A-Za-z_][\w-]*)\s*(?:\((.*)\))?\s*", re.DOTALL)
_SUBJECT = {"Bash": "command", "Read": "file_path", "Write": "file_path", "Edit": "file_path", "WebFetch": "url"}


def known_as(tool: str, arguments: dict[str, Any], directory: str) -> list[Known]:
    """What a call is in Claude Code's words; several where it could be one or the other (an MCP tool's name), or where
    it stands for more than one call (a patch of several files). The first is the likeliest."""
    given = dict(arguments)
    if tool == "terminal":
        return [("Bash", _with(given, command="command", timeout="timeout", run_in_background="background"))]
    if tool == "execute_code":
        return [("Bash", {"command": str(given.get("code", "")), "language": "python"}), (tool, given)]
    if tool == "read_file":
        return [("Read", _with(given, directory, file_path="path", offset="offset", limit="limit"))]
    if tool == "write_file":
        return [("Write", _with(given, directory, file_path="path", content="content"))]
    if tool == "patch":
        return _patch(given, directory)
    if tool == "search_files":
        name = "Glob" if given.get("target") == "files" else "Grep"
        return [(name, _with(given, directory, pattern="pattern", path="path", glob="file_glob"))]
    if tool == "web_extract":
        return [("WebFetch", {"url": url, **given}) for url in _texts(given.get("urls"))] or [("WebFetch", given)]
    if tool.startswith("mcp_"):
        words = tool[4:].split("_")
        names = [f"mcp__{'_'.join(words[:cut])}__{'_'.join(words[cut:])}" for cut in range(1, len(words))]
        return [(name, given) for name in (*names, tool)]
    return [(_PLAIN[tool], given), (tool, given)] if tool in _PLAIN else [(tool, given)]


def fits(matcher: str, condition: str, name: str, arguments: dict[str, Any]) -> bool:
    """Whether a hook with this matcher and condition is for the call. What cannot be read is for every call."""
    return _matches(matcher, name) and _holds(condition, name, arguments)


def _matches(matcher: str, name: str) -> bool:
    if matcher in ("", "*"):
        return True
    if _LIST.fullmatch(matcher):
        return name in [word.strip() for word in re.split(r"[|,]", matcher)]
    try:
        return re.search(matcher, name) is not None
    except (re.error, RecursionError):
        return True


def _holds(condition: str, name: str, arguments: dict[str, Any]) -> bool:
    if not condition:
        return True
    match = _CONDITION.fullmatch(condition)
    if match is None:
        return True
    if match[1] != name and not (match[1] == "Edit" and name == "Write"):
        return False
    if match[2] is None or name not in _SUBJECT:
        return True
    subject = str(arguments.get(_SUBJECT[name], ""))
    pattern = match[2].replace(":*", "*")
    if name != "Bash":
        return fnmatchcase(subject, pattern) or fnmatchcase(posixpath.basename(subject), pattern)
    # Each command of a line by itself; what is inside of quotes and substitutions is looked at as well.
    parts = [part.strip(" \t'\"") for part in re.split(r"&&|\|\||[;|&\n(){}`]", subject)]
    loose = pattern.rstrip("* ")
    return any(fnmatchcase(part, pattern) for part in (subject, *parts)) or (bool(loose) and loose in subject)


def _patch(given: dict[str, Any], directory: str) -> list[Known]:
    if given.get("mode") != "patch":
        names = {"file_path": "path", "old_string": "old_string", "new_string": "new_string"}
        return [("Edit", _with(given, directory, replace_all="replace_all", **names))]
    text = str(given.get("patch", ""))
    paths = re.findall(r"(?m)^\*\*\* (?:Update|Add|Delete) File: (.+?)\s*$|^\+\+\+ (?:b/)?(\S+)", text)
    files = list(dict.fromkeys(one or other for one, other in paths))
    calls = [("Edit", {"file_path": _absolute(path, directory), "patch": text}) for path in files]
    return calls or [("Edit", {"file_path": "", "patch": text})]


def _with(given: dict[str, Any], directory: str = "", **names: str) -> dict[str, Any]:
    found = {theirs: given[ours] for theirs, ours in names.items() if ours in given}
    for key in ("file_path", "path"):
        if isinstance(found.get(key), str):
            found[key] = _absolute(found[key], directory)
    return found


def _absolute(path: str, directory: str) -> str:
    return posixpath.normpath(posixpath.join(directory, path)) if directory and not path.startswith("~") else path


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
