"""Carrying out changes of files: all of them, or none."""

from __future__ import annotations

import asyncio
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hermes_files.access import explained
from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_files.access import Located
    from hermes_host.protocols import FileInfo, Terminal

__all__ = ["Change", "commit"]


@dataclass(frozen=True)
class Change:
    """One file before and after. `before` is None where there was none, `after` None where there shall be none."""

    located: Located
    before: bytes | None
    after: bytes | None
    mode: int | None = None
    """Permission bits for a new file that replaces another name (a move)."""


async def commit(terminal: Terminal, changes: Sequence[Change]) -> None:
    """Write and remove files in order; when one fails, put back those before it and raise `ToolError`.

    Nothing is written when a file is no longer as it was when the changes were made up.
    """
    for change in changes:
        await _refuse_changed(terminal, change)
    done: list[tuple[Change, list[str]]] = []
    try:
        for change in changes:
            path = change.located.path
            with explained(change.located.shown, "Cannot write" if change.after is not None else "Cannot remove"):
                if change.after is None:
                    done.append((change, []))
                    await terminal.remove(path)
                else:
                    done.append((change, await _missing_parents(terminal, path) if change.before is None else []))
                    await terminal.write(path, change.after, mode=_mode(change))
    except BaseException as error:
        # Also on cancellation: a turn that is interrupted half-way leaves no half of a patch behind.
        lost = await _finish(asyncio.ensure_future(_put_back(terminal, done)))
        if lost and isinstance(error, Exception):
            raise ToolError(
                f"{error} Putting back failed for: {', '.join(lost)}.", remedy="Look at these files."
            ) from error
        raise


def _mode(change: Change) -> int | None:
    if change.mode is not None:
        return change.mode & 0o777
    info = change.located.info
    # A file that runs as its owner must not keep that right with a new content.
    return info.mode & 0o777 if info is not None and info.mode & 0o6000 else None


async def _refuse_changed(terminal: Terminal, change: Change) -> None:
    with explained(change.located.shown):
        now = await _stat(terminal, change.located.path)
    if _state(now) != _state(change.located.info):
        raise ToolError(
            f"{change.located.shown} was changed by somebody else in this moment; nothing was written.",
            remedy="Read it again.",
        )


def _state(info: FileInfo | None) -> tuple[object, ...]:
    return () if info is None else (info.kind, info.size, info.modified, info.identity)


async def _missing_parents(terminal: Terminal, path: str) -> list[str]:
    """The directories above `path` that do not exist, deepest first."""
    missing = []
    folder = posixpath.dirname(path)
    while folder != posixpath.dirname(folder) and await _stat(terminal, folder) is None:
        missing.append(folder)
        folder = posixpath.dirname(folder)
    return missing


async def _put_back(terminal: Terminal, done: Sequence[tuple[Change, list[str]]]) -> list[str]:
    """Undo, last first; gives the names of the files for which that failed."""
    lost = []
    for change, parents in reversed(done):
        path = change.located.path
        try:
            if _state(await _stat(terminal, path)) == _state(change.located.info):
                pass
            elif change.before is None:
                await terminal.remove(path)
            else:
                mode = change.located.info.mode & 0o777 if change.located.info is not None else None
                await terminal.write(path, change.before, mode=mode)
        except OSError:
            lost.append(change.located.shown)
        for folder in parents:
            try:
                await terminal.remove(folder)
            except OSError:
                break
    return lost


async def _finish(task: asyncio.Future[list[str]]) -> list[str]:
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            # The undoing must end first; the cancellation that brought us here is raised again after it.
            continue
    return task.result()


async def _stat(terminal: Terminal, path: str) -> FileInfo | None:
    try:
        return await terminal.stat(path)
    except NotADirectoryError:
        return None
