"""A command that runs in a container: what starts it, its events, and its end."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hermes_docker.daemon import sdk
from hermes_docker.supervisor import END, KILL, SUPERVISOR, TAG_UNIT
from hermes_docker.wire import Wire
from hermes_host.errors import HermesError
from hermes_host.protocols import Exited, Output
from hermes_host.terminals.remote import BUSY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from hermes_docker.daemon import Daemon
    from hermes_host.protocols import Command

__all__ = ["INLINE_AT_MOST", "NotStarted", "Process", "has_jobs", "kill", "kill_all"]

_CHUNK_CHARACTERS = 30_000
"""Of a script in one variable: Linux takes 128 KiB for one, and a character has four bytes at most."""
_CHUNKS = 8
INLINE_AT_MOST = _CHUNK_CHARACTERS * _CHUNKS
"""Characters of a script that are given in the environment. A longer one goes by a file."""
_DRAIN_SECONDS = 0.02
"""How long output may still come when the command has ended and something it left in the background has not."""
_START_SECONDS = 60.0
_END_SECONDS = 2.0
"""How long the rest of the output of a killed command may take."""
_GRACE_TENTHS = 4
"""Tenths of a second between asking a command to end and killing it."""

_first_tag = (1 << 43) + (secrets.randbits(40) & ~1)
_tags = itertools.count(_first_tag, 2)
# In kibibytes: from 2^53 bytes on, which is more memory than there is. Even numbers are the commands', see SUPERVISOR.
_detached_tags = itertools.count(_first_tag + (1 << 43), 2)
_ALL_TAGS = range(1 << 43, 1 << 44)
"""Those of commands that end with their terminal."""


class NotStarted(HermesError):
    """The service did not start the command; nothing of it has run."""


class Process:
    """One command in a container."""

    def __init__(self, daemon: Daemon, container: str, command: Command, shell: str, *, marked: bool = True) -> None:
        self._daemon = daemon
        self._container = container
        self._command = command
        self._shell = shell
        self._marked = marked
        self._tag = next(_detached_tags if command.detached else _tags) + 1
        self._word = secrets.token_hex(16)
        self._id = ""
        self._wire: Wire | None = None
        self._streams = {1: _Ended(self._word)} if command.pty else {1: _Ended(self._word), 2: _Ended(self._word)}
        self._waiting: list[Output] = []
        self._killing: asyncio.Task[bool] | None = None
        self._timed_out = False
        self.draining: asyncio.Task[None] | None = None
        """Takes in what the command's background children still write, until the last of them is gone."""
        self.cut = False
        """The connection broke before the command's end was told: the container or its service is gone, perhaps."""

    @property
    def detached(self) -> bool:
        """Whether what it leaves behind is to stay."""
        return self._command.detached

    @property
    def tag(self) -> int:
        """The number that marks the command's processes."""
        return self._tag - 1

    @property
    def mark(self) -> str:
        """The same as `/proc` shows it."""
        return str(self.tag * TAG_UNIT)

    async def events(
        self, cwd: str, environment: Mapping[str, str], on_stuck: Callable[[], Any]
    ) -> AsyncIterator[Output | Exited]:
        """Start it and follow it to its end; leaving early kills it and waits for that. `on_stuck` is awaited where
        it could not be killed."""
        loop = asyncio.get_running_loop()
        command = self._command
        feeding: asyncio.Task[None] | None = None
        timer: asyncio.TimerHandle | None = None
        try:
            # To its end even when this task is cancelled: what has been started half can neither be killed nor left.
            await _to_its_end(self._start(cwd, environment))
            assert self._wire is not None
            if command.timeout is not None:
                timer = loop.call_later(command.timeout, self._expire, on_stuck)
            if self._with_input:
                feeding = loop.create_task(self._feed(self._wire))
            async for output in self._outputs(self._wire):
                yield output
            if self._timed_out:
                await self._kill(on_stuck)
                yield Exited(code=124, timed_out=True)
            elif not self.cut:
                self._raise_failure(cwd)
                if feeding is not None and feeding.done():
                    feeding.result()
                yield Exited(code=self._code)
        finally:
            if timer is not None:
                timer.cancel()
            await self._leave(feeding, on_stuck)

    async def _leave(self, feeding: asyncio.Task[None] | None, on_stuck: Callable[[], Any]) -> None:
        if feeding is not None:
            feeding.cancel()
            await asyncio.wait([feeding])
            if not feeding.cancelled():
                feeding.exception()
        wire = self._wire
        if wire is None:
            return
        if not self._has_ended and not self.cut:
            try:
                await _to_its_end(self._kill(on_stuck))
            finally:
                wire.close()
        elif self._all_gone or self.cut:
            wire.close()
        else:
            self.draining = asyncio.get_running_loop().create_task(_drain(wire))

    async def code_of_the_service(self) -> int:
        """What the service says of a command whose own end was not told; 0 where it does not know."""
        for pause in (0.05, 0.1, 0.2, 0.4, 0.8, 0):
            found = await self._daemon.call(lambda client: client.api.exec_inspect(self._id))
            if not found.get("Running"):
                return int(found.get("ExitCode") or 0)
            await asyncio.sleep(pause)  # there is no call that waits for it
        return 0

    # ------------------------------------------------------------------------------------------------ starting

    @property
    def _with_input(self) -> bool:
        return self._command.pty or not isinstance(self._command.stdin, bytes) or bool(self._command.stdin)

    async def _start(self, cwd: str, environment: Mapping[str, str]) -> None:
        command = self._command
        given = {
            **environment,
            "HERMES_RUN": SUPERVISOR,
            "HERMES_TAG": str(self._tag),
            "HERMES_END": self._word,
            "HERMES_MODE": "pty" if command.pty else "input" if self._with_input else "",
            "HERMES_SHELL": self._shell,
            "HERMES_DIR": cwd,
        }
        # In the environment, not among the arguments: those can be read by everybody on the machine.
        for number in range(0, len(command.script), _CHUNK_CHARACTERS):
            part = command.script[number : number + _CHUNK_CHARACTERS]
            given[f"HERMES_{number // _CHUNK_CHARACTERS}"] = part
        argv = ["/bin/sh", "-c", 'eval "$HERMES_RUN"', "sh", *command.argv]
        container, terminal, with_input = self._container, command.pty, self._with_input

        def start(client: Any) -> tuple[str, Any]:
            made = client.api.exec_create(container, argv, environment=given, stdin=with_input, tty=terminal)
            return made["Id"], client.api.exec_start(made["Id"], socket=True, tty=terminal)

        self._id, reader = await self._daemon.call(start)
        self._wire = Wire(reader, framed=not terminal)
        await self._wait_until_started(self._wire)

    # ------------------------------------------------------------------------------------------------- reading

    async def _wait_until_started(self, wire: Wire) -> None:
        """Until the supervisor says that it runs. Before that nothing bears the command's number, and a kill would miss
        what starts right after it."""
        async with asyncio.timeout(_START_SECONDS):
            while not self._streams[1].started and not self._has_ended:
                if not await self._take(wire):
                    said = b"".join(output.data for output in self._waiting).decode("utf-8", "replace")
                    raise NotStarted(said.strip() or "the service gives no reason")

    async def _take(self, wire: Wire) -> bool:
        """Read once; false at the end."""
        stream, data = await wire.receive()
        if not data:
            self.cut = not self._has_ended and not self._timed_out
            self._waiting += [Output(rest, number) for number, ended in self._streams.items() if (rest := ended.rest())]
            return False
        stream = stream if stream in self._streams else 1
        if data := self._streams[stream].feed(data):
            self._waiting.append(Output(data, stream))
        return True

    async def _outputs(self, wire: Wire) -> AsyncIterator[Output]:
        """The output, until the end of the command has been told on each stream and nobody writes any more, or (where
        something was left in the background) a moment has passed."""
        reading: asyncio.Task[bool] | None = None
        more = not self.cut
        try:
            while True:
                while self._waiting:
                    yield self._waiting.pop(0)
                if self._all_gone or not more:
                    return
                if not self._has_ended:
                    more = await self._take(wire)
                    continue
                reading = asyncio.ensure_future(self._take(wire))
                await asyncio.wait([reading], timeout=_DRAIN_SECONDS)
                if not reading.done():
                    return
                more = reading.result()
        finally:
            if reading is not None and not reading.done():
                reading.cancel()
                await asyncio.wait([reading])

    @property
    def _has_ended(self) -> bool:
        return all(ended.kind for ended in self._streams.values())

    @property
    def _all_gone(self) -> bool:
        return all(ended.gone or ended.kind in ("d", "p") for ended in self._streams.values())

    @property
    def _code(self) -> int:
        return self._streams[1].number

    def _raise_failure(self, cwd: str) -> None:
        kind, number = self._streams[1].kind, self._streams[1].number
        if kind in ("d", "p"):
            raise OSError(number, os.strerror(number), cwd if kind == "d" else self._command.argv[0])

    # ------------------------------------------------------------------------------------------------- feeding

    async def _feed(self, wire: Wire) -> None:
        stdin = self._command.stdin
        last = b""
        try:
            if isinstance(stdin, bytes):
                last = stdin
                await wire.send(stdin)
            else:
                async for data in stdin:
                    last = data or last
                    await wire.send(data)
        except ConnectionError:
            return
        finally:
            # Also where the input failed: the command must not wait for more.
            if not self._command.pty:
                wire.end_input()
        if self._command.pty:
            # Control-D: once for the text before it where that is no whole line, and once for the end.
            with suppress(ConnectionError):
                await wire.send(b"\x04" if last[-1:] in (b"", b"\n") else b"\x04\x04")

    # -------------------------------------------------------------------------------------------------- ending

    def _expire(self, on_stuck: Callable[[], Any]) -> None:
        if not self._has_ended:
            self._timed_out = True
            self._begin_to_kill(on_stuck)

    def _begin_to_kill(self, on_stuck: Callable[[], Any]) -> asyncio.Task[bool]:
        if self._killing is None:
            self._killing = asyncio.get_running_loop().create_task(self._kill_now(on_stuck))
        return self._killing

    async def _kill(self, on_stuck: Callable[[], Any]) -> None:
        await self._begin_to_kill(on_stuck)

    async def _kill_now(self, on_stuck: Callable[[], Any]) -> bool:
        killed = self._marked and await kill(self._daemon, self._container, self.tag, grace=_GRACE_TENTHS)
        if not killed:
            await on_stuck()
        if self._wire is not None:
            asyncio.get_running_loop().call_later(_END_SECONDS, self._wire.stop_reading)
        return killed


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for it, also when the waiting is cancelled; then it is cancelled afterwards."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = not task.cancelled()
        except Exception:  # noqa: BLE001, told below
            break
    if cancelled:
        if not task.cancelled():
            task.exception()
        raise asyncio.CancelledError
    task.result()


