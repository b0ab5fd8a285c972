"""Finding the project's instruction files: first match wins.

First `.hermes.md` or `HERMES.md`, in the start directory or above it; then, directory by directory upwards,
`AGENTS.md`, `CLAUDE.md`, or the cursor rules. Upwards goes as far as the git root and no further; outside a repository
only the start directory counts.
"""

from __future__ import annotations

import asyncio
import posixpath
from typing import TYPE_CHECKING, NamedTuple

from hermes_context.workspace import inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_context.workspace import Files
    from hermes_host.protocols import FileInfo

__all__ = ["NAMES", "Discovery", "discover", "levels"]

_OWN = (".hermes.md", "HERMES.md")
_SHARED = (("AGENTS.md", "agents.md"), ("CLAUDE.md", "claude.md"))
_CURSOR, _CURSOR_RULES = ".cursorrules", ".cursor/rules"
NAMES = frozenset({*_OWN, *(name for names in _SHARED for name in names), _CURSOR})
"""The names that are looked for, rule files apart."""

_MOST_RULES = 20
_DEEPEST = 64


class Discovery(NamedTuple):
    """Resolved paths in the order of use, the directory trust is given for, and what was passed over and why."""

    root: str
    paths: tuple[str, ...]
    problems: tuple[str, ...]


async def levels(files: Files) -> list[str]:
    """The start directory and its parents up to the git root; the start directory alone outside a repository."""
    current = await files.resolve(files.directory)
    passed: list[str] = []
    while len(passed) < _DEEPEST:
        passed.append(current)
        if await files.stat(posixpath.join(current, ".git")) is not None:
            return passed
        parent = posixpath.dirname(current)
        if parent == current:
            break
        current = parent
    return passed[:1]


async def discover(files: Files) -> Discovery:
    """Look for the files. Raises `OSError` or `HermesError` where the place cannot be looked at."""
    directories = await levels(files)
    found = _Finder(files, directories[-1])
    for directory in directories:
        if paths := await found.first(directory, _OWN):
            return found.result(paths)
    for directory in directories:
        for names in _SHARED:
            if paths := await found.first(directory, names):
                return found.result(paths)
        if paths := await found.cursor(directory):
            return found.result(paths)
    return found.result([])


class _Finder:
    def __init__(self, files: Files, root: str) -> None:
        self._files = files
        self._root = root
        self._problems: list[str] = []

    def result(self, paths: Sequence[str]) -> Discovery:
        return Discovery(self._root, tuple(dict.fromkeys(paths)), tuple(self._problems))

    async def first(self, directory: str, names: Sequence[str]) -> list[str]:
        """The first of these files that is there and can be used."""
        paths = [posixpath.join(directory, name) for name in names]
        for path, info in zip(paths, await asyncio.gather(*map(self._files.stat, paths)), strict=True):
            if usable := await self._usable(path, info):
                return [usable]
        return []

    async def cursor(self, directory: str) -> list[str]:
        """`.cursorrules` and the rule files beside it."""
        single = await self.first(directory, (_CURSOR,))
        folder = posixpath.join(directory, _CURSOR_RULES)
        try:
            entries = await self._files.list(folder)
        except OSError:
            return single
        rules = [entry for entry in entries if entry.path.endswith(".mdc")]
        if len(rules) > _MOST_RULES:
            self._problems.append(f"Only the first {_MOST_RULES} of {len(rules)} rules in {folder} are looked at.")
        found = [await self._usable(entry.path, entry) for entry in rules[:_MOST_RULES]]
        return [*single, *(path for path in found if path)]

    async def _usable(self, path: str, info: FileInfo | None) -> str:
        """The resolved path of a file that is there, is not empty and lies within the root; else empty."""
        if info is None:
            return ""
        resolved = await self._files.resolve(path)
        if info.kind == "link":
            if not inside(resolved, self._root):
                self._problems.append(f"{path} is a link that leads out of {self._root}; it is not used.")
                return ""
            info = await self._files.stat(resolved)
        return resolved if info is not None and info.kind == "file" and info.size else ""
