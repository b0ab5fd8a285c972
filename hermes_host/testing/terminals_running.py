"""The part of the conformance kit for terminals that runs programs."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hermes_host.errors import Unsupported
from hermes_host.protocols import Command, Exited, Terminal, TerminalBackend
from hermes_host.testing.contract import Contract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["ALL_BYTES", "Finished", "Opened", "TerminalRunning", "run"]


class Finished(msgspec.Struct, kw_only=True):
    """A command's output and end."""

    code: int
    out: bytes
    err: bytes
    timed_out: bool


async def run(terminal: Terminal, script: str = "", **fields: Any) -> Finished:
    """Run a command to its end. Checks that the end comes last and once."""
    parts: dict[int, list[bytes]] = {1: [], 2: []}
    ends: list[Exited] = []
    async with aclosing(terminal.run(Command(script=script, **fields))) as events:  # type: ignore[type-var]
        async for event in events:
            assert not ends, f"after the end came {event!r}"
            if isinstance(event, Exited):
                ends.append(event)
            else:
                parts[event.stream].append(event.data)
    assert len(ends) == 1, "the command's end was not reported"
    return Finished(code=ends[0].code, out=b"".join(parts[1]), err=b"".join(parts[2]), timed_out=ends[0].timed_out)


ALL_BYTES = bytes(range(256))


