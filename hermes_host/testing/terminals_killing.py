"""The part of the conformance kit for terminals that kills programs and looks for what is left."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from hermes_host.protocols import Command
from hermes_host.testing.terminals_running import Opened, TerminalRunning, run

if TYPE_CHECKING:
    from hermes_host.protocols import Terminal, TerminalBackend

__all__ = ["TerminalKilling"]


class TerminalKilling(TerminalRunning):
    """How commands end that do not end by themselves."""

    async def test_a_timeout_keeps_the_output_and_kills_the_whole_tree(self, terminal: Terminal, place: str) -> None:
        """After a time-out the code is 124, the output so far was reported, and no process is left: not in the
        background, not in a session of its own, not one that ignores SIGTERM.

        If this fails: kill the group, then what descends from the command, then what carries its mark.
        """
        self.needs_programs()
        finished = await run(terminal, _family(place), timeout=self.patience)
        assert finished.out == b"ready\n", "raise `patience` if the script had no time to begin"
        assert (finished.code, finished.timed_out) == (124, True)
        await self._expect_nothing_alive(terminal, place)

    async def test_leaving_the_events_kills_the_whole_tree(self, terminal: Terminal, place: str) -> None:
        """Closing the iterator before the end kills everything the command started.

        If this fails: kill in the `finally` of `run`, and wait there until it is done.
        """
        self.needs_programs()
        async with aclosing(terminal.run(Command(script=_family(place)))) as events:  # type: ignore[type-var]
            async for _ in events:
                break
        await self._expect_nothing_alive(terminal, place)

    async def test_cancelling_kills_the_whole_tree(self, terminal: Terminal, place: str) -> None:
        """Cancelling the task that follows a command kills everything the command started.

        If this fails: as for closing; and do not swallow `CancelledError`.
        """
        self.needs_programs()
        ready = asyncio.Event()

        async def follow() -> None:
            async with aclosing(terminal.run(Command(script=_family(place)))) as events:  # type: ignore[type-var]
                async for _ in events:
                    ready.set()

        task = asyncio.create_task(follow())
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await self._expect_nothing_alive(terminal, place)

    async def test_a_child_in_the_background_does_not_hold_the_command_open(
        self, terminal: Terminal, place: str
    ) -> None:
        """A command has ended when its program has, whoever still holds its pipes.

        If this fails: do not wait for the end of the pipes once the exit code is known.
        """
        self.needs_programs()
        finished = await run(
            terminal, f"sleep 1000 & echo $! > '{place}/pids'; echo started", timeout=self.patience * 5
        )
        assert (finished.code, finished.out) == (0, b"started\n")

    async def test_nothing_is_left_when_the_terminal_is_closed(
        self, backend: TerminalBackend, directory: str, terminal: Terminal, place: str
    ) -> None:
        """Leaving the terminal kills what runs in the background (which lives until then, with the feature
        `background`), also with `nohup` and in a session of its own.

        If this fails: remember what was started, or ask the system for it.
        """
        self.needs_programs()
        async with Opened(backend, f"contract-{secrets.token_hex(4)}", directory) as second:
            finished = await run(second, _family(place).replace("sleep 1000 # wait", "true"), timeout=self.patience * 5)
            assert finished.out == b"ready\n"
            if "background" in self.features:
                assert await _alive(second, place), "the background children ended with the command"
        await self._expect_nothing_alive(terminal, place)

    async def test_a_closed_terminal_can_be_opened_again(self, backend: TerminalBackend, directory: str) -> None:
        """The same key can be used again, and two terminals can be open at a time.

        If this fails: release what belongs to the key when the context manager is left.
        """
        self.needs_programs()
        for _ in range(2):
            async with Opened(backend, "contract-again", directory) as terminal:
                assert (await run(terminal, "echo here")).out == b"here\n"
                async with Opened(backend, "contract-other", directory) as other:
                    assert (await run(other, "echo there")).out == b"there\n"
                assert (await run(terminal, "echo still")).out == b"still\n"

    async def _expect_nothing_alive(self, terminal: Terminal, place: str) -> None:
        alive = await _alive(terminal, place)
        assert not alive, f"these processes still run: {alive}"


def _family(place: str) -> str:
    """A script with a child, a child in a session of its own that ignores signals, and an orphan; it says `ready`."""
    member = f'echo $$ >> "{place}/pids"; while :; do sleep 1000; done'
    return (
        f": >> '{place}/pids'\n"
        f"new_session=$(command -v setsid || true)\n"
        f"sh -c '{member}' &\n"
        f"$new_session nohup sh -c 'trap \"\" TERM HUP INT; {member}' >/dev/null 2>&1 &\n"
        f"( $new_session sh -c '{member}' >/dev/null 2>&1 & )\n"
        f"while [ \"$(wc -l < '{place}/pids' )\" -lt 3 ]; do sleep 0.02; done\n"
        f"echo ready\n"
        f"sleep 1000 # wait\n"
    )


async def _alive(terminal: Terminal, place: str) -> str:
    script = (
        f"for pid in $(cat '{place}/pids'); do\n"
        f"  kill -0 $pid 2>/dev/null || continue\n"
        f"  case \"$(cat /proc/$pid/stat 2>/dev/null)\" in *') Z '*) continue;; esac\n"
        # Where every terminal has process numbers of its own, the same number here is another process: those that are
        # looked for have the place in their arguments.
        f"  [ ! -r /proc/$pid/cmdline ] || grep -q '{place}' /proc/$pid/cmdline || continue\n"
        f"  echo $pid\n"
        f"done\n"
        f"[ $(wc -l < '{place}/pids') -ge 3 ]"
    )
    finished = await run(terminal, script)
    assert finished.code == 0, "the processes did not write their numbers"
    return finished.out.decode().strip()
