"""The tool `search_files`: lines by regular expression, or files by name."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hermes_files.access import Access, Located, open_access
from hermes_files.phrases import counted
from hermes_files.query import Engine, Hit, Query, Tally
from hermes_files.ripgrep import Missing, Ripgrep, is_present
from hermes_files.walk import Walk
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

    from hermes_files.arguments import SearchFiles
    from hermes_host.context import ToolContext

__all__ = ["search_files"]

T = TypeVar("T")

_RIPGREP = "files.ripgrep"
_LINE_SHOWN = 500
_MOST = 1000
_CHARACTERS_SHOWN = 80_000
_MAX_CONTEXT = 50


async def search_files(arguments: SearchFiles, call: ToolContext) -> ToolOutput:
    """Search below `path`. Raises `ToolError` for a bad pattern or a missing directory."""
    access = await open_access(call)
    located = await access.locate(arguments.path, "read")
    access.enforce([located])
    if located.info is None:
        raise ToolError(f"There is no file or directory {arguments.path}.", remedy="Search a directory above it.")
    if not arguments.pattern:
        raise ToolError("pattern is empty.", remedy="Give a regular expression, or target=files with a glob such as *.")
    try:
        return await _search(arguments, access, located, await _engine(access, call))
    except Missing:
        call.session.memory[_RIPGREP] = False
        return await _search(arguments, access, located, Walk(access.terminal))


async def _engine(access: Access, call: ToolContext) -> Engine:
    present = call.session.memory.get(_RIPGREP)
    if present is None:
        present = call.session.memory[_RIPGREP] = await is_present(access.terminal)
    return Ripgrep(access.terminal) if present else Walk(access.terminal)


async def _search(arguments: SearchFiles, access: Access, located: Located, engine: Engine) -> ToolOutput:
    limit, offset = min(arguments.limit, _MOST), arguments.offset
    globs = (arguments.file_glob,) if arguments.file_glob else ()
    if arguments.target == "files":
        query = Query("", located.path, (_name_glob(arguments.pattern), *globs))
        files = _readable(engine.files(query), access, lambda path: path)
        return _listed(await _page(files, offset, limit), arguments, query, access)
    query = Query(
        arguments.pattern,
        located.path,
        globs,
        min(arguments.context, _MAX_CONTEXT) if arguments.output_mode == "content" else 0,
        arguments.output_mode,
    )
    if arguments.output_mode == "content":
        hits = _readable(engine.hits(query), access, lambda hit: hit.path)
        return _matches(await _page(hits, offset, limit, lambda hit: hit.matches, _width), arguments, query, access)
    tallies = _readable(engine.tallies(query), access, lambda tally: tally.path)
    return _tallied(await _page(tallies, offset, limit), arguments, query, access)


def _name_glob(pattern: str) -> str:
    """A word without wildcards means every name that contains it."""
    return pattern if any(char in pattern for char in "*?[{/") else f"*{pattern}*"


async def _readable(
    found: AsyncGenerator[T, None], access: Access, path_of: Callable[[T], str]
) -> AsyncGenerator[T, None]:
    """Without what lies in files the model may not read."""
    last, allowed = "", False
    async with aclosing(found) as rows:
        async for row in rows:
            path = path_of(row)
            if path != last:
                last, allowed = path, await access.is_readable(path)
            if allowed:
                yield row


class _Page(NamedTuple):
    """The rows of a page, and where the next page begins (0 where this is the last)."""

    rows: list[Any]
    next_offset: int


async def _page(
    found: AsyncGenerator[T, None],
    offset: int,
    limit: int,
    counts: Callable[[T], bool] = lambda _: True,
    size: Callable[[T], int] = lambda _: 80,
) -> _Page:
    """The rows asked for; those that do not count (context) go with their neighbours. Stops as soon as it is full."""
    rows: list[T] = []
    before: list[T] = []
    number, room = 0, _CHARACTERS_SHOWN
    async with aclosing(found) as iterator:
        async for row in iterator:
            if counts(row):
                if number >= offset + limit or (room <= 0 and rows):
                    return _Page(rows, number)
                number += 1
            if number > offset:
                rows += [*before, row]
                before = []
                room -= size(row)
            elif counts(row):
                before = []
            else:
                before.append(row)
    return _Page(rows, 0)


def _listed(page: _Page, arguments: SearchFiles, query: Query, access: Access) -> ToolOutput:
    rows = [access.show(path) for path in page.rows]
    return _output(rows, page, arguments, query, counted(len(rows), "file"), "files")


def _tallied(page: _Page, arguments: SearchFiles, query: Query, access: Access) -> ToolOutput:
    tallies: Sequence[Tally] = page.rows
    if arguments.output_mode == "files_only":
        rows = [access.show(tally.path) for tally in tallies]
        return _output(rows, page, arguments, query, counted(len(rows), "file"), "files")
    rows = [f"{access.show(tally.path)}: {tally.matches}" for tally in tallies]
    total = sum(tally.matches for tally in tallies)
    return _output(
        rows, page, arguments, query, f"{counted(total, 'match', 'matches')} in {counted(len(rows), 'file')}", "files"
    )


def _matches(page: _Page, arguments: SearchFiles, query: Query, access: Access) -> ToolOutput:
    hits: Sequence[Hit] = page.rows
    count = sum(hit.matches for hit in hits)
    files = len({hit.path for hit in hits})
    title = f"{counted(count, 'match', 'matches')} in {counted(files, 'file')}"
    return _output(list(_rows(hits, access, query.context)), page, arguments, query, title, "matches")


def _width(hit: Hit) -> int:
    return min(len(hit.text), _LINE_SHOWN) + 10


def _rows(hits: Sequence[Hit], access: Access, context: int) -> Iterator[str]:
    path, line = "", 0
    for hit in hits:
        if hit.path != path:
            yield ("\n" if path else "") + access.show(hit.path)
        elif context and hit.line > line + 1:
            yield "--"
        path, line = hit.path, hit.line
        text = hit.text if len(hit.text) <= _LINE_SHOWN else f"{hit.text[:_LINE_SHOWN]} …[cut]"
        yield f"{hit.line}{':' if hit.matches else '-'}{text}"


def _output(
    rows: Sequence[str], page: _Page, arguments: SearchFiles, query: Query, title: str, unit: str
) -> ToolOutput:
    notes = [title, *query.notes]
    if page.next_offset:
        notes[0] += f", and more: go on with offset={page.next_offset}"
    if not rows:
        what = f"file_glob {arguments.file_glob!r} and " if arguments.file_glob else ""
        notes[0] = f"No {unit} for {what}{arguments.pattern!r} in {arguments.path}"
        notes[0] += f" after the first {arguments.offset}" if arguments.offset else ""
        notes[0] += " (files that .gitignore names are not searched)"
    text = "\n".join([*rows, f"[{'; '.join(notes)}]"])
    return ToolOutput(content=text.encode("utf-8", "replace").decode("utf-8"), title=title)
