"""A web server that can misbehave, a name server that can lie, and clients that find names by it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hermes_network.client import Client
from hermes_network.guard import Guard
from hermes_network.journal import Journal
from hermes_network.settings import Settings

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""For localhost, 127.0.0.1 and secure.pages.dev, made by openssl for these tests alone; the key is no secret."""


class Site:
    """Pages by path, and what was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[web.Request] = []
        self.pages: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {}
        self.redirects: dict[str, str] = {}
        self.scheme = "http"

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def page(self, path: str, **answer: Any) -> None:
        async def give(request: web.Request) -> web.Response:
            return web.Response(**answer)

        self.pages[path] = give

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        await request.read()
        if request.path in self.redirects:
            return web.Response(status=302, headers={"Location": self.redirects[request.path]})
        if request.path in self.pages:
            return await self.pages[request.path](request)
        return web.Response(status=404, text="nothing here")


@contextlib.asynccontextmanager
async def serving(site: Site, secure: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secure).start()
    site.port = runner.addresses[0][1]
    try:
        yield site
    finally:
        await runner.cleanup()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving(Site()) as site:
        yield site


@pytest.fixture
async def secure_site() -> AsyncIterator[Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    site = Site()
    site.scheme = "https"
    async with serving(site, context) as site:
        yield site


@pytest.fixture
async def raw_server():
    """A server that says what it is told to say, byte by byte: `port = await raw_server(handler)`."""
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def start(handler) -> int:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.current_task())
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for server in servers:
        await server.wait_closed()


class NameServer(asyncio.DatagramProtocol):
    """Answers A and AAAA questions; of several answers for a name, one for each question, the last one from then on."""

    def __init__(self) -> None:
        self.port = 0
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def says(self, name: str, *answers: list[str]) -> None:
        self.answers[name] = list(answers)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connection_made(self, transport) -> None:
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address) -> None:
        import dns.flags
        import dns.message
        import dns.rcode
        import dns.rdatatype
        import dns.rrset

        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        kind = "AAAA" if question.rdtype == dns.rdatatype.AAAA else "A"
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name not in self.answers:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            # Both questions of one look-up see the same answer.
            first = f"{name} {kind}"
            self.asked.append(first)
            turn = self.asked.count(first) - 1
            says = self.answers[name][min(turn, len(self.answers[name]) - 1)]
            found = [text for text in says if (":" in text) is (kind == "AAAA")]
            if found:
                answer.answer.append(dns.rrset.from_text(question.name, 0, "IN", kind, *found))
        self._transport.sendto(answer.to_wire(), address)


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    pytest.importorskip("dns", reason="the extra hermes-network[dns] is not installed")
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    yield server
    transport.close()


@pytest.fixture
async def make_client(tmp_path):
    """`make_client(allow_private=[...], ...)`: a client with these settings of `network`, closed at the end."""
    made: list[Client] = []

    def make(*, purpose: str = "test", https_only: bool = False, **settings: Any) -> Client:
        guard = Guard(Settings(**settings), home=tmp_path, https_only=https_only)
        client = Client(guard, purpose=purpose, journal=Journal(tmp_path / "logs" / "network.jsonl"))
        made.append(client)
        return client

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
def client(make_client, site) -> Client:
    """A client that may ask the site, and nothing else that is private."""
    return make_client(allow_private=[f"127.0.0.1:{site.port}"])


@pytest.fixture
def journal(tmp_path) -> Journal:
    return Journal(tmp_path / "logs" / "network.jsonl")


@pytest.fixture
def certificate() -> Path:
    return CERTIFICATE
