"""A folder as a tree of names and sizes, at most 200 entries, the upper levels first."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_context.workspace import Files
    from hermes_host.protocols import FileInfo

__all__ = ["Listed", "tree"]

MOST = 200
_CLOSED = frozenset(
    [
        *(".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".nox", ".mypy_cache"),
        *(".pytest_cache", ".ruff_cache", ".cache", ".idea", ".vscode", ".ssh", ".aws", ".gnupg", ".kube"),
    ]
)
"""Named, but not looked into."""


class Listed(NamedTuple):
    """The tree as text, and how many entries it shows."""

    text: str
    summary: str


async def tree(files: Files, directory: str) -> Listed:
    """The tree below a resolved directory; links are named and not followed. Raises `OSError`."""
    children: dict[str, list[FileInfo]] = {}
    waiting, number, more = [directory], 0, False
    while waiting:
        current = waiting.pop(0)
        try:
            entries = list(await files.list(current))
        except OSError:
            if current == directory:
                raise
            continue
        room = MOST - number
        more = more or len(entries) > room
        children[current] = entries[:room]
        number += len(children[current])
        if number >= MOST:
            more = more or any(entry.kind == "directory" and entry.path not in children for entry in entries)
            break
        waiting += [
            entry.path
            for entry in entries
            if entry.kind == "directory" and posixpath.basename(entry.path) not in _CLOSED
        ]
    more = more or bool(waiting)
    lines = list(_lines(children, directory, 0))
    if more:
        lines.append(f"[only the first {number} entries, the upper levels first]")
    return Listed("\n".join(lines) or "(empty)", f"{number} entr{'y' if number == 1 else 'ies'}{' of more' * more}")


def _lines(children: dict[str, list[FileInfo]], directory: str, depth: int) -> list[str]:
    lines = []
    for entry in children.get(directory, ()):
        name = one_line(posixpath.basename(entry.path), 200)
        end = {"directory": "/", "link": " (link)", "file": f" ({_size(entry.size)})"}.get(entry.kind, " (special)")
        lines.append(f"{'  ' * depth}{name}{end}")
        if entry.kind == "directory":
            lines += _lines(children, entry.path, depth + 1)
    return lines


def _size(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.1f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"
