"""Searching with ripgrep on the terminal's own machine."""

from __future__ import annotations

import asyncio
import posixpath
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from hermes_files.query import Hit, Query, Tally
from hermes_host.errors import ToolError
from hermes_host.protocols import Command, Exited, Output

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from hermes_host.protocols import FileInfo, Terminal

__all__ = ["Missing", "Ripgrep", "is_present"]

_TIMEOUT = 60.0
_COLUMNS = 1000
_COLLECTED = 100_000
_ASKED_ONE_BY_ONE = 500
_ERROR_KEPT = 4000
_ROW = re.compile(rb"(\d+)([:-])(.*)", re.DOTALL)


class Missing(Exception):
    """There is no ripgrep on this terminal."""


async def is_present(terminal: Terminal) -> bool:
    """Whether `rg` runs on the terminal."""
    try:
        async with aclosing(_run(terminal, ("rg", "--no-config", "--version"), b"\n", [])) as rows:
            async for _ in rows:
                return True
    except Missing:
        pass
    return False


class Ripgrep:
    """The engine of choice: fast, and it knows `.gitignore`. Hidden files are searched, `.git` is not."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    async def files(self, query: Query) -> AsyncGenerator[str, None]:
        """As `Engine.files`."""
        found = await self._collected(query, "--files", separator=b"\0")
        for path in await self._newest_first([_path(row) for row in found], query):
            yield path

    async def tallies(self, query: Query) -> AsyncGenerator[Tally, None]:
        """As `Engine.tallies`."""
        if query.mode == "files_only":
            rows = await self._collected(query, "--files-with-matches", separator=b"\0")
            counts = dict.fromkeys(map(_path, rows), 0)
        else:
            rows = await self._collected(query, "--count", "--with-filename", separator=b"\n")
            parts = [row.rpartition(b"\0") for row in rows]
            counts = {_path(name): int(count) for name, _, count in parts if count.strip().isdigit()}
        for path in await self._newest_first(list(counts), query):
            yield Tally(path, counts[path])

    async def hits(self, query: Query) -> AsyncGenerator[Hit, None]:
        """As `Engine.hits`."""
        options = ["--line-number", "--with-filename", "--no-heading", "--no-context-separator"]
        options += [f"--max-columns={_COLUMNS}", "--max-columns-preview", f"--context={query.context}"]
        if "\\n" in query.pattern or "\n" in query.pattern:
            options.append("--multiline")
        # Sorted, so that a page goes on where the one before it ended. (By directory: ripgrep compares within each.)
        options.append("--sortr=modified")
        async with aclosing(self._rows(query, *options, separator=b"\n")) as rows:
            async for row in rows:
                name, _, rest = row.partition(b"\0")
                found = _ROW.fullmatch(rest)
                path = _path(name)
                if found and query.wants(path):
                    text = found[3].decode("utf-8", "replace").rstrip("\r")
                    yield Hit(path, int(found[1]), text, found[2] == b":")

    async def _collected(self, query: Query, *options: str, separator: bytes) -> list[bytes]:
        found: list[bytes] = []
        async with aclosing(self._rows(query, *options, separator=separator)) as rows:
            async for row in rows:
                found.append(row)
                if len(found) >= _COLLECTED:
                    query.notes.append(f"only {_COLLECTED:,} files were looked at: search a smaller directory")
                    break
        return found

    async def _newest_first(self, paths: Sequence[str], query: Query) -> list[str]:
        paths = [path for path in paths if query.wants(path)]
        times = await self._times(paths) if len(paths) > _ASKED_ONE_BY_ONE else {}
        missing = [path for path in paths if path not in times][:_ASKED_ONE_BY_ONE]
        for path, info in zip(missing, await asyncio.gather(*map(self._stat, missing)), strict=True):
            times[path] = info.modified if info is not None else 0.0
        return sorted(paths, key=lambda path: (-times.get(path, 0.0), path))

    async def _times(self, paths: Sequence[str]) -> dict[str, float]:
        """When the files were modified, by one command; without those it cannot tell."""
        names = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths)
        argv = ("xargs", "-0", "stat", "-c", "%.9Y %n")
        times: dict[str, float] = {}
        try:
            async with aclosing(_run(self._terminal, argv, b"\n", [], names)) as rows:
                async for row in rows:
                    time, _, name = row.partition(b" ")
                    if name and time.replace(b".", b"").isdigit():
                        times[_path(name)] = float(time)
        except (Missing, ToolError):
            pass
        return times

    async def _stat(self, path: str) -> FileInfo | None:
        try:
            return await self._terminal.stat(path)
        except OSError:
            return None

    def _rows(self, query: Query, *options: str, separator: bytes) -> AsyncGenerator[bytes, None]:
        argv = [
            "rg",
            "--no-config",
            "--no-messages",
            "--color=never",
            "--null",
            "--crlf",
            "--hidden",
            "--no-require-git",
        ]
        argv += ["--glob=!**/.git", *options]
        narrowing = next((posixpath.basename(glob) for glob in query.globs if _is_type_glob(glob)), "")
        if narrowing:
            # As a type and not with --glob, which brings back ignored files. The results meet the whole globs again.
            argv += [f"--type-add=wanted:{narrowing}", "--type=wanted"]
        if "--files" not in options:
            argv += ["--engine=auto", f"--regexp={query.pattern}"]
        return _run(self._terminal, (*argv, "--", query.root), separator, query.notes)


def _path(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _is_type_glob(glob: str) -> bool:
    """Whether the last part of `glob` can narrow the search beforehand."""
    name = posixpath.basename(glob)
    torn = glob.count("{") != name.count("{")
    return bool(name) and not torn and "**" not in name and not name.startswith("include:")


async def _run(
    terminal: Terminal, argv: tuple[str, ...], separator: bytes, notes: list[str], stdin: bytes = b""
) -> AsyncGenerator[bytes, None]:
    """What ripgrep prints, row by row. Raises `Missing`, or `ToolError` with ripgrep's own words."""
    rest, errors, printed = b"", b"", False
    try:
        events = cast(
            "AsyncGenerator[Output | Exited, None]", terminal.run(Command(argv=argv, stdin=stdin, timeout=_TIMEOUT))
        )
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Exited):
                    _finish(event, errors, printed, notes)
                elif event.stream == 2:
                    errors = (errors + event.data)[:_ERROR_KEPT]
                else:
                    *rows, rest = (rest + event.data).split(separator)
                    for row in rows:
                        printed = True
                        yield row
    except FileNotFoundError:
        raise Missing from None
    if rest:
        yield rest


def _finish(event: Exited, errors: bytes, printed: bool, notes: list[str]) -> None:
    if event.timed_out:
        notes.append(f"the search was stopped after {_TIMEOUT:.0f} s and is incomplete: search a smaller directory")
    elif event.code in (126, 127):
        raise Missing
    elif event.code == 2 and not printed and errors.strip():
        text = errors.decode("utf-8", "replace").strip()
        raise ToolError(f"The pattern cannot be searched for: {text}", remedy="Correct the regular expression.")
