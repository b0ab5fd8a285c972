"""What was checked is what is connected to: look-ups by a real name server, proxies, and any URL at all."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from aiohttp import ClientError, ClientSession, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver
from hermes_network.addresses import is_public
from hermes_network.backends import GuardedBackend
from hermes_network.connections import connector
from hermes_network.errors import AddressRefused, FetchFailed
from hermes_network.guard import Guard
from hermes_network.resolver import lookup_of
from hermes_network.settings import Settings
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hermes_host.config import Secret
from hermes_host.errors import ConfigError


@pytest.fixture
def named(make_client, site, names):
    """A client that finds names by the name server and may go to the site by the name home.pages.dev."""
    return make_client(allow_private=[f"home.pages.dev:{site.port}"], nameservers=[names.address])


async def test_a_name_is_looked_up_once_and_that_answer_is_connected_to(named, site, names):
    names.says("home.pages.dev", ["127.0.0.1"], ["169.254.169.254"])
    site.page("/x", text="here")
    assert (await named.fetch(f"http://home.pages.dev:{site.port}/x")).body == b"here"
    assert sorted(names.asked) == ["home.pages.dev A", "home.pages.dev AAAA"]
    assert site.requests[0].headers["Host"] == f"home.pages.dev:{site.port}"


async def test_a_name_that_moves_between_two_requests_is_judged_again(named, site, names):
    names.says("home.pages.dev", ["127.0.0.1"], ["169.254.169.254"])
    site.page("/x", text="here", headers={"Connection": "close"})
    await named.fetch(f"http://home.pages.dev:{site.port}/x")
    with pytest.raises(AddressRefused) as caught:
        await named.fetch(f"http://home.pages.dev:{site.port}/x")
    assert caught.value.rule == "metadata"
    assert len(site.requests) == 1


async def test_a_name_that_moves_between_redirects_is_judged_again(named, site, names):
    names.says("home.pages.dev", ["127.0.0.1"], ["169.254.169.254"])

    async def elsewhere(request):
        from aiohttp import web

        return web.Response(status=302, headers={"Location": "/secret", "Connection": "close"})

    site.pages["/x"] = elsewhere
    with pytest.raises(AddressRefused):
        await named.fetch(f"http://home.pages.dev:{site.port}/x")
    assert [request.path for request in site.requests] == ["/x"]


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["::1"],
        ["1.1.1.1", "127.0.0.1"],
        ["127.0.0.1", "1.1.1.1"],
        ["1.1.1.1", "::ffff:127.0.0.1"],
        ["2606:4700:4700::1111", "10.0.0.1"],
        ["169.254.169.254"],
        ["0.0.0.0"],
        ["100.64.0.1"],
    ],
)
async def test_one_private_answer_forbids_the_name(named, site, names, answer):
    names.says("evil.pages.dev", answer)
    with pytest.raises(AddressRefused) as caught:
        await named.fetch(f"http://evil.pages.dev:{site.port}/x")
    assert caught.value.host == "evil.pages.dev"
    assert not any(address in str(caught.value) for address in answer)
    assert site.requests == []


async def test_a_name_that_nobody_knows_is_not_asked(named, names, journal):
    with pytest.raises(FetchFailed, match="cannot be found") as caught:
        await named.fetch("http://nowhere.pages.dev/")
    assert caught.value.kind == "dns"
    assert [(entry.verdict, entry.rule) for entry in journal.read(5)] == [("failed", "dns")]


async def test_a_site_that_is_not_allowed_is_not_even_looked_up(make_client, names):
    """A name server of the attacker's would learn the words of the name."""
    for limits in ({"allow": []}, {"allow": ["good.pages.dev"]}, {"block": ["pages.dev"]}):
        client = make_client(nameservers=[names.address], **limits)
        with pytest.raises(AddressRefused):
            await client.fetch("https://the-secret-is-canary.pages.dev/")
    assert names.asked == []


async def test_a_name_server_that_is_none_is_a_fault_of_the_settings(make_client):
    pytest.importorskip("dns")
    for text in ("dns.example.com", "1.1.1.1:x", ""):
        with pytest.raises(ConfigError, match="nameservers"):
            await make_client(nameservers=[text]).fetch("https://example.com/")


async def test_a_name_that_leads_home_is_not_opened_by_its_connector_either(site):
    async with ClientSession(connector=connector(Guard()), cookie_jar=DummyCookieJar()) as session:
        with pytest.raises(AddressRefused):
            await session.get(f"http://localhost:{site.port}/")
    assert site.requests == []


