"""A server's process: started by a keeper that ends with the host, spoken to over pipes, every message bounded."""

from __future__ import annotations

import asyncio
import logging
import marshal
import os
import re
import socket
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from hermes_mcp.logfile import LogFile

__all__ = ["LARGEST_MESSAGE", "Child", "child_environment", "streams"]

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 16 * 1024 * 1024
"""Bytes of one message. A larger one is thrown away as it arrives, and the call it answers fails."""

_KEEPER = str(Path(__file__).with_name("keeper.py"))
_CHUNK = 1 << 16
_PATIENCE = 0.3
"""Seconds a server gets to end by itself after its input was closed."""

_PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TERM"),
    *("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
_ID = re.compile(rb'"id"\s*:\s*(\d{1,18}|"[^"\\]{1,200}")')


def child_environment(environ: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    """What a server sees: the few variables every program needs, and those of its own settings."""
    return {**{name: environ[name] for name in _PASSED if name in environ}, **configured}


class Child:
    """A running server below its keeper."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.process = process
        self._control = control
        self.ended = asyncio.Event()
        """Set when it closed its output, which it does at the latest when it ends."""

    @classmethod
    async def start(cls, argv: Sequence[str], *, environ: Mapping[str, str], directory: str) -> Child:
        """Start it. Raises `ToolError` when there is no such program or directory."""
        if os.name != "posix":
            raise ToolError("Servers that are programs need Linux, macOS or another POSIX system.")
        ours, theirs = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", _KEEPER, str(theirs.fileno()), str(os.getpid())),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                env=dict(environ),
                cwd=directory,
                start_new_session=True,
                limit=_CHUNK,
            )
        except OSError as error:
            ours.close()
            raise ToolError(f"It cannot be started in {directory!r}: {error.strerror or error}.") from error
        finally:
            theirs.close()
        child = cls(process, ours)
        try:
            await child._ask(argv)
        except BaseException:
            await child.end(hurry=True)
            raise
        return child

    async def _ask(self, argv: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        self._control.setblocking(False)
        data = marshal.dumps(list(argv))
        await loop.sock_sendall(self._control, len(data).to_bytes(4, "big") + data)
        answer = b""
        while len(answer) < 5:
            more = await loop.sock_recv(self._control, 5 - len(answer))
            if not more:
                raise ToolError("It cannot be started: its keeper ended.")
            answer += more
        if answer[:1] == b"E":
            reason = os.strerror(int.from_bytes(answer[1:], "big"))
            raise ToolError(f"The program {argv[0]!r} cannot be started: {reason}.", remedy="Is it installed?")

    @property
    def code(self) -> int | None:
        """Its exit code, 128 and the signal where it was killed; None while it runs."""
        return self.process.returncode

    def kill(self) -> None:
        """End it and everything it started, at once; the keeper sees to it."""
        self._control.close()

    async def end(self, *, hurry: bool = False) -> None:
        """Let it end by itself for a moment (not in a hurry), then kill it. When this returns nothing of it is left."""
        if self.process.stdin is not None:
            with suppress(OSError):
                self.process.stdin.close()
        # Unread output would keep a server from ending, and its end from being seen.
        pipes = (self.process.stdout, self.process.stderr)
        drains = [asyncio.create_task(_drain(pipe)) for pipe in pipes if pipe is not None]
        try:
            async with asyncio.timeout(0 if hurry else _PATIENCE):
                await self.process.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
        await self.process.wait()
        await asyncio.gather(*drains)


async def _drain(pipe: asyncio.StreamReader) -> None:
    with suppress(OSError):
        while await pipe.read(_CHUNK):
            pass


@asynccontextmanager
async def streams(child: Child, logfile: LogFile) -> AsyncIterator[tuple[Any, Any]]:
    """The two streams of messages the SDK wants; at the end the server is ended."""
    import anyio

    deliver, incoming = anyio.create_memory_object_stream[Any](0)
    outgoing, take = anyio.create_memory_object_stream[Any](0)
    hurry = False
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_read_messages, child, deliver, logfile)
            group.start_soon(_write_messages, child, take)
            group.start_soon(_read_errors, child, logfile)
            try:
                yield incoming, outgoing
            except asyncio.CancelledError:
                hurry = True  # the host ends
                raise
            finally:
                group.cancel_scope.cancel()
    finally:
        for stream in (deliver, incoming, outgoing, take):
            stream.close()
        with anyio.CancelScope(shield=True):
            await child.end(hurry=hurry)


async def _read_messages(child: Child, deliver: Any, logfile: LogFile) -> None:
    import anyio

    assert child.process.stdout is not None
    lines = _Lines()
    with deliver:
        while chunk := await child.process.stdout.read(_CHUNK):
            for line in lines.feed(chunk):
                message = _parsed(line, logfile)
                if message is not None:
                    try:
                        await deliver.send(message)
                    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                        return
    child.ended.set()


def _parsed(line: bytes | _Oversized, logfile: LogFile) -> Any:
    import mcp_types as types
    from mcp.shared.message import SessionMessage

    if isinstance(line, _Oversized):
        logfile.write(f"a message of {line.size} bytes was thrown away", origin="hermes")
        text = f"The answer has {line.size // 1_000_000} MB; at most {LARGEST_MESSAGE // 1_000_000} MB are taken."
        if line.id is None:
            return None
        error = types.ErrorData(code=types.INTERNAL_ERROR, message=text)
        return SessionMessage(types.JSONRPCError(jsonrpc="2.0", id=line.id, error=error))
    if not line.strip():
        return None
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except (ValueError, RecursionError):
        logfile.write(f"not a message: {line[:300].decode('utf-8', 'replace')}", origin="stdout")
        return None


class _Oversized:
    def __init__(self, start: bytes, end: bytes, size: int) -> None:
        self.size = size
        found = _ID.search(start) or _ID.search(end)
        self.id: int | str | None = None
        if found is not None:
            self.id = found[1][1:-1].decode("utf-8", "replace") if found[1][:1] == b'"' else int(found[1])


class _Lines:
    """Cuts what arrives into lines; of one that is too long only its two ends are kept."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._start = b""

    def feed(self, chunk: bytes) -> list[bytes | _Oversized]:
        found: list[bytes | _Oversized] = []
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            self._add(piece)
            found.append(self._taken())
        if rest:
            self._add(rest)
        return found

    def _add(self, piece: bytes) -> None:
        self._parts.append(piece)
        self._size += len(piece)
        if self._size > LARGEST_MESSAGE:
            if not self._start:
                self._start = b"".join(self._parts)[:400]
            self._parts = [b"".join(self._parts[-2:])[-400:]]

    def _taken(self) -> bytes | _Oversized:
        text = b"".join(self._parts)
        size, start = self._size, self._start
        self._parts, self._size, self._start = [], 0, b""
        return _Oversized(start, text[-400:], size) if start else text


async def _write_messages(child: Child, take: Any) -> None:
    assert child.process.stdin is not None
    with take:
        async for message in take:
            data = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            try:
                child.process.stdin.write(data.encode("utf-8", "replace") + b"\n")
                await child.process.stdin.drain()
            except OSError:
                child.kill()  # it no longer listens; the end of its output says so to everyone who waits
                return


async def _read_errors(child: Child, logfile: LogFile) -> None:
    assert child.process.stderr is not None
    unfinished = b""
    while chunk := await child.process.stderr.read(_CHUNK):
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        for line in lines:
            logfile.write(line.decode("utf-8", "replace"), origin="stderr")
        if len(unfinished) > _CHUNK:
            logfile.write(unfinished.decode("utf-8", "replace"), origin="stderr")
            unfinished = b""
    if unfinished:
        logfile.write(unfinished.decode("utf-8", "replace"), origin="stderr")
