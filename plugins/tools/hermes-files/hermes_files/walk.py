"""Searching without ripgrep: through the terminal's own `list` and `read`, with the same rules at a lower speed.

One dialect of regular expressions for every backend is worth more than the speed of whatever `grep` may be there. The
third-party module `regex` matches in a thread, without holding the interpreter, and gives up on a runaway pattern.
"""

from __future__ import annotations

import asyncio
import codecs
import posixpath
import time
from typing import TYPE_CHECKING, Any

from hermes_files.globs import IgnoreRule, ignored, parse_ignore
from hermes_files.query import Hit, Query, Tally
from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from hermes_host.protocols import FileInfo, Terminal

__all__ = ["Walk"]

Row = tuple[int, str, bool]
"""Line number, line, and whether it matches."""

_FILES = 50_000
_SECONDS = 30.0
_LARGEST_FILE = 20_000_000
_BATCH = 64
_TOGETHER = 16
_PATTERN_SECONDS = 5.0
_IGNORE_FILES = (".gitignore", ".ignore")


class Walk:
    """The engine for terminals without ripgrep."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._deadline = time.monotonic() + _SECONDS

    async def files(self, query: Query) -> AsyncGenerator[str, None]:
        """As `Engine.files`."""
        for info in await self._newest_first(query):
            yield info.path

    async def tallies(self, query: Query) -> AsyncGenerator[Tally, None]:
        """As `Engine.tallies`."""
        async for path, rows in self._searched(query, context=0):
            yield Tally(path, len(rows))

    async def hits(self, query: Query) -> AsyncGenerator[Hit, None]:
        """As `Engine.hits`."""
        async for path, rows in self._searched(query, context=query.context):
            for line, text, matches in rows:
                yield Hit(path, line, text, matches)

    async def _searched(
        self, query: Query, context: int
    ) -> AsyncGenerator[tuple[str, list[tuple[int, str, bool]]], None]:
        pattern = _compile(query.pattern)
        files = [info for info in await self._newest_first(query) if info.size <= _LARGEST_FILE]
        for start in range(0, len(files), _BATCH):
            if time.monotonic() > self._deadline:
                self._cut_short(query)
                return
            batch = files[start : start + _BATCH]
            contents = await self._read(batch)
            found = await asyncio.to_thread(_search_batch, pattern, query.pattern, contents, context)
            for info, rows in zip(batch, found, strict=True):
                if rows:
                    yield info.path, rows

    async def _read(self, batch: Sequence[FileInfo]) -> list[bytes]:
        contents: list[bytes] = []
        for start in range(0, len(batch), _TOGETHER):
            part = batch[start : start + _TOGETHER]
            got = await asyncio.gather(*(self._terminal.read(info.path) for info in part), return_exceptions=True)
            for each in got:
                if isinstance(each, BaseException) and not isinstance(each, OSError):
                    raise each
                contents.append(b"" if isinstance(each, OSError) else each)
        return contents

    async def _newest_first(self, query: Query) -> list[FileInfo]:
        root = await self._terminal.stat(query.root)
        if root is None or root.kind != "directory":
            return [root] if root is not None else []
        found: list[FileInfo] = []
        pending: list[tuple[str, tuple[IgnoreRule, ...]]] = [(query.root, await self._rules_above(query.root))]
        while pending:
            if len(found) > _FILES or time.monotonic() > self._deadline:
                self._cut_short(query)
                break
            level, pending = pending[:_TOGETHER], pending[_TOGETHER:]
            for (folder, rules), entries in zip(level, await self._list(level), strict=True):
                rules = await self._with_rules_of(folder, entries, rules)
                for entry in entries:
                    if entry.path.endswith("/.git") or ignored(entry.path, entry.kind == "directory", rules):
                        continue
                    if entry.kind == "directory":
                        pending.append((entry.path, rules))
                    elif entry.kind == "file" and query.wants(entry.path):
                        found.append(entry)
        found.sort(key=lambda info: (-info.modified, info.path))
        return found

    async def _list(self, level: Sequence[tuple[str, Any]]) -> list[Sequence[FileInfo]]:
        got = await asyncio.gather(*(self._terminal.list(folder) for folder, _ in level), return_exceptions=True)
        listed: list[Sequence[FileInfo]] = []
        for each in got:
            if isinstance(each, BaseException) and not isinstance(each, OSError):
                raise each
            listed.append(() if isinstance(each, BaseException) else each)
        return listed

    async def _with_rules_of(
        self, folder: str, entries: Sequence[FileInfo], rules: tuple[IgnoreRule, ...]
    ) -> tuple[IgnoreRule, ...]:
        for entry in entries:
            if entry.kind == "file" and posixpath.basename(entry.path) in _IGNORE_FILES:
                rules = (*rules, *await self._parsed(entry.path, folder))
        return rules

    async def _rules_above(self, root: str) -> tuple[IgnoreRule, ...]:
        """Rules of the directories above, as far as the repository's top."""
        rules: tuple[IgnoreRule, ...] = ()
        folder = root
        while folder != "/" and await self._terminal.stat(posixpath.join(folder, ".git")) is None:
            folder = posixpath.dirname(folder)
            for name in _IGNORE_FILES:
                rules = (*await self._parsed(posixpath.join(folder, name), folder), *rules)
        return rules

    async def _parsed(self, path: str, folder: str) -> list[IgnoreRule]:
        try:
            text = (await self._terminal.read(path)).decode("utf-8", "replace")
        except OSError:
            return []
        return parse_ignore(text, folder)

    def _cut_short(self, query: Query) -> None:
        query.notes.append(
            f"the search was stopped after {_FILES:,} files or {_SECONDS:.0f} s and is incomplete: search a smaller "
            "directory, or have ripgrep installed"
        )


