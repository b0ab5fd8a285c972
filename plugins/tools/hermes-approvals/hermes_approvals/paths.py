"""Which paths a call names, and what they really are."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_approvals.patterns import PathPattern
from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.messages import ToolCall
    from hermes_host.protocols import Terminal

__all__ = ["Located", "locate", "matcher", "named_paths"]

_KEYS = ("path", "paths", "file", "files", "file_path", "filename", "directory", "folder", "source", "destination")
_PATCHED = re.compile(r"^\s*\*{3} ?(?:(?:Add|Update|Delete) File|Move to):(.*)$", re.IGNORECASE | re.MULTILINE)


class Located(msgspec.Struct, frozen=True):
    """A path as it was named, made absolute, and what it leads to."""

    named: str
    real: str


def named_paths(call: ToolCall) -> tuple[list[str], bool]:
    """The paths among the arguments, and whether these are certainly all of them."""
    arguments = call.arguments or {}
    found = [path for key in _KEYS for path in _texts(arguments.get(key))]
    text = arguments.get("patch")
    if not isinstance(text, str):
        return found, True
    patched = _patched(arguments)
    if patched is not None:
        return [*found, *patched], True
    return [*found, *(match.strip() for match in _PATCHED.findall(text))], False


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _patched(arguments: dict[str, Any]) -> list[str] | None:
    """What hermes-files would touch; None where it is not there or would refuse."""
    try:
        from hermes_files.arguments import Patch
        from hermes_files.patch import paths_of

        return list(paths_of(msgspec.convert(arguments, Patch, strict=False)))
    except (ImportError, ToolError, msgspec.ValidationError):
        return None


async def locate(terminal: Terminal, directory: str, paths: Iterable[str]) -> list[Located]:
    """Each path as seen from `directory`, resolved through links."""
    found = []
    for path in paths:
        named = _absolute(path.removeprefix("file://"), terminal.home, directory)
        found.append(Located(named, await terminal.resolve(named) if "\0" not in named else named))
    return found


async def matcher(terminal: Terminal, directory: str, pattern: str) -> PathPattern:
    """A rule's glob; the folders before its first wildcard are resolved through links."""
    head, rest = PathPattern.head(_absolute(pattern, terminal.home, directory))
    real = await terminal.resolve(head)
    return PathPattern(posixpath.join(real, rest) if rest else real)


def _absolute(path: str, home: str, directory: str) -> str:
    if path == "~" or path.startswith("~/"):
        path = home + path[1:]
    return posixpath.normpath(posixpath.join(directory, path))
