"""Servers that mean harm, byte by byte."""

from __future__ import annotations

import asyncio
import time

import pytest
from hermes_network.errors import FetchFailed


async def failure(make_client, port, **options) -> FetchFailed:
    client = make_client(allow_private=[f"127.0.0.1:{port}"])
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(f"http://127.0.0.1:{port}/x", **options)
    return caught.value


def saying(*parts: bytes, stay: bool = False):
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if stay:
            await reader.read()

    return handle


async def test_headers_that_drip_are_not_waited_for(make_client, raw_server):
    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(1000):
            writer.write(b"X-%d: y\r\n" % number)
            await writer.drain()
            await asyncio.sleep(0.05)

    port = await raw_server(drip)
    begun = time.monotonic()
    error = await failure(make_client, port, timeout=0.6)
    assert error.kind == "timeout"
    assert time.monotonic() - begun < 5


async def test_a_body_that_drips_is_not_waited_for(make_client, raw_server):
    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert (await failure(make_client, await raw_server(drip), timeout=0.6)).kind == "timeout"


async def test_a_server_that_says_nothing_is_not_waited_for(make_client, raw_server):
    assert (await failure(make_client, await raw_server(saying(stay=True)), timeout=0.5)).kind == "timeout"


async def test_ten_thousand_headers_are_refused(make_client, raw_server):
    headers = b"".join(b"X-%d: y\r\n" % number for number in range(10_000))
    port = await raw_server(saying(b"HTTP/1.1 200 OK\r\n", headers, b"Content-Length: 0\r\n\r\n"))
    assert (await failure(make_client, port)).kind == "protocol"


async def test_one_endless_header_is_refused(make_client, raw_server):
    port = await raw_server(saying(b"HTTP/1.1 200 OK\r\nX: ", *[b"y" * 65536] * 40))
    assert (await failure(make_client, port)).kind == "protocol"


async def test_a_body_shorter_than_announced_is_no_body(make_client, raw_server):
    port = await raw_server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort"))
    assert (await failure(make_client, port)).kind == "protocol"


async def test_a_body_longer_than_announced_is_read_to_where_it_was_to_end(make_client, raw_server):
    port = await raw_server(
        saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort", b"HTTP/1.1 200 OK\r\n\r\nmore")
    )
    client = make_client(allow_private=[f"127.0.0.1:{port}"])
    assert (await client.fetch(f"http://127.0.0.1:{port}/")).body == b"short"


@pytest.mark.parametrize("length", [b"99999999999999", b"1000001"])
async def test_a_body_announced_too_large_is_not_begun(make_client, raw_server, length):
    port = await raw_server(saying(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n", stay=True))
    assert (await failure(make_client, port, limit_bytes=1_000_000, timeout=5)).kind == "size"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"-ERR unknown command\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nshorty",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\nxx",
        b"HTTP/1.1 9999 OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"",
    ],
)
async def test_what_is_not_http_is_not_taken_for_it(make_client, raw_server, answer):
    error = await failure(make_client, await raw_server(saying(answer)), timeout=5)
    assert error.kind in ("protocol", "connection")


async def test_chunks_without_an_end_are_stopped(make_client, raw_server):
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    port = await raw_server(saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[chunk] * 200))
    assert (await failure(make_client, port, limit_bytes=200_000)).kind == "size"


async def test_an_error_says_nothing_of_addresses(make_client, raw_server):
    port = await raw_server(saying(b""))
    client = make_client(allow_private=[f"localhost:{port}"])
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(f"http://localhost:{port}/x?token=canary")
    assert "127.0.0.1" not in str(caught.value)
    assert "canary" not in str(caught.value)


async def test_nobody_there_is_said_plainly(make_client, raw_server):
    client = make_client(allow_private=["127.0.0.1:1"])
    with pytest.raises(FetchFailed, match="refused") as caught:
        await client.fetch("http://127.0.0.1:1/")
    assert caught.value.kind == "connection"