def _compile(pattern: str) -> Any:
    import regex

    try:
        return regex.compile(pattern, regex.MULTILINE | regex.VERSION0)
    except regex.error as error:
        raise ToolError(
            f"The pattern cannot be searched for: regex parse error: {error}", remedy="Correct the regular expression."
        ) from None


def _search_batch(pattern: Any, source: str, contents: Sequence[bytes], context: int) -> list[list[Row]]:
    deadline = time.monotonic() + _PATTERN_SECONDS
    try:
        return [_search(pattern, source, data, context, deadline) for data in contents]
    except TimeoutError:
        raise ToolError(
            "The pattern takes too long: it backtracks without end.", remedy="Avoid nested repetitions such as (a+)+."
        ) from None


def _search(pattern: Any, source: str, data: bytes, context: int, deadline: float) -> list[Row]:
    text = _text(data).replace("\r\n", "\n")
    if not text or _remaining(deadline) <= 0:
        return []
    whole = pattern.search(text, timeout=_remaining(deadline), concurrent=True)
    # A pattern that can look beyond its line may find in a single line what it does not find in the whole text.
    if whole is None and not any(sign in source for sign in ("(?", "\\A", "\\Z", "\\z")):
        return []
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    if "\n" in source or "\\n" in source:
        matching = set(_lines_spanned(pattern, text, deadline))
    else:
        matching = {
            index
            for index, line in enumerate(lines)
            if pattern.search(line, timeout=_remaining(deadline), concurrent=len(line) > 1000)
        }
    return [(index + 1, lines[index], index in matching) for index in _around(matching, context, len(lines))]


def _lines_spanned(pattern: Any, text: str, deadline: float) -> Iterator[int]:
    for match in pattern.finditer(text, timeout=_remaining(deadline), concurrent=True):
        first = text.count("\n", 0, match.start())
        yield from range(first, first + text.count("\n", match.start(), max(match.end() - 1, match.start())) + 1)


def _around(matching: set[int], context: int, count: int) -> list[int]:
    wanted = {near for index in matching for near in range(max(index - context, 0), min(index + context + 1, count))}
    return sorted(wanted)


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _text(data: bytes) -> str:
    """The text of a file, roughly: a search changes nothing, so a doubtful byte may become a question mark."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode("utf-8-sig" if encoding == "utf-8" else encoding, "replace")
    if b"\0" in data[:8192]:
        return ""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
