"""The connection to a program in a container: output in frames, input as it is, with no thread and no queue.

Bytes are read only when somebody wants them. So a command that writes without end fills the buffers of the socket and
of the service, and then waits.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Any

__all__ = ["Wire"]

_CHUNK = 1 << 16
_HEADER = 8


class Wire:
    """Both directions of an attached program. `framed` is false for a pseudo-terminal, which has one stream."""

    def __init__(self, reader: Any, *, framed: bool) -> None:
        """`reader` is what the SDK's `exec_start(socket=True)` gives."""
        self._keep = reader
        self._socket: socket.socket = getattr(reader, "_sock", reader)
        self._socket.setblocking(False)
        self._framed = framed
        self._buffer = _already_read(reader)
        self._left = 0
        self._stream = 1
        self._closed = False
        self._stopped = False
        self._reading: asyncio.Future[None] | None = None

    async def receive(self) -> tuple[int, bytes]:
        """Some output and its stream; empty at the end."""
        if not self._framed:
            data, self._buffer = self._buffer or await self._read(), b""
            return 1, data
        while True:
            if self._left and self._buffer:
                data, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
                self._left -= len(data)
                return self._stream, data
            if not self._left and len(self._buffer) >= _HEADER:
                # https://docs.docker.com/reference/api/engine/ ("Attach to a container", stream format)
                self._stream = 2 if self._buffer[0] == 2 else 1
                self._left = int.from_bytes(self._buffer[4:_HEADER], "big")
                self._buffer = self._buffer[_HEADER:]
                continue
            data = await self._read()
            if not data:
                return 1, b""
            self._buffer = self._buffer + data if self._buffer else data

    async def _read(self) -> bytes:
        while not self._closed and not self._stopped:
            try:
                return self._socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError):
                await self._ready(reading=True)
            except ssl.SSLWantWriteError:
                await self._ready(reading=False)
            except (ConnectionError, ssl.SSLError):
                return b""
        return b""

    async def send(self, data: bytes) -> None:
        """Give input; waits until it is taken. Raises `ConnectionError` where nobody reads any more."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._ready(reading=False)
            except ssl.SSLWantReadError:
                await asyncio.sleep(0)
            except ssl.SSLError as error:
                raise ConnectionAbortedError(str(error)) from None

    def end_input(self) -> None:
        """There is no more input."""
        with suppress(OSError):
            # Not the method of an encrypted socket, which forgets how to read the rest.
            socket.socket.shutdown(self._socket, socket.SHUT_WR)

    def stop_reading(self) -> None:
        """Let `receive` say that this is the end, also where one waits already."""
        self._stopped = True
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)

    async def _ready(self, *, reading: bool) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        descriptor = self._socket.fileno()
        if descriptor < 0:
            raise ConnectionAbortedError("The connection was closed.")
        if reading:
            self._reading = ready
        add, remove = (loop.add_reader, loop.remove_reader) if reading else (loop.add_writer, loop.remove_writer)
        add(descriptor, _set, ready)
        try:
            await ready
        finally:
            remove(descriptor)

    def close(self) -> None:
        """Close the connection. Only when nobody reads from it or writes to it."""
        if not self._closed:
            self._closed = True
            response = getattr(self._keep, "_response", None)
            # Each of them keeps the socket open for itself.
            for each in (getattr(getattr(response, "raw", None), "_fp", None), self._keep, self._socket, response):
                if each is not None:
                    with suppress(OSError, ValueError):
                        each.close()


def _already_read(reader: Any) -> bytes:
    """What came together with the header of the answer lies in a buffer that the SDK passes by."""
    try:
        buffered = reader._response.raw._fp.fp
        return buffered.peek() if buffered is not None else b""
    except (AttributeError, ValueError, OSError):
        return b""


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
