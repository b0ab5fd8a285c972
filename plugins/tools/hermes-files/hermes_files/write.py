"""The tool `write_file`: a new file, or a new content that keeps an old file's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_files.access import Located, open_access
from hermes_files.changes import Change, commit
from hermes_files.difference import count_changes, unified
from hermes_files.lineedits import keep_endings
from hermes_files.phrases import counted
from hermes_files.read import load
from hermes_files.seen import seen
from hermes_files.syntax import new_problem
from hermes_files.text import Document, NotText, Unencodable, adapt_endings, decode, printable
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput

if TYPE_CHECKING:
    from hermes_files.arguments import WriteFile
    from hermes_host.context import SessionContext, ToolContext

__all__ = ["refuse_unknown", "write_file"]


async def write_file(arguments: WriteFile, call: ToolContext) -> ToolOutput:
    """Write `content` atomically. Raises `ToolError` when policy forbids it or the model does not know the old content.

    An existing file keeps its encoding, byte order mark and mode. When the content has only LF line endings and the
    file has others, they become the file's; a content with a CR of its own is written as it is.
    """
    access = await open_access(call)
    located = await access.locate(arguments.path, "write")
    access.enforce([located])
    if located.info is not None and located.info.kind == "directory":
        raise ToolError(f"{located.shown} is a directory.", remedy="Name a file in it.")
    document = None
    before = None
    if located.info is not None:
        before = await load(access, located)
        document = _known(call.session, located, before)
    data, notes = _encoded(arguments.content, document)
    if data == before:
        return ToolOutput(content=f"{located.shown} has this content already; nothing was written.", title="unchanged")
    output = _report(located, document, _decoded(data), notes)
    await commit(access.terminal, [Change(located, before, data)])
    seen(call.session).note(located.path, data)
    return output


def refuse_unknown(session: SessionContext, located: Located, data: bytes, *, may_be_new: bool = False) -> None:
    """Raise `ToolError` when the model's knowledge of the file is missing (unless it `may_be_new`) or out of date."""
    state = seen(session).state(located.path, data)
    if state == "changed":
        raise ToolError(
            f"{located.shown} has changed since you last read or wrote it; nothing was done.",
            remedy="Read it again, then repeat the change.",
        )
    if state == "never" and not may_be_new:
        raise ToolError(
            f"{located.shown} exists and you have not read it; nothing was done.",
            remedy="Read it first with read_file, or change a part of it with patch.",
        )


def _decoded(data: bytes) -> Document | None:
    """The text of `data`, None where it is binary."""
    try:
        return decode(data)
    except NotText:
        return None


def _known(session: SessionContext, located: Located, before: bytes) -> Document | None:
    if not before:
        return None
    try:
        document = decode(before)
    except NotText as error:
        raise ToolError(
            f"{located.shown} exists and is {error}; it is not replaced by text.",
            remedy="Choose another name, or remove it in the terminal first.",
        ) from None
    refuse_unknown(session, located, before)
    return document


def _encoded(content: str, document: Document | None) -> tuple[bytes, list[str]]:
    """The bytes to write, in the form of the old file, and what to tell about it."""
    notes: list[str] = []
    if document is None:
        return _utf8(content), notes
    style = document.endings.style
    if document.endings.mixed and "\r" not in content:
        content = keep_endings(document.text, content, style)
        notes.append("kept mixed line endings")
    elif style != "\n" and "\r" not in content and "\n" in content:
        content = adapt_endings(content, style)
        notes.append(f"kept {document.endings.name} line endings")
    content = content.removeprefix("\ufeff") if document.mark else content
    if document.encoding == "utf-8":
        return document.mark + _utf8(content), notes
    try:
        data = document.mark + document.encode(content)
    except Unencodable as error:
        return _utf8(content), [*notes, f"saved as UTF-8, because {error.encoding} has no {error.characters!r}"]
    return data, [*notes, f"kept the encoding {document.encoding}"]


def _utf8(content: str) -> bytes:
    try:
        return content.encode("utf-8")
    except UnicodeEncodeError:
        raise ToolError("content holds a lone surrogate, which is no character.", remedy="Send it without.") from None


def _report(located: Located, before: Document | None, after: Document | None, notes: list[str]) -> ToolOutput:
    created = located.info is None
    new_text = printable(after.text) if after is not None else ""
    old_text = printable(before.text) if before is not None else ""
    diff = unified(old_text, new_text, "/dev/null" if created else located.shown, located.shown) if after else ""
    added, removed = count_changes(diff)
    lines = after.line_count if after is not None else 0
    told = f"{'Created' if created else 'Wrote'} {located.shown}: {counted(lines, 'line')}"
    if not created:
        told += f", {added} added and {removed} removed"
    told += "".join(f"; {note}" for note in notes) + "."
    problem = new_problem(located.path, None if created else old_text, new_text)
    if problem:
        told += f"\nWarning: the file now has a syntax error, {problem}"
    return ToolOutput(content=told, title="created" if created else f"+{added} -{removed}", diff=diff)