class TerminalRunning(Contract):
    """What `Terminal.run` keeps to."""

    runs_programs = True
    """False for a fake that only knows scripted answers: tests that need a real shell are then skipped."""
    patience = 1.0
    """Seconds a script may take to start three processes: raise it for a backend that is far away."""

    @pytest.fixture
    def directory(self) -> str:
        """Where the terminal starts; empty for the backend's own choice."""
        return ""

    @pytest.fixture
    async def terminal(self, backend: TerminalBackend, directory: str) -> AsyncIterator[Terminal]:
        """A terminal of the backend."""
        async with Opened(backend, f"contract-{secrets.token_hex(4)}", directory) as terminal:
            yield terminal

    @pytest.fixture
    async def place(self, terminal: Terminal) -> str:
        """A new directory on the terminal."""
        place = f"{terminal.directory.rstrip('/')}/contract-{secrets.token_hex(4)}"
        if self.runs_programs:
            assert (await run(terminal, f"mkdir -p '{place}'")).code == 0
        return place

    # ------------------------------------------------------------------------------------------------ how it ends

    async def test_the_exit_code_is_the_programs(self, terminal: Terminal) -> None:
        """Exit codes come through as they are.

        If this fails: report the code of the script's shell, not of something around it.
        """
        self.needs_programs()
        assert [(await run(terminal, f"exit {code}")).code for code in (0, 1, 3, 255)] == [0, 1, 3, 255]

    async def test_an_end_by_a_signal_is_128_and_its_number(self, terminal: Terminal) -> None:
        """Signals are reported as shells report them.

        If this fails: add 128 to the number where your system reports signals in another way.
        """
        self.needs_programs()
        assert (await run(terminal, "kill -9 $$")).code == 137
        assert (await run(terminal, "kill -15 $$")).code == 143

    async def test_a_missing_program_is_file_not_found(self, terminal: Terminal) -> None:
        """A program of `argv` that does not exist raises `FileNotFoundError`.

        If this fails: look before you start it, or translate the exit code 127 of whatever starts it for you.
        """
        self.needs_programs()
        with pytest.raises(FileNotFoundError):
            await run(terminal, argv=("no-program-of-this-name",))
        assert (await run(terminal, "no-program-of-this-name")).code == 127, "in a script it is an exit code"

    async def test_a_directory_that_is_none_is_refused(self, terminal: Terminal, place: str) -> None:
        """`cwd` must be a directory: `FileNotFoundError` or `NotADirectoryError` otherwise, and nothing runs.

        If this fails: check it before the program is started.
        """
        self.needs_programs()
        await run(terminal, f"echo x > '{place}/file'")
        with pytest.raises(FileNotFoundError):
            await run(terminal, f"echo ran > '{place}/ran'", cwd=f"{place}/missing")
        with pytest.raises(NotADirectoryError):
            await run(terminal, f"echo ran > '{place}/ran'", cwd=f"{place}/file")
        assert (await run(terminal, f"test ! -e '{place}/ran'")).code == 0

    # --------------------------------------------------------------------------------------------- what it is given

    async def test_arguments_arrive_as_they_were_given(self, terminal: Terminal) -> None:
        """No shell looks at `argv`.

        If this fails: quote each word where you have to go through a shell.
        """
        self.needs_programs()
        words = ("a b", "", "'", '"', "$HOME", "*", "\\", "-n", "é漢\U0001f600", "x\ny", ";true")
        finished = await run(terminal, argv=("printf", r"%s\0", *words))
        assert finished.out.decode().split("\0")[:-1] == list(words)

    async def test_it_runs_in_the_directory_it_is_told(self, terminal: Terminal, place: str) -> None:
        """Empty `cwd` is the start directory; a relative one is below it.

        If this fails: resolve `cwd` against `Terminal.directory`.
        """
        self.needs_programs()
        assert (await run(terminal, "pwd -P")).out.decode().strip() == terminal.directory
        assert (await run(terminal, "pwd -P", cwd=place)).out.decode().strip() == place
        relative = place.rpartition("/")[2]
        assert (await run(terminal, "pwd -P", cwd=relative)).out.decode().strip() == place

    async def test_variables_are_added_for_one_command(self, terminal: Terminal) -> None:
        """`env` is the command's own, values come through as they are, and the usual variables are there.

        If this fails: pass the environment itself rather than text for a shell.
        """
        self.needs_programs()
        value = "a 'b' \"c\" $d\n\\é"
        finished = await run(terminal, 'printf %s "$CONTRACT_VALUE"', env={"CONTRACT_VALUE": value})
        assert finished.out.decode() == value
        assert (await run(terminal, 'echo "[$CONTRACT_VALUE]"')).out == b"[]\n"
        assert (await run(terminal, 'test -n "$PATH" && test -n "$HOME"')).code == 0

    async def test_no_secret_of_the_host_reaches_a_command(
        self, backend: TerminalBackend, directory: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A variable of the host's environment that nobody passed on is not there.

        If this fails: build the environment from a list of names that are known to be harmless.
        """
        self.needs_programs()
        monkeypatch.setenv("CONTRACT_API_KEY", "canary-in-the-environment")
        monkeypatch.setenv("CONTRACT_UNKNOWN", "canary-in-the-environment")
        async with Opened(backend, "contract-secrets", directory) as terminal:
            assert b"canary" not in (await run(terminal, "env; cat /proc/$PPID/environ 2>/dev/null")).out

    async def test_every_byte_goes_in_and_out_unchanged(self, terminal: Terminal) -> None:
        """Standard input and output are bytes.

        If this fails: something decodes them, or a pseudo-terminal is in between.
        """
        self.needs_programs()
        assert (await run(terminal, "cat", stdin=ALL_BYTES * 40)).out == ALL_BYTES * 40
        assert (await run(terminal, "cat >&2", stdin=ALL_BYTES)).err == ALL_BYTES
        assert (await run(terminal, argv=("cat",), stdin=ALL_BYTES)).out == ALL_BYTES

    async def test_no_input_is_the_end_of_input(self, terminal: Terminal) -> None:
        """A command that reads standard input without being given any sees its end at once.

        If this fails: close standard input, or use the null device.
        """
        self.needs_programs()
        finished = await run(terminal, "cat; echo done", timeout=self.patience * 5)
        assert (finished.code, finished.out) == (0, b"done\n")

    async def test_an_iterator_is_followed_as_input(self, terminal: Terminal) -> None:
        """Standard input from an iterator is given piece by piece while the command runs, then closed.

        If this fails: write each piece when it comes, not all at the end.
        """
        self.needs_programs()
        answered = asyncio.Event()

        async def pieces() -> AsyncIterator[bytes]:
            yield b"first\n"
            await answered.wait()
            yield ALL_BYTES

        seen = b""
        command = Command(script="read line; echo got $line; cat", stdin=pieces(), timeout=self.patience * 5)
        async with aclosing(terminal.run(command)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Exited):
                    assert (event.code, seen) == (0, b"got first\n" + ALL_BYTES)
                else:
                    seen += event.data
                    if seen == b"got first\n":
                        answered.set()

    async def test_a_command_that_reads_no_input_ends_all_the_same(self, terminal: Terminal) -> None:
        """Input nobody reads is dropped.

        If this fails: stop feeding when the command ends, and expect a broken pipe.
        """
        self.needs_programs()

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 65536
                await asyncio.sleep(0)

        assert (await run(terminal, "exit 4", stdin=endless(), timeout=self.patience * 5)).code == 4
        assert (await run(terminal, "exit 4", stdin=b"x" * 5_000_000, timeout=self.patience * 5)).code == 4

    async def test_a_script_may_be_long_and_wrong(self, terminal: Terminal) -> None:
        """A script of 200 kB runs; one with an open quote or a NUL is an error and never a hang.

        If this fails: an argument of a program may be no longer than 128 kB; give the script by a descriptor or file.
        """
        self.needs_programs()
        script = f": {'x' * 200_000}\necho end"
        assert (await run(terminal, script, timeout=self.patience * 5)).out == b"end\n"
        finished = await run(terminal, "echo 'open", timeout=self.patience * 5)
        assert finished.code not in (0, 124)
        with pytest.raises(ValueError, match="NUL"):
            await run(terminal, "echo \0")

    # --------------------------------------------------------------------------------------------------- its output

    async def test_output_comes_in_its_order_and_on_its_stream(self, terminal: Terminal) -> None:
        """What is written later comes later, also on the other stream.

        If this fails: read both streams at the same time and report pieces as they arrive.
        """
        self.needs_programs()
        steps: asyncio.Queue[bytes] = asyncio.Queue()

        async def go_on() -> AsyncIterator[bytes]:
            for _ in range(6):
                yield await steps.get()

        script = "for i in 1 2 3; do echo out $i; read go; echo err $i >&2; read go; done"
        seen = []
        command = Command(script=script, stdin=go_on(), timeout=self.patience * 5)
        async with aclosing(terminal.run(command)) as events:  # type: ignore[type-var]
            async for event in events:
                if not isinstance(event, Exited):
                    seen.append((event.stream, event.data))
                    steps.put_nowait(b"go\n")
        assert seen == [
            (1, b"out 1\n"),
            (2, b"err 1\n"),
            (1, b"out 2\n"),
            (2, b"err 2\n"),
            (1, b"out 3\n"),
            (2, b"err 3\n"),
        ]

    async def test_long_output_is_complete(self, terminal: Terminal) -> None:
        """10 MB come through, to the last byte.

        If this fails: read on after the command has ended, until its pipes are empty.
        """
        self.needs_programs()
        finished = await run(terminal, "head -c 10000000 /dev/zero | tr '\\0' x; echo end >&2")
        assert (finished.code, len(finished.out), finished.err) == (0, 10_000_000, b"end\n")
        assert finished.out.strip(b"x") == b""

    async def test_endless_output_ends_with_the_time(self, terminal: Terminal) -> None:
        """A command that never stops writing is stopped by its time-out.

        If this fails: let the time-out run beside the reading.
        """
        self.needs_programs()
        length = 0
        async with aclosing(terminal.run(Command(script="yes", timeout=0.3))) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Exited):
                    assert (event.code, event.timed_out) == (124, True)
                else:
                    length += len(event.data)
        assert length > 1000

    async def test_commands_side_by_side_do_not_mix(self, terminal: Terminal) -> None:
        """Two commands of one terminal run at the same time and get their own output.

        If this fails: give each command channels of its own.
        """
        self.needs_programs()
        scripts = [f"i=0; while [ $i -lt 2000 ]; do echo {name}; i=$((i+1)); done; exit {code}" for name, code in _PAIR]
        finished = await asyncio.gather(*(run(terminal, script) for script in scripts))
        assert [(each.out, each.code) for each in finished] == [
            (f"{name}\n".encode() * 2000, code) for name, code in _PAIR
        ]

    async def test_commands_side_by_side_run_at_the_same_time(self, terminal: Terminal, place: str) -> None:
        """A command can wait for another one of the same terminal.

        If this fails: do not make commands wait for one another.
        """
        self.needs_programs()
        await run(terminal, f"mkfifo '{place}/pipe'")
        reading, writing = await asyncio.gather(
            run(terminal, f"cat '{place}/pipe'", timeout=self.patience * 5),
            run(terminal, f"echo hello > '{place}/pipe'", timeout=self.patience * 5),
        )
        assert (reading.out, writing.code) == (b"hello\n", 0)

    # ------------------------------------------------------------------------------------------ optional abilities

    async def test_a_pseudo_terminal_is_one(self, terminal: Terminal) -> None:
        """With the feature `pty` the command finds a terminal with a size, its output comes as one stream, input is not
        echoed, and the end of input ends it; without the feature it is refused.

        If this fails: open a pseudo-terminal, make it the controlling one, set its size, switch its echo off.
        """
        if "pty" not in self.features:
            with pytest.raises(Unsupported):
                await run(terminal, "true", pty=True)
            return
        self.needs_programs()
        script = "test -t 0 && test -t 1 && test -t 2 && echo three >&2; : < /dev/tty && echo controlling; stty size"
        finished = await run(terminal, script, pty=True, timeout=self.patience * 5)
        lines = finished.out.decode().split()
        assert (lines[:2], finished.err, finished.code) == (["three", "controlling"], b"", 0)
        assert all(int(number) > 0 for number in lines[2:4])
        finished = await run(terminal, "cat", stdin=b"hello\n", pty=True, timeout=self.patience * 5)
        assert (finished.out.decode().split(), finished.code) == (["hello"], 0)
        finished = await run(terminal, "echo begun; sleep 1000", pty=True, timeout=self.patience)
        assert (finished.out.split(), finished.code) == ([b"begun"], 124)

    async def test_hibernating_is_a_feature(self, terminal: Terminal) -> None:
        """Without the feature `hibernate` the call is refused; with it commands run afterwards as before.

        If this fails: raise `Unsupported`, or wake up with the next command.
        """
        if "hibernate" not in self.features:
            with pytest.raises(Unsupported):
                await terminal.hibernate()
            return
        await terminal.hibernate()
        self.needs_programs()
        assert (await run(terminal, "echo awake")).out == b"awake\n"

    def needs_programs(self) -> None:
        """Skip the test for a fake that runs none."""
        if not self.runs_programs:
            pytest.skip("this terminal runs no programs")


_PAIR = (("aaaaaaaaaaaaaaaa", 7), ("bbbbbbbbbbbbbbbb", 8))


class Opened:
    """A terminal inside its context manager, in a task of its own: a fixture may be torn down in another task."""

    def __init__(self, backend: TerminalBackend, key: str, directory: str) -> None:
        self._backend = backend
        self._key = key
        self._directory = directory

    async def __aenter__(self) -> Terminal:
        self._leave = asyncio.Event()
        opened: asyncio.Future[Terminal] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._hold(opened.set_result))
        self._task.add_done_callback(lambda _: opened.done() or opened.cancel())
        try:
            return await opened
        except asyncio.CancelledError:
            await self._task  # raises why it could not be opened
            raise

    async def _hold(self, opened: Callable[[Terminal], None]) -> None:
        async with self._backend.open(self._key, self._directory) as terminal:
            opened(terminal)
            await self._leave.wait()

    async def __aexit__(self, *_: object) -> None:
        self._leave.set()
        await self._task