async def kill(daemon: Daemon, container: str, tag: int, *, grace: int = 0) -> bool:
    """Kill every process that bears `tag`; false where that cannot be done, as when no process can be started."""
    return await _killed(daemon, container, tag, tag, grace, supervisor=tag + 1)


async def kill_all(daemon: Daemon, container: str) -> bool:
    """Kill what every command has left behind that was not detached; false where that cannot be done."""
    return await _killed(daemon, container, _ALL_TAGS[0], _ALL_TAGS[-1], 0, supervisor=0)


async def _killed(daemon: Daemon, container: str, first: int, last: int, grace: int, *, supervisor: int) -> bool:
    numbers = (first * TAG_UNIT, last * TAG_UNIT, grace, supervisor * TAG_UNIT)

    def work(client: Any) -> bool:
        docker = sdk()
        try:
            return exit_code(client, container, KILL, *map(str, numbers)) == 0
        except docker.errors.APIError:
            # No container, no process. Otherwise it is for the caller to end it as a whole.
            try:
                return not client.containers.get(container).attrs["State"]["Running"]
            except docker.errors.NotFound:
                return True

    return await daemon.call(work)


def has_jobs(client: Any, container: str) -> bool:
    """Whether a detached job runs in it, or has ended and nobody has asked for its end yet."""
    try:
        return exit_code(client, container, BUSY) == 1
    except sdk().errors.APIError:
        return False


