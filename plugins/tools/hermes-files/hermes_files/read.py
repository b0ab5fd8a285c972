"""The tool `read_file`: numbered lines of a text file, as they are."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from hermes_files.access import LARGEST, Access, Located, explained, open_access
from hermes_files.arguments import MAX_LINES
from hermes_files.binary import not_text, refuse_known
from hermes_files.phrases import counted
from hermes_files.seen import seen
from hermes_files.text import Document, NotText, decode, printable, refuse_binary
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput

if TYPE_CHECKING:
    from hermes_files.arguments import ReadFile
    from hermes_host.context import ToolContext

__all__ = ["load", "read_file", "read_text"]

_LINE_SHOWN = 2000
_CHARACTERS_SHOWN = 90_000
_HEAD = 8192
_HEAD_FIRST = 1024 * 1024
_LISTED = 40


async def read_file(arguments: ReadFile, call: ToolContext) -> ToolOutput:
    """Show `limit` lines from line `offset` on. Raises `ToolError` for what cannot be read, with what to do instead."""
    access = await open_access(call)
    located = await access.locate(arguments.path, "read")
    access.enforce([located])
    document = await read_text(access, located, arguments.path)
    seen(call.session).note(located.path, document.data)
    return _page(document, located.shown, arguments.offset, min(arguments.limit, MAX_LINES))


async def read_text(access: Access, located: Located, asked: str) -> Document:
    """The whole file. Raises `ToolError` naming near files, a directory's content, or the kind of a binary file."""
    if located.info is None:
        raise ToolError(f"There is no file {asked}.", remedy=await _near_names(access, located.path))
    if located.info.kind == "directory":
        raise ToolError(f"{located.shown} is a directory.", remedy=await _listing(access, located.path))
    data = await load(access, located)
    refuse_known(located.shown, data[:16])
    try:
        return decode(data)
    except NotText as error:
        raise not_text(located.shown, data[:16], str(error)) from None


async def load(access: Access, located: Located) -> bytes:
    """The bytes of a regular file. Raises `ToolError` when it is too large, or large and binary."""
    size = located.info.size if located.info is not None else 0
    with explained(located.shown, "Cannot read"):
        if size > _HEAD_FIRST:
            head = await access.terminal.read(located.path, limit=_HEAD)
            try:
                refuse_binary(head)
            except NotText as error:
                raise not_text(located.shown, head, str(error)) from None
        if size > LARGEST:
            raise ToolError(
                f"{located.shown} has {size:,} bytes; more than {LARGEST:,} are not read at once.",
                remedy="Use search_files, or head, tail and sed in the terminal.",
            )
        return await access.terminal.read(located.path)


def _page(document: Document, shown: str, offset: int, limit: int) -> ToolOutput:
    total = document.line_count
    details = f" ({document.description})" if document.description else ""
    if not total:
        return ToolOutput(content=f"[{shown} is empty{details}]", title="empty")
    if offset > total:
        raise ToolError(
            f"{shown} has {counted(total, 'line')}; there is no line {offset}.", remedy="Use a smaller offset."
        )
    rows: list[str] = []
    cut = False
    room = _CHARACTERS_SHOWN
    for number, line in enumerate(_take(document, offset, limit), offset):
        if len(line) > _LINE_SHOWN:
            cut = True
            line = f"{line[:_LINE_SHOWN]} …[cut: {len(line) - _LINE_SHOWN} more characters]"
        room -= len(line) + 8
        if room < 0 and rows:
            break
        rows.append(f"{number}|{line}")
    last = offset + len(rows) - 1
    notes = [
        f"lines {offset}-{last} of {total}{details}" if len(rows) < total else f"{counted(total, 'line')}{details}"
    ]
    if last < total:
        notes.append(f"read on with offset={last + 1}")
    elif not document.text.endswith(("\n", "\r")):
        notes.append("no newline at the end")
    if cut:
        notes.append("long lines are cut only here, the file is whole; leave the cut marks out of edits")
    content = "\n".join(rows) + f"\n[{'; '.join(notes)}]"
    return ToolOutput(
        content=content if document.errors == "strict" else printable(content), title=counted(len(rows), "line")
    )


def _take(document: Document, offset: int, limit: int) -> list[str]:
    """The lines asked for, without splitting the rest of a long text."""
    text, separator = document.text, "\r" if document.endings.style == "\r" else "\n"
    start = 0
    for _ in range(offset - 1):
        start = text.index(separator, start) + 1
    lines: list[str] = []
    while len(lines) < limit and start < len(text):
        end = text.find(separator, start)
        end = len(text) if end < 0 else end
        lines.append(text[start:end].removesuffix("\r"))
        start = end + 1
    return lines


async def _near_names(access: Access, path: str) -> str:
    """What exists where `path` is missing: names like the first missing part, in the deepest directory there is."""
    folder, name = posixpath.split(path)
    while folder != "/":
        try:
            info = await access.terminal.stat(folder)
        except OSError:
            info = None
        if info is not None:
            break
        folder, name = posixpath.split(folder)
    try:
        entries = await access.terminal.list(folder)
    except OSError:
        return "Look with search_files(target='files')."
    from difflib import get_close_matches

    names = {each.casefold(): each for each in (posixpath.basename(entry.path) for entry in entries)}
    near = [names[each] for each in get_close_matches(name.casefold(), names, n=5, cutoff=0.6)]
    where = "the session's directory" if folder == access.places.workspace else access.show(folder)
    if near:
        return f"Near names in {where}: {', '.join(near)}."
    return f"Nothing like {name!r} is in {where}. Look with search_files(target='files')."


async def _listing(access: Access, path: str) -> str:
    with explained(path, "Cannot list"):
        entries = await access.terminal.list(path)
    names = [posixpath.basename(entry.path) + ("/" if entry.kind == "directory" else "") for entry in entries]
    if not names:
        return "It is empty."
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"It holds: {', '.join(names[:_LISTED])}{more}. Name a file, or use search_files(target='files')."
