"""Standard input and output, kept for the protocol alone, and the messages that go over them.

One foreign byte on standard output breaks a conversation, and whatever a child process reads from standard input is
lost to it. So both are taken away at the level of file descriptors before anything else runs: who prints, prints to
standard error; who reads, reads nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import weakref
from typing import Any

__all__ = ["LineTransport", "take_standard_streams"]

LONGEST = 64 * 1024 * 1024
"""Bytes of one message; images come inside."""

_PARSE_ERROR, _INVALID_REQUEST = -32700, -32600

_taken: tuple[int, int] | None = None


def take_standard_streams() -> tuple[int, int]:
    """File descriptors of what were standard input and output; no child process inherits them. May be called twice."""
    global _taken
    if _taken is None:
        _taken = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        try:
            os.dup2(2, 1)
        except OSError:
            os.dup2(nothing, 1)  # there is no standard error either
        os.close(nothing)
        if sys.stdout is not None:
            sys.stdout.flush()  # what was printed so far and still waits in the buffer goes to standard error as well
    return _taken


class LineTransport:
    """One JSON-RPC message per line. What is no message is answered with an error and never reaches the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._draining = asyncio.Lock()
        self._requests: weakref.WeakKeyDictionary[asyncio.Task[Any], int | str] = weakref.WeakKeyDictionary()

    @classmethod
    async def open(cls, incoming: int, outgoing: int) -> LineTransport:
        """Over two file descriptors, which it closes at its end."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LONGEST)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(incoming, "rb", 0))
        transport, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(outgoing, "wb", 0)
        )
        return cls(reader, asyncio.StreamWriter(transport, protocol, None, loop))

    async def send(self, message: dict[str, Any]) -> None:
        """Write a message; whole, whoever else writes. Raises `ConnectionError` when nobody reads any more."""
        if self._writer.is_closing():
            raise ConnectionError("The editor has gone away.")
        data = json.dumps(message, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        self._writer.write(data + b"\n")
        task = asyncio.current_task()
        if task is not None and "method" in message and "id" in message:
            self._requests[task] = message["id"]
        async with self._draining:
            await self._writer.drain()

    def last_request(self) -> int | str | None:
        """The id of the request that the running task sent last."""
        task = asyncio.current_task()
        return self._requests.get(task) if task is not None else None

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end."""
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                await self._refuse(None, _INVALID_REQUEST, f"A message may have at most {LONGEST} bytes.")
                continue
            except OSError:
                return None
            if not line:
                return None
            if line.strip() and (message := await self._checked(line)) is not None:
                return message

    async def close(self) -> None:
        """Nothing more is written."""
        self._writer.close()

    async def _checked(self, line: bytes) -> dict[str, Any] | None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            await self._refuse(None, _PARSE_ERROR, f"This is no JSON: {error}")
            return None
        if not isinstance(message, dict):
            await self._refuse(None, _INVALID_REQUEST, "A message is one JSON object.")
            return None
        identity = message.get("id")
        usable = identity is None or type(identity) in (int, str)
        if "method" not in message:
            is_answer = type(identity) is int and ("result" in message or isinstance(message.get("error"), dict))
            return message if is_answer else None
        if not usable or not isinstance(message["method"], str):
            await self._refuse(None, _INVALID_REQUEST, "A request has a method and an id that are strings or numbers.")
            return None
        return message

    async def _refuse(self, identity: int | str | None, code: int, text: str) -> None:
        await self.send({"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": text}})
