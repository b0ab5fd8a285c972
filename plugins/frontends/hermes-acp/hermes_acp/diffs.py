"""Changes of files as editors show them: old and new text, taken from unified diffs or from what a call asks for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["changes", "locations", "path_in", "preview"]

PREVIEWED = 1_000_000
"""Bytes of a present file beyond which its old text is not shown before it is replaced."""

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_PATHS = ("path", "file_path", "filename", "output_path", "destination", "source")
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$|^\*\*\* Move to: (.+)$", re.MULTILINE)


def changes(diff: str, directory: str) -> tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]:
    """The contents and locations of a unified diff: a content for each hunk, with its part of the old and new text."""
    contents: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    old_name = path = ""
    lines = diff.splitlines(keepends=True)
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith("--- ") and at < len(lines) and lines[at].startswith("+++ "):
            old_name, new_name = _name(line), _name(lines[at])
            path = _resolved(old_name if new_name == "/dev/null" else new_name, directory)
            at += 1
        elif path and (match := _HUNK.match(line)):
            old, new, at = _hunk(lines, at, _count(match[1]), _count(match[3]))
            content = {"type": "diff", "path": path, "newText": new}
            if old_name != "/dev/null":
                content["oldText"] = old
            contents.append(content)
            places.append({"path": path, "line": max(int(match[2]), 1)})
    return contents, places


def _name(header: str) -> str:
    name = header[4:].split("\t")[0].rstrip("\n")
    return name if name == "/dev/null" else name.removeprefix("a/" if header.startswith("---") else "b/")


def _count(text: str | None) -> int:
    return 1 if text is None else int(text)


def _hunk(lines: Sequence[str], at: int, old_left: int, new_left: int) -> tuple[str, str, int]:
    """The old and the new text of a hunk, by the counts in its head: a removed `-- x` looks like a file's name."""
    old: list[str] = []
    new: list[str] = []
    while at < len(lines) and (old_left > 0 or new_left > 0 or lines[at].startswith("\\")):
        sign, text = lines[at][0], lines[at][1:]
        if sign == "\\":
            for side in (old, new) if lines[at - 1].startswith(" ") else (old,) if lines[at - 1][0] == "-" else (new,):
                if side:
                    side[-1] = side[-1].removesuffix("\n")
        if sign in " -":
            old.append(text)
            old_left -= 1
        if sign in " +":
            new.append(text)
            new_left -= 1
        at += 1
    return "".join(old), "".join(new), at


def _resolved(name: str, directory: str) -> str:
    """Diffs name files without a leading slash, whether they lie in the directory or elsewhere."""
    inside, elsewhere = path_in(directory, name), f"/{name.lstrip('/')}"
    return elsewhere if not os.path.lexists(inside) and os.path.lexists(elsewhere) else inside


def path_in(directory: str, path: str) -> str:
    """The absolute form of a path that is meant from `directory`."""
    return os.path.normpath(os.path.join(directory, os.path.expanduser(path)))


def locations(arguments: Mapping[str, Any], directory: str) -> Sequence[dict[str, Any]]:
    """The files a call names, by the words the field uses for such arguments."""
    line = arguments.get("line", arguments.get("offset"))
    found = []
    for path in _paths(arguments):
        place: dict[str, Any] = {"path": path_in(directory, path)}
        if isinstance(line, int) and line > 0:
            place["line"] = line
        found.append(place)
    return found


def _paths(arguments: Mapping[str, Any]) -> Iterator[str]:
    for name in _PATHS:
        value = arguments.get(name)
        if isinstance(value, str) and value and "\0" not in value:
            yield value
    if isinstance(text := arguments.get("patch"), str):
        for match in _PATCHED.finditer(text):
            yield (match[1] or match[2]).strip()


def preview(arguments: Mapping[str, Any], directory: str) -> Sequence[dict[str, Any]]:
    """What a call would do to a file, where its arguments say so; empty where they do not."""
    path = next((arguments[name] for name in _PATHS if isinstance(arguments.get(name), str)), "")
    if not path or "\0" in path:
        return ()
    place = path_in(directory, path)
    old, new = arguments.get("old_string"), arguments.get("new_string")
    if isinstance(old, str) and isinstance(new, str):
        return ({"type": "diff", "path": place, "oldText": old, "newText": new},)
    content = arguments.get("content")
    if not isinstance(content, str):
        return ()
    shown: dict[str, Any] = {"type": "diff", "path": place, "newText": content}
    present = _present(place)
    if present is not None:
        shown["oldText"] = present
    return (shown,)


def _present(path: str) -> str | None:
    try:
        file = Path(path)
        if not file.is_file() or file.stat().st_size > PREVIEWED:
            return None
        return file.read_bytes().decode("utf-8")
    except (OSError, ValueError):
        return None
