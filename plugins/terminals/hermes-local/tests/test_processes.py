"""What a command costs the host: descriptors, memory, tasks; and what it gives back."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hermes_local.backend import LocalBackend

from hermes_host.protocols import Command, Exited
from hermes_host.testing.terminals import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def descriptors() -> int:
    return len(os.listdir("/dev/fd"))


async def given_back(expected: int) -> None:
    """A command's keeper ends a moment after the command, and the kernel says nothing of closed descriptors."""
    for _ in range(2000):
        if descriptors() == expected:
            return
        await asyncio.sleep(0.002)
    assert descriptors() == expected


async def test_every_descriptor_is_given_back(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    before = descriptors()
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        await run(terminal, "true")
        await given_back(before + 1)  # the socket to the warden
        during = descriptors()
        for _ in range(20):
            await run(terminal, "cat", stdin=b"x" * 100_000)
            await run(terminal, "cat", stdin=pieces())
            await run(terminal, "cat", stdin=b"x", pty=True)
            await run(terminal, "sleep 1000", timeout=0.01)
            await run(terminal, "sleep 0 & exit 3")
            with pytest.raises(FileNotFoundError):
                await run(terminal, argv=("no-such-program",))
            with pytest.raises(FileNotFoundError):
                await run(terminal, argv=("true",), cwd="/no/such/directory")
            async with aclosing(terminal.run(Command(script="echo begun; sleep 1000"))) as events:
                await anext(events)
        await run(terminal, "true")
        await given_back(during)
    await given_back(before)
    assert len(asyncio.all_tasks()) == 1


async def test_a_reader_that_takes_its_time_holds_the_command_back(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        script = "i=0; while [ $i -lt 200 ]; do head -c 100000 /dev/zero; i=$((i+1)); echo $i > written; done"
        length = 0
        async with aclosing(terminal.run(Command(script=script))) as events:
            first = await anext(events)
            length += len(first.data)
            # Nobody reads on: the pipe and what may wait here fill up, and the command stops.
            previous, written = -1, 0
            while written != previous:
                await asyncio.sleep(0.2)
                previous, written = written, int((tmp_path / "written").read_text(encoding="utf-8"))
            assert written < 50
            async for event in events:
                if not isinstance(event, Exited):
                    length += len(event.data)
        assert length == 20_000_000


async def test_background_children_may_go_on_writing_without_filling_anything(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        script = (
            "(i=0; while [ $i -lt 50 ]; do head -c 100000 /dev/zero; i=$((i+1)); done; echo done > end) & echo begun"
        )
        assert (await run(terminal, script)).code == 0
        waited = await run(terminal, "while [ ! -e end ]; do sleep 0.02; done; cat end", timeout=20)
        assert waited.out == b"done\n"


async def test_running_out_of_descriptors_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The limit is on numbers: those that are free between the open ones must not be there to be taken.
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    fillers = []
    while (filler := os.dup(0)) < highest:
        fillers.append(filler)
    os.close(filler)
    before = descriptors() + 1  # the socket to the warden
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        await run(terminal, "true")
        await given_back(before)
        refused = 0
        for spare in range(10):
            for pty in (False, True):
                resource.setrlimit(resource.RLIMIT_NOFILE, (before + spare, limits[1]))
                try:
                    await run(terminal, "true", pty=pty)
                except OSError as error:
                    refused += error.errno == errno.EMFILE
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                await given_back(before)
        assert refused > 4
        assert (await run(terminal, "echo on")).out == b"on\n"
    for filler in fillers:
        os.close(filler)


def children() -> str:
    return "".join(path.read_text(encoding="utf-8") for path in Path("/proc/self/task").glob("*/children"))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
async def test_work_with_files_starts_no_process(tmp_path: Path) -> None:
    before = children()
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        await terminal.write("file", b"x")
        assert await terminal.read("file") == b"x"
        assert set(children().split()) <= set(before.split()), "what an earlier test has left may end meanwhile"


async def test_input_that_fails_ends_the_command_with_its_error(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"one"
        raise LookupError("the source is gone")

    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        with pytest.raises(LookupError, match="the source is gone"):
            await run(terminal, "cat; sleep 1000", stdin=broken())
        assert (await run(terminal, "pgrep -P $PPID -f 'sleep 1000'")).out == b""
