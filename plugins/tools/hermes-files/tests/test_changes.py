"""All or nothing, also when the work is interrupted."""

from __future__ import annotations

import asyncio

import pytest
from hermes_files.access import open_access
from hermes_files.changes import Change, commit

from hermes_host.errors import ToolError


class Stalling:
    """The real terminal, but writing the file `name` never ends."""

    def __init__(self, terminal, name):
        self._terminal = terminal
        self._name = name
        self.stalled = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._terminal, name)

    async def write(self, path, data, *, mode=None):
        if path.endswith(self._name):
            self.stalled.set()
            await asyncio.Event().wait()
        return await self._terminal.write(path, data, mode=mode)


async def changes_of(session, **contents):
    access = await open_access(session.call("patch"))
    changes = []
    for name, (before, after) in contents.items():
        located = await access.locate(f"{name}.txt", "write")
        changes.append(Change(located, before, after))
    return access.terminal, changes


async def test_an_interrupted_patch_leaves_no_half_behind(session):
    session.write("a.txt", "old a")
    session.write("b.txt", "old b")
    terminal, changes = await changes_of(
        session, a=(b"old a", b"new a"), fresh=(None, b"fresh"), b=(b"old b", b"new b")
    )
    stalling = Stalling(terminal, "b.txt")
    task = asyncio.create_task(commit(stalling, changes))
    await stalling.stalled.wait()
    assert (session.directory / "a.txt").read_bytes() == b"new a"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {path.name: path.read_bytes() for path in session.directory.iterdir()} == {
        "a.txt": b"old a",
        "b.txt": b"old b",
    }


async def test_a_file_that_changes_after_the_plan_was_made_stops_all_of_it(session):
    session.write("a.txt", "old a")
    path = session.write("b.txt", "old b")
    terminal, changes = await changes_of(session, a=(b"old a", b"new a"), b=(b"old b", b"new b"))
    path.write_bytes(b"somebody else's")
    with pytest.raises(ToolError, match=r"b\.txt was changed by somebody else"):
        await commit(terminal, changes)
    assert (session.directory / "a.txt").read_bytes() == b"old a"
    assert path.read_bytes() == b"somebody else's"
