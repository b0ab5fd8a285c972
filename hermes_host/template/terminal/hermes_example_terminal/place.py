"""How the place is reached: `sh` on this machine. Put what reaches yours in front of it, such as `ssh HOST`."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, SubprocessStreamProtocol
from typing import TYPE_CHECKING

from hermes_host.errors import Unsupported
from hermes_host.terminals.remote import Woken

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = ("sh",)
"""Starts a shell in the place; `-c` and a script come after it."""


class ShellChannel:
    """Bytes to and from a shell in the place."""

    def __init__(self, transport: asyncio.SubprocessTransport, streams: SubprocessStreamProtocol) -> None:
        assert streams.stdin is not None
        assert streams.stdout is not None
        self._transport = transport
        self._input = streams.stdin
        self._output = streams.stdout

    async def receive(self) -> bytes:
        """What came next, empty at the end."""
        return await self._output.read(65536)

    async def send(self, data: bytes) -> None:
        """Give it all of `data`."""
        self._input.write(data)
        await self._input.drain()

    async def close(self) -> None:
        """Let go of it. Never raises. What the command left in the background may hold the pipes: nobody waits."""
        self._transport.close()


class ShellPlace:
    """The place, running."""

    def __init__(self, home: Path) -> None:
        self._home = home
        # The host's environment holds secrets: nothing of it is passed on but what a shell needs.
        self._environ = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8"}

    async def channel(self, program: str, *, pty: bool) -> ShellChannel:
        """A new shell that runs `program`."""
        if pty:
            raise Unsupported("This place has no pseudo-terminals.")
        loop = asyncio.get_running_loop()
        transport, streams = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=65536, loop=loop),
            *PROGRAM,
            "-c",
            program,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=self._environ,
            cwd=self._home,
        )
        return ShellChannel(transport, streams)

    async def execute(self, script: str, *arguments: str) -> int:
        """Run a short script to its end; its exit code."""
        code, _ = await self.capture(script, *arguments)
        return code

    async def capture(self, script: str, *arguments: str) -> tuple[int, bytes]:
        """Run a short script to its end; its exit code and what it wrote to standard output."""
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            "-c",
            script,
            "sh",
            *arguments,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=DEVNULL,
            env=self._environ,
            cwd=self._home,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        return process.returncode, output

    async def alive(self) -> bool:
        """Whether it still runs."""
        return True


class ShellKeeper:
    """Makes, finds and stops the place of one conversation."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def wake(self) -> Woken[ShellPlace]:
        """The place, running."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Woken(ShellPlace(self._home), "found")

    async def sleep(self, live: ShellPlace) -> None:
        """Stop it, keeping its files: a folder costs nothing."""

    async def discard(self, live: ShellPlace) -> None:
        """End it with its files; never called for a backend that is persistent."""