async def test_a_socket_to_an_address_that_nobody_judged_is_not_opened(site):
    """The last look, for libraries that use the connector and forget to check the URL."""
    async with ClientSession(connector=connector(Guard()), cookie_jar=DummyCookieJar()) as session:
        with pytest.raises((AddressRefused, ClientError)):
            await session.get(site.address)
    assert site.requests == []


# --------------------------------------------------------------------------------------------------- certificates


async def test_the_name_that_was_checked_is_the_name_on_the_certificate(make_client, secure_site, names, certificate):
    names.says("secure.pages.dev", ["127.0.0.1"])
    names.says("other.pages.dev", ["127.0.0.1"])
    secure_site.page("/x", text="here")
    client = make_client(
        allow_private=["secure.pages.dev", "other.pages.dev"], nameservers=[names.address], ca_bundle=str(certificate)
    )
    assert (await client.fetch(f"https://secure.pages.dev:{secure_site.port}/x")).body == b"here"
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(f"https://other.pages.dev:{secure_site.port}/x")
    assert caught.value.kind == "tls"


# ---------------------------------------------------------------------------------------------------------- proxies


@pytest.fixture
async def proxy(raw_server):
    """A proxy that opens tunnels and passes plain requests on, and what it was asked for."""
    asked: list[str] = []

    async def handle(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.split(b"\r\n")[0].decode()
        asked.append(line)
        where = line.split()[1].removeprefix("http://").split("/")[0]
        host, _, port = where.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        if line.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            back.write(head)
        try:
            await asyncio.gather(_pass(reader, back), _pass(there, writer))
        finally:
            back.close()

    async def _pass(reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    return await raw_server(handle), asked


async def test_a_proxy_is_given_the_address_that_was_checked(make_client, secure_site, names, certificate, proxy):
    port, asked = proxy
    names.says("secure.pages.dev", ["127.0.0.1"])
    secure_site.page("/x", text="here")
    client = make_client(
        allow_private=["secure.pages.dev"],
        nameservers=[names.address],
        ca_bundle=str(certificate),
        proxy=Secret(f"http://127.0.0.1:{port}"),
    )
    assert (await client.fetch(f"https://secure.pages.dev:{secure_site.port}/x")).body == b"here"
    assert asked == [f"CONNECT 127.0.0.1:{secure_site.port} HTTP/1.1"]
    assert secure_site.requests[0].headers["Host"] == f"secure.pages.dev:{secure_site.port}"


async def test_a_plain_request_through_a_proxy_names_the_host_and_goes_to_the_address(make_client, site, names, proxy):
    port, asked = proxy
    names.says("home.pages.dev", ["127.0.0.1"])
    site.page("/x", text="here")
    client = make_client(
        allow_private=["home.pages.dev"], nameservers=[names.address], proxy=Secret(f"http://localhost:{port}")
    )
    assert (await client.fetch(f"http://home.pages.dev:{site.port}/x")).body == b"here"
    assert asked == [f"GET http://127.0.0.1:{site.port}/x HTTP/1.1"]
    assert site.requests[0].headers["Host"] == f"home.pages.dev:{site.port}"


async def test_a_proxy_is_no_way_around_the_guard(make_client, site, names, proxy):
    port, asked = proxy
    names.says("evil.pages.dev", ["127.0.0.1"])
    client = make_client(nameservers=[names.address], proxy=Secret(f"http://127.0.0.1:{port}"))
    for url in (site.address, f"http://evil.pages.dev:{site.port}/", f"http://127.0.0.1:{port}/"):
        with pytest.raises(AddressRefused):
            await client.fetch(url)
    assert asked == []


async def test_a_proxy_of_the_environment_is_not_used(client, site, proxy, monkeypatch):
    port, asked = proxy
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    site.page("/x", text="here")
    assert (await client.fetch(f"{site.address}/x")).body == b"here"
    assert asked == []


# --------------------------------------------------------------------------------------------------------- httpcore2


async def test_httpcore2_connects_only_where_the_guard_lets_it(site, names):
    import httpcore2

    names.says("home.pages.dev", ["127.0.0.1"])
    names.says("evil.pages.dev", ["127.0.0.1"])
    site.page("/x", text="here")
    guard = Guard(Settings(allow_private=[f"home.pages.dev:{site.port}"]))
    backend = GuardedBackend(guard, lookup=lookup_of([names.address]))
    async with httpcore2.AsyncConnectionPool(network_backend=backend) as pool:
        answer = await pool.request("GET", f"http://home.pages.dev:{site.port}/x")
        assert answer.content == b"here"
        for host in ("evil.pages.dev", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost"):
            with pytest.raises(AddressRefused):
                await pool.request("GET", f"http://{host}:{site.port}/x")
    assert len(site.requests) == 1


# ----------------------------------------------------------------------------------------------------------- any URL

_PIECES = st.sampled_from(
    [
        *(
            "example.com",
            "127.0.0.1",
            "localhost",
            "[::1]",
            "[::ffff:7f00:1]",
            "2130706433",
            "0x7f.1",
            "0177.1",
            "1.1.1.1",
        ),
        *("@", ":", "//", "/", "\\", "?", "#", "%", "%40", "%2e", "%00", ".", "..", ":80", ":8080", ":443", "user:pw@"),
        *("http:", "https:", "HTTP://", "https://", "ftp://", "[", "]", "a", "-", "_", "é", "。", "ⓐ", "ß", "\u200d"),
        *(
            "\u00ad",
            "\t",
            " ",
            "\n",
            "\x00",
            "xn--a",
            "xn--mnchen-3ya",
            ".com",
            ".local",
            "０",
            "𝟙",
            "⁄",
            "℀",
            "%5B",
            ";",
        ),
    ]
)
_LABELS = st.text("abcxyz019-_éßⓐ", min_size=1, max_size=6)
_HOSTS = st.one_of(
    st.lists(_LABELS, min_size=1, max_size=4).map(".".join),
    st.ip_addresses().map(lambda address: f"[{address}]" if address.version == 6 else str(address)),
    _PIECES,
)
_PLAIN = st.builds(
    lambda scheme, host, port, rest: f"{scheme}://{host}{port}{rest}",
    st.sampled_from(["http", "https", "HTTPS"]),
    _HOSTS,
    st.one_of(st.just(""), st.integers(0, 70_000).map(lambda port: f":{port}")),
    st.one_of(st.just(""), st.sampled_from(["/", "?@127.0.0.1/", "#@127.0.0.1", "/@127.0.0.1/%2e%2e/"])),
)
_URLS = st.one_of(
    _PLAIN,
    st.builds(lambda scheme, rest: scheme + "".join(rest), st.sampled_from(["http://", "https://"]), st.lists(_PIECES)),
    st.lists(_PIECES, max_size=8).map("".join),
    st.text(max_size=30).map(lambda text: f"http://{text}/"),
    st.tuples(st.text(max_size=12), st.text(max_size=12)).map(lambda pair: f"https://{pair[0]}.example.com{pair[1]}"),
)


class _Recorder(AbstractResolver):
    def __init__(self) -> None:
        self.names: list[str] = []

    async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
        self.names.append(host)
        return [{"hostname": host, "host": "1.1.1.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


async def _where_aiohttp_goes(url) -> tuple[list[str], list[tuple[str, int]]]:
    """The names that aiohttp looks up and the addresses it wants sockets for, without opening any."""
    recorder, wanted = _Recorder(), []

    def note(info):
        wanted.append((info[4][0], info[4][1]))
        raise OSError("not opened")

    async with ClientSession(connector=TCPConnector(resolver=recorder, socket_factory=note)) as session:
        with contextlib.suppress(ClientError):
            await session.get(url, allow_redirects=False)
    return recorder.names, wanted


@settings(max_examples=300, deadline=None)
@given(_URLS)
@example("http://example.com:80@127.0.0.1/")
@example("http://1.1.1.1 &@2.2.2.2# @3.3.3.3/")
@example("http://foo@127.0.0.1:11211@example.com:80/")
@example("http://[::ffff:127.0.0.1]@example.com/")
@example("http://example.com#@127.0.0.1/")
@example("http://example.com?.127.0.0.1/")
@example("http://１.1.1.1/")
def test_whatever_passes_the_check_is_connected_to_where_the_check_looked(url):
    try:
        target = Guard().check(url)
    except AddressRefused:
        return
    looked_up, wanted = asyncio.run(_where_aiohttp_goes(target.url))
    if target.address is None:
        assert looked_up == [target.host]
        assert wanted == [("1.1.1.1", target.port)]
    else:
        assert looked_up == []
        assert wanted == [(target.host, target.port)]
        assert is_public(target.host)


@settings(max_examples=300, deadline=None)
@given(_URLS)
def test_whatever_is_not_on_the_allow_list_does_not_pass(url):
    with contextlib.suppress(AddressRefused):
        assert Guard(Settings(allow=["example.com"])).check(url).host == "example.com"


@settings(max_examples=300, deadline=None)
@given(_URLS)
def test_a_check_either_refuses_or_reads_and_reads_its_own_writing_the_same(url):
    try:
        target = Guard().check(url)
    except AddressRefused as error:
        assert error.rule
        return
    again = Guard().check(str(target.url))
    assert (again.scheme, again.host, again.port) == (target.scheme, target.host, target.port)
