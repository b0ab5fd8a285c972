"""MCP over standard input and output. Standard output carries the protocol and nothing else.

While a client is served, descriptor 0 is the null device and descriptor 1 is standard error: what a plugin, a library
or a child process prints or reads cannot get between the messages.
"""

# ruff: noqa: TID253 - nothing here is imported before a client is served

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.lowlevel import Server

__all__ = ["serve_stdio"]

log = logging.getLogger(__name__)

_CHUNK = 65_536
_LARGEST = 16_000_000
"""Bytes of one message. What is larger ends the connection: its sender cannot be answered."""


async def serve_stdio(server: Server[Any]) -> None:
    """Serve one client until it closes its end."""
    async with _claimed() as (reading, writing), _streams(reading, writing) as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


@asynccontextmanager
async def _claimed() -> AsyncIterator[tuple[int, int]]:
    sys.stdout.flush()
    reading, writing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    try:
        yield reading, writing
    finally:
        sys.stdout.flush()
        os.dup2(reading, 0)
        os.dup2(writing, 1)
        for descriptor in (reading, writing):
            os.close(descriptor)


@asynccontextmanager
async def _streams(reading: int, writing: int) -> AsyncIterator[tuple[Any, Any]]:
    reader = await _reader(reading)
    writer = await _writer(writing)
    deliver, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, take = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as group:
        group.start_soon(_read, reader, deliver)
        group.start_soon(_write, writer, take)
        try:
            yield incoming, outgoing
        finally:
            group.cancel_scope.cancel()
            for stream in (deliver, incoming, outgoing, take):
                stream.close()
            writer.close()


async def _read(reader: asyncio.StreamReader, deliver: Any) -> None:
    async with deliver:
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                line = error.partial
                if not line.strip():
                    return
            except asyncio.LimitOverrunError:
                log.error("a message of more than %d bytes ended the connection", _LARGEST)
                return
            if not line.strip():
                continue
            message: SessionMessage | Exception
            try:
                message = SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
            except (ValueError, RecursionError) as error:
                message = error if isinstance(error, ValueError) else ValueError("too deeply nested")
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                await deliver.send(message)


async def _write(writer: asyncio.StreamWriter, take: Any) -> None:
    async with take:
        async for message in take:
            data = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            try:
                writer.write(data.encode("utf-8", "replace") + b"\n")
                await writer.drain()
            except OSError:
                return  # nobody reads any more; the end of the other pipe says so to everyone who waits


async def _reader(descriptor: int) -> asyncio.StreamReader:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LARGEST)
    if _is_pipe(descriptor):
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(descriptor), "rb", buffering=0)
        )
    else:  # a file cannot be waited for, and need not be
        with os.fdopen(os.dup(descriptor), "rb") as file:
            while chunk := file.read(_CHUNK):
                reader.feed_data(chunk)
        reader.feed_eof()
    return reader


async def _writer(descriptor: int) -> Any:
    if not _is_pipe(descriptor):
        return _FileWriter(descriptor)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), os.fdopen(os.dup(descriptor), "wb", buffering=0)
    )
    return asyncio.StreamWriter(transport, protocol, None, loop)


class _FileWriter:
    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(os.dup(descriptor), "wb", buffering=0)

    def write(self, data: bytes) -> None:
        self._file.write(data)

    async def drain(self) -> None:
        """A file takes what it is given."""

    def close(self) -> None:
        self._file.close()


def _is_pipe(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISCHR(mode)
