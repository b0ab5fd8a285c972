"""Two small shells in a session's container: the warden, which ends processes, and the agent, which keeps files."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import subprocess
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.terminals.remote import ending
from hermes_singularity.code import AGENT, WARDEN
from hermes_singularity.instances import client_environment

if TYPE_CHECKING:
    from hermes_singularity.instances import Instance

__all__ = ["Agent", "Warden"]

_START_SECONDS = 60.0
_WARDEN_SECONDS = 10.0
_CHUNK = 1 << 16


async def _start(instance: Instance, code: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *instance.inside("sh", "-c", code),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=client_environment(os.environ),
        cwd="/",
        start_new_session=True,
        limit=1 << 20,
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
    # The pipe is closed with the process's transport, at a moment of the loop's choosing.
    process._transport.close()  # type: ignore[attr-defined]


class Warden:
    """Ends what runs in a container, by the mark in its environment; everything when this process ends."""

    home: str
    shell: str

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._answers: dict[str, asyncio.Event] = {}
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Start it and learn what there is. Raises `HermesError` where no shell runs."""
        self._process = await _start(self._instance, WARDEN)
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._process.stdout.readuntil(b"hello\0")
                said = (await self._process.stdout.readuntil(b"\n"))[:-1].decode("utf-8", "surrogateescape").split("\0")
        except (TimeoutError, asyncio.IncompleteReadError):
            raise HermesError(
                "No shell runs in the container.",
                remedy="The image needs `sh` and the usual programs (busybox has them). Try"
                f" `{self._instance.program} exec IMAGE sh -c true`.",
            ) from None
        self.home, self.shell = said[0] or "/", said[1]
        self._listening = asyncio.create_task(self._listen(self._process.stdout))

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            words = line.decode("utf-8", "replace").split()
            if len(words) == 2 and words[1] in self._answers:
                self._answers[words[1]].set()
        for answer in self._answers.values():
            answer.set()

    async def end(self, mark: str) -> None:
        """End the processes whose mark begins so, and wait until none is left."""
        if self._process is None or self._process.returncode is not None or self._process.stdin is None:
            return
        number = str(next(self._numbers))
        answer = self._answers[number] = asyncio.Event()
        try:
            self._process.stdin.write(f"end {number} {ending(mark)}\n".encode())
            async with asyncio.timeout(_WARDEN_SECONDS):
                await answer.wait()
        except (TimeoutError, OSError):
            pass
        finally:
            del self._answers[number]

    async def close(self) -> None:
        """End it; what it would have ended is ended with the instance."""
        if self._listening is not None:
            self._listening.cancel()
        if self._process is not None:
            await _end(self._process)


class Agent:
    """Answers questions about files, one at a time."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._process: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, call: str, data: bytes | None = None) -> tuple[bytes, str]:
        """Run a line of its code, with `data` once it says `go`; gives what it wrote, and `ok` or an error's name."""
        async with self._one_at_a_time:
            clean = False
            try:
                answer = await self._ask(call, data)
                clean = data is None or answer[1] == "ok"
                return answer
            except (OSError, asyncio.IncompleteReadError) as error:
                raise HermesError(f"The container does not answer: {error}.", remedy="Try again.") from error
            finally:
                # An answer that was not read to its end would be taken for the next one's.
                if not clean:
                    await self._restart()

    async def _ask(self, call: str, data: bytes | None) -> tuple[bytes, str]:
        if self._process is None:
            self._process = await _start(self._instance, AGENT)
            assert self._process.stdout is not None
            async with asyncio.timeout(_START_SECONDS):
                await self._process.stdout.readuntil(b"ready\n")
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        word = secrets.token_hex(12)
        process.stdin.write(f"word=w{word}; {call}\n".encode("utf-8", "surrogateescape"))
        await process.stdin.drain()
        tag = f"\0w{word}".encode()
        parts: list[bytes] = []
        tail = b""
        is_going = False
        while True:
            chunk = await process.stdout.read(_CHUNK)
            if not chunk:
                raise asyncio.IncompleteReadError(b"", None)
            if data is not None and not is_going and chunk.startswith(b"go\n"):
                is_going = True
                process.stdin.write(data)
                await process.stdin.drain()
                chunk = chunk[3:]  # where there is nothing to wait for, the answer may come with it
                if not chunk:
                    continue
            parts.append(chunk)
            tail = (tail + chunk)[-256:]
            at = tail.rfind(tag)
            if at >= 0 and tail.endswith(b"\0", at + len(tag)):
                said = tail[at + len(tag) : -1].decode("ascii", "replace")
                answer = b"".join(parts)
                return answer[: answer.rfind(tag)], said

    async def _restart(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await _end(process)

    async def close(self) -> None:
        """End it."""
        await self._restart()
