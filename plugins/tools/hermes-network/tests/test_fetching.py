"""Fetching from a real server over loopback: limits, redirects, secrets, types."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from email.utils import formatdate

import pytest
from aiohttp import web
from hermes_network.errors import AddressRefused, FetchFailed


async def failed(client, url, **options) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await client.fetch(url, **options)
    assert str(caught.value)
    return caught.value


async def refused(client, url, **options) -> AddressRefused:
    with pytest.raises(AddressRefused) as caught:
        await client.fetch(url, **options)
    return caught.value


async def test_a_page_is_fetched_with_what_the_server_says_about_it(client, site):
    site.page(
        "/a", body="Grüße".encode("latin-1"), headers={"Content-Type": "text/html; charset=ISO-8859-1", "X-A": "1"}
    )
    fetched = await client.fetch(f"{site.address}/a?q=1#part")
    assert fetched.ok
    assert fetched.body.decode(fetched.charset) == "Grüße"
    assert (fetched.content_type, fetched.charset, fetched.headers["x-a"]) == ("text/html", "iso-8859-1", "1")
    assert fetched.url == f"{site.address}/a?q=1"
    (request,) = site.requests
    assert request.headers["User-Agent"] == "hermes-host"
    assert request.headers["Accept-Encoding"] == "gzip, deflate"


async def test_an_answer_that_is_no_success_is_given_and_can_be_raised(client, site):
    fetched = await client.fetch(f"{site.address}/missing")
    assert (fetched.status, fetched.ok) == (404, False)
    with pytest.raises(FetchFailed, match="404"):
        fetched.raise_for_status()


async def test_a_body_is_sent_with_another_method(client, site):
    async def echo(request):
        return web.Response(body=request.method.encode() + await request.read())

    site.pages["/hook"] = echo
    fetched = await client.fetch(f"{site.address}/hook", method="POST", body=b" data")
    assert fetched.body == b"POST data"


async def test_pieces_come_before_the_end_of_the_body(client, site):
    go_on = asyncio.Event()

    async def slowly(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"a" * 600)
        await go_on.wait()
        await response.write(b"b")
        return response

    site.pages["/slow"] = slowly
    async with client.open(f"{site.address}/slow") as response:
        pieces = response.pieces()
        first = await anext(pieces)
        assert first == b"a" * 600
        go_on.set()
        assert b"".join([piece async for piece in pieces]) == b"b"


async def test_a_private_address_is_not_even_connected_to(make_client, site):
    client = make_client()
    error = await refused(client, f"{site.address}/secret")
    assert error.rule == "private"
    assert site.requests == []


# -------------------------------------------------------------------------------------------------------- size


async def test_a_body_that_is_too_large_is_refused(client, site):
    site.page("/big", body=b"x" * 5000)
    error = await failed(client, f"{site.address}/big", limit_bytes=1000)
    assert error.kind == "size"
    assert (await client.fetch(f"{site.address}/big", limit_bytes=5000)).body == b"x" * 5000


async def test_a_body_can_be_cut_in_place_of_being_refused(client, site):
    site.page("/big", body=b"x" * 5000)
    fetched = await client.fetch(f"{site.address}/big", limit_bytes=1000, overflow="cut")
    assert (len(fetched.body), fetched.truncated) == (1000, True)


async def test_a_body_without_an_end_is_stopped(client, site):
    sent = 0

    async def endless(request):
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)
            sent += 65536

    site.pages["/endless"] = endless
    assert (await failed(client, f"{site.address}/endless", limit_bytes=300_000)).kind == "size"
    assert sent < 20_000_000


# ----------------------------------------------------------------------------------------------------- packing


@pytest.mark.parametrize(
    ("packing", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("identity", bytes),
    ],
)
async def test_a_packed_body_is_unpacked(client, site, packing, pack):
    text = b"some text, and more of it. " * 1000
    site.page("/packed", body=pack(text), headers={"Content-Encoding": packing})
    assert (await client.fetch(f"{site.address}/packed")).body == text


async def test_a_bomb_is_stopped_by_its_ratio_before_its_size(client, site):
    site.page("/bomb", body=gzip.compress(b"\0" * 30_000_000), headers={"Content-Encoding": "gzip"})
    error = await failed(client, f"{site.address}/bomb", limit_bytes=100_000_000)
    assert error.kind == "packing"


async def test_a_bomb_within_the_ratio_is_stopped_by_its_size(client, site):
    site.page("/bomb", body=gzip.compress(b"\0" * 900_000), headers={"Content-Encoding": "gzip"})
    assert (await failed(client, f"{site.address}/bomb", limit_bytes=10_000)).kind == "size"


@pytest.mark.parametrize("packing", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "x" * 500])
async def test_a_packing_that_was_not_asked_for_is_not_unpacked(client, site, packing):
    site.page("/packed", body=b"x" * 100, headers={"Content-Encoding": packing})
    assert (await failed(client, f"{site.address}/packed")).kind == "packing"


@pytest.mark.parametrize("body", [b"not gzip at all", gzip.compress(b"some text" * 100)[:-20]])
async def test_a_packed_body_that_is_broken_is_no_body(client, site, body):
    site.page("/packed", body=body, headers={"Content-Encoding": "gzip"})
    assert (await failed(client, f"{site.address}/packed")).kind == "packing"


# --------------------------------------------------------------------------------------------------- redirects


async def test_redirects_are_followed_and_named(client, site):
    site.redirects = {"/1": "/2", "/2": f"{site.address}/3 x?a=b c", "/3 x": "./4"}
    site.page("/4", text="there")
    fetched = await client.fetch(f"{site.address}/1")
    assert (fetched.body, fetched.url) == (b"there", f"{site.address}/4")
    assert fetched.redirects == (site.address,) * 3


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:1/",
        "http://[::1]/",
        "//10.0.0.1/",
        "file:///etc/passwd",
        "http://2130706433/",
        "http://example.com@127.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "javascript:alert(1)",
        "http://metadata.google.internal/computeMetadata/v1/",
    ],
)
async def test_a_redirect_into_a_private_network_is_not_followed(client, site, journal, location):
    site.redirects = {"/1": "/2", "/2": location}
    await refused(client, f"{site.address}/1")
    assert len(site.requests) == 2
    assert [entry.verdict for entry in journal.read(10)] == ["ok", "ok", "refused"]


async def test_redirects_end(make_client, site):
    site.redirects = {"/loop": "/loop"}
    client = make_client(allow_private=[f"127.0.0.1:{site.port}"], max_redirects=3)
    assert (await failed(client, f"{site.address}/loop")).kind == "redirects"
    assert len(site.requests) == 4


async def test_a_redirect_of_a_change_is_not_followed(client, site):
    site.redirects = {"/change": "/other"}
    assert (await failed(client, f"{site.address}/change", method="POST", body=b"x")).kind == "redirects"
    assert len(site.requests) == 1


SECRETS = {"Authorization": "Bearer canary", "Cookie": "a=canary", "X-Api-Key": "canary", "PRIVATE-TOKEN": "canary"}


async def test_no_secret_follows_a_redirect_to_another_origin(make_client, site):
    site.redirects = {"/start": f"http://localhost:{site.port}/end"}
    site.page("/end", text="end")
    client = make_client(allow_private=[f"127.0.0.1:{site.port}", f"localhost:{site.port}"])
    await client.fetch(f"{site.address}/start", headers={**SECRETS, "Accept-Language": "de"}, accept=["text/*"])
    first, second = site.requests
    assert first.headers["Authorization"] == "Bearer canary"
    assert "canary" not in str(second.headers)
    assert second.headers["Accept-Language"] == "de"
    assert second.headers["Accept"] == "text/*"


async def test_a_secret_stays_within_its_origin(client, site):
    site.redirects = {"/start": "/end"}
    site.page("/end", text="end")
    await client.fetch(f"{site.address}/start", headers=SECRETS)
    assert [request.headers["X-Api-Key"] for request in site.requests] == ["canary", "canary"]


async def test_a_redirect_from_https_to_http_is_refused(make_client, site, secure_site, certificate):
    secure_site.redirects = {"/start": f"{site.address}/end"}
    client = make_client(
        allow_private=[f"127.0.0.1:{site.port}", f"127.0.0.1:{secure_site.port}"], ca_bundle=str(certificate)
    )
    assert (await refused(client, f"{secure_site.address}/start")).rule == "downgrade"
    assert (len(secure_site.requests), len(site.requests)) == (1, 0)


async def test_cookies_are_neither_kept_nor_shown(client, site):
    site.page("/set", text="x", headers={"Set-Cookie": "session=canary; Path=/"})
    fetched = await client.fetch(f"{site.address}/set")
    await client.fetch(f"{site.address}/set")
    assert "canary" not in str(fetched.headers)
    assert "Cookie" not in site.requests[1].headers


async def test_a_certificate_that_nobody_vouches_for_is_refused(make_client, secure_site):
    client = make_client(allow_private=[f"127.0.0.1:{secure_site.port}"])
    assert (await failed(client, f"{secure_site.address}/")).kind == "tls"
    assert secure_site.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "internal"},
        {"host": "internal"},
        {"Content-Length": "5"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "upgrade"},
        {"Proxy-Authorization": "x"},
        {"X-A": "b\r\nHost: internal"},
        {"X-A\r\nHost": "internal"},
        {"X-A": "ü\u2028"},
        {"": "x"},
    ],
)
async def test_a_caller_cannot_say_another_host_than_the_one_that_was_checked(client, site, headers):
    assert (await refused(client, f"{site.address}/", headers=headers)).rule == "header"
    assert site.requests == []


# -------------------------------------------------------------------------------------------------------- types


@pytest.mark.parametrize(
    ("declared", "body", "kind"),
    [
        ("text/html; charset=utf-8", b"<html>", "text/html"),
        ("TEXT/HTML", b"<html>", "text/html"),
        ("text/plain", b"<html><script>", "text/plain"),
        ("text/plain", b"%PDF-1.7 ...", "application/pdf"),
        ("text/html", b"\x89PNG\r\n\x1a\n....", "image/png"),
        ("text/plain", b"\x00\x01\x02\x03", "application/octet-stream"),
        ("text/plain; charset=utf-16", b"\xff\xfeh\x00i\x00", "text/plain"),
        ("application/octet-stream", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("application/octet-stream", b"just words", "text/plain"),
        ("application/octet-stream", b"<html>", "text/plain"),
        ("application/json", b"PK\x03\x04...", "application/zip"),
        ("image/png", b"<svg onload=x>", "image/png"),
        ("application/pdf", b"%PDF", "application/pdf"),
    ],
)
async def test_a_type_is_what_the_body_is_and_never_becomes_html(client, site, declared, body, kind):
    site.page("/x", body=body, headers={"Content-Type": declared})
    assert (await client.fetch(f"{site.address}/x")).content_type == kind


async def test_a_type_that_is_not_accepted_is_not_read(client, site):
    site.page("/x", body=b"%PDF-1.7" + b"x" * 1000, headers={"Content-Type": "text/html"})
    site.page("/page", text="words", content_type="text/html")
    error = await failed(client, f"{site.address}/x", accept=["text/*", "application/json"])
    assert error.kind == "type"
    assert "application/pdf" in str(error)
    assert (await client.fetch(f"{site.address}/page", accept=["text/*"])).body == b"words"


# ----------------------------------------------------------------------------------------------------- patience


async def test_a_busy_server_is_asked_once_more_after_the_time_it_names(client, site):
    answers = [web.Response(status=429, headers={"Retry-After": "1"}), web.Response(text="now")]
    moments = []

    async def busy(request):
        moments.append(time.monotonic())
        return answers.pop(0)

    site.pages["/busy"] = busy
    assert (await client.fetch(f"{site.address}/busy")).body == b"now"
    assert moments[1] - moments[0] >= 1


@pytest.mark.parametrize("said", ["0", formatdate(time.time() - 5, usegmt=True)])
async def test_a_busy_server_is_not_asked_twice_more(client, site, said):
    site.page("/busy", status=429, headers={"Retry-After": said})
    assert (await client.fetch(f"{site.address}/busy")).status == 429
    assert len(site.requests) == 2


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3600"}, {"Retry-After": "soon"}, {"Retry-After": "nan"}])
async def test_a_server_that_wants_a_long_time_or_none_is_left_alone(client, site, headers):
    site.page("/busy", status=429, headers=headers)
    assert (await client.fetch(f"{site.address}/busy")).status == 429
    assert len(site.requests) == 1


async def test_a_change_is_never_sent_twice(client, site):
    site.page("/busy", status=429, headers={"Retry-After": "0"})
    await client.fetch(f"{site.address}/busy", method="POST", body=b"x")
    assert len(site.requests) == 1


async def test_cancelling_a_fetch_frees_it_at_once(client, site, journal):
    arrived = asyncio.Event()

    async def never(request):
        arrived.set()
        await asyncio.Event().wait()

    site.pages["/never"] = never
    task = asyncio.create_task(client.fetch(f"{site.address}/never"))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [entry.verdict for entry in journal.read(5)] == ["failed"]