def exit_code(client: Any, container: str, script: str, *arguments: str) -> int:
    """Run a script to its end; blocking. Raises the SDK's `APIError`."""
    made = client.api.exec_create(container, ["/bin/sh", "-c", script, "sh", *arguments], stdout=True, stderr=True)
    client.api.exec_start(made["Id"])
    return int(client.api.exec_inspect(made["Id"])["ExitCode"])


async def _drain(wire: Wire) -> None:
    try:
        while (await wire.receive())[1]:
            pass
    finally:
        wire.close()


class _Ended:
    """Takes the supervisor's messages out of one stream."""

    def __init__(self, word: str) -> None:
        self._mark = END % word.encode()
        self._held = b""
        self.kind = ""
        """`x`, `d` or `p` once the end was told."""
        self.number = 0
        self.started = False
        self.gone = False

    def feed(self, data: bytes) -> bytes:
        """The command's own part of `data`."""
        data = self._held + data if self._held else data
        self._held = b""
        passed = []
        while (at := data.find(self._mark)) >= 0:
            end = data.find(b"\0", at + len(self._mark))
            if end < 0:
                passed.append(data[:at])
                self._held = data[at:]
                return b"".join(passed)
            self._note(data[at + len(self._mark) : end].decode("ascii", "replace"))
            passed.append(data[:at])
            data = data[end + 1 :]
        begun = data.rfind(b"\0", max(0, len(data) - len(self._mark)))
        if begun >= 0 and self._mark.startswith(data[begun:]):
            data, self._held = data[:begun], data[begun:]
        passed.append(data)
        return b"".join(passed)

    def _note(self, message: str) -> None:
        if message == "s":
            self.started = True
        elif message == "z":
            self.gone = True
        elif not self.kind and message[:1] in ("x", "d", "p"):
            self.kind = message[0]
            self.number = int(message[1:]) if message[1:].isdigit() else 1

    def rest(self) -> bytes:
        """What was held back and is no message after all."""
        rest, self._held = self._held, b""
        return rest
