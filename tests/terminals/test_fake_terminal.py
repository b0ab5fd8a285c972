from __future__ import annotations

import asyncio

import pytest

from hermes_host.context import SessionContext
from hermes_host.errors import Unsupported
from hermes_host.protocols import Terminal
from hermes_host.terminals import Terminals
from hermes_host.testing import FakeTerminalBackend, TerminalContract
from hermes_host.testing.terminals import FakeCommand, FakeTerminal, run


class TestFakeTerminal(TerminalContract):
    features = frozenset({"files", "background"})
    runs_programs = False

    @pytest.fixture
    def backend(self) -> FakeTerminalBackend:
        return FakeTerminalBackend()

    async def make_link(self, terminal: Terminal, target: str, path: str) -> None:
        assert isinstance(terminal, FakeTerminal)
        terminal.make_link(target, path)

    async def make_hard_link(self, terminal: Terminal, target: str, path: str) -> None:
        assert isinstance(terminal, FakeTerminal)
        terminal.make_hard_link(target, path)

    async def make_fifo(self, terminal: Terminal, path: str) -> None:
        assert isinstance(terminal, FakeTerminal)
        terminal.make_fifo(path)


class TestFakeTerminalWithoutFiles(TerminalContract):
    features = frozenset()
    runs_programs = False

    @pytest.fixture
    def backend(self) -> FakeTerminalBackend:
        return FakeTerminalBackend(features=frozenset())


async def test_scripted_commands_answer_as_they_were_told() -> None:
    backend = FakeTerminalBackend(
        {
            "make": FakeCommand(output=b"built\n", errors=b"one warning\n", code=2, files={"/out": b"binary"}),
            "cat": FakeCommand(echoes_input=True),
            "sleep": FakeCommand(output=b"begun", hangs=True),
        }
    )
    async with backend.open("key", "/project") as terminal:
        made = await run(terminal, "make")
        assert (made.out, made.err, made.code) == (b"built\n", b"one warning\n", 2)
        assert await terminal.read("/out") == b"binary"
        assert (await run(terminal, argv=("cat",), stdin=b"hello")).out == b"hello"
        slept = await run(terminal, "sleep 100", timeout=0.01)
        assert (slept.out, slept.code, slept.timed_out) == (b"begun", 124, True)
        assert (await run(terminal, "unheard of")).code == 127
        with pytest.raises(FileNotFoundError):
            await run(terminal, argv=("unheard", "of"))
        assert [command.script for command in backend.ran][:1] == ["make"]


async def test_a_shell_finds_its_commands_in_the_fake() -> None:
    backend = FakeTerminalBackend({"git status": FakeCommand(output=b"clean\n")})

    async def connect(name: str) -> FakeTerminalBackend:
        return backend

    terminals = Terminals(connect)
    shell = await terminals.shell(SessionContext("one", directory="/project"))
    result = await shell.run("git status")
    assert (result.output, result.code, result.directory) == ("clean\n", 0, "/project")
    await terminals.aclose()
    assert backend.open_terminals == []


async def test_a_hanging_fake_is_killed_by_leaving_it() -> None:
    backend = FakeTerminalBackend({"serve": FakeCommand(output=b"ready", hangs=True)})
    async with backend.open("key", "") as terminal, asyncio.timeout(5):
        task = asyncio.create_task(run(terminal, "serve"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Unsupported):
            await terminal.hibernate()
