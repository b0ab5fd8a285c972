"""What is searched for, and what a search finds, whichever program does the work."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from hermes_files.globs import compile_glob

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["Engine", "Hit", "Query", "Tally"]


class Hit(NamedTuple):
    """A line of a file: one that matches, or one near it."""

    path: str
    line: int
    text: str
    matches: bool


class Tally(NamedTuple):
    """A file with the number of its matching lines (0 where nobody counted)."""

    path: str
    matches: int


@dataclass
class Query:
    """One search. `notes` collects what the person who reads the result should know."""

    pattern: str
    root: str
    globs: tuple[str, ...] = ()
    """Globs that a file must match, all of them."""
    context: int = 0
    mode: Literal["content", "files_only", "count"] = "content"
    notes: list[str] = field(default_factory=list)

    def wants(self, path: str) -> bool:
        """Whether the globs let `path` through."""
        if not self.globs:
            return True
        inside = self.root.rstrip("/") + "/"
        name = path.removeprefix(inside) if path != self.root else posixpath.basename(path)
        return all(compile_glob(glob).fullmatch(name) for glob in self.globs)


class Engine(Protocol):
    """A way to search. Files come newest first; the iterators may be closed early, which ends the work."""

    def files(self, query: Query) -> AsyncGenerator[str, None]:
        """Files whose names the globs match."""
        ...

    def tallies(self, query: Query) -> AsyncGenerator[Tally, None]:
        """Files with a matching line. Raises `ToolError` for a pattern that is no regular expression."""
        ...

    def hits(self, query: Query) -> AsyncGenerator[Hit, None]:
        """Matching lines and those near them, file by file, in order. Raises as `tallies`."""
        ...
