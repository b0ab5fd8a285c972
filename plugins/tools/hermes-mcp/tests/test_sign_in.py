"""Signing in with OAuth, against an authorization server on the official SDK."""

from __future__ import annotations

import asyncio
import urllib.request

import msgspec
import pytest
from hermes_mcp.sign_in import Stored, sign_in

from hermes_host.errors import ToolError
from hermes_host.messages import text_of


@pytest.fixture
async def browser():
    """What a browser does: follow the redirect back to this machine."""
    visits = []

    def visit(address):
        visits.append(asyncio.get_running_loop().run_in_executor(None, lambda: urllib.request.urlopen(address).close()))

    yield visit
    await asyncio.gather(*visits)


async def test_signing_in_using_and_renewing_tokens(bench, web_server, browser):
    settings = {"url": web_server("guarded"), "auth": "oauth"}
    host = await bench.open(it=settings)
    context = host.context("mcp")
    server = (await bench.servers(host)).get("it")
    assert "hermes mcp auth it" in server.failure + server.remedy
    await sign_in(context, "it", server.settings, browser)
    path = bench.home / "plugins/mcp/tokens/it.json"
    assert path.stat().st_mode & 0o777 == 0o600
    await host.aclose()

    host = await bench.open(it=settings)
    assert text_of((await bench.call(host, "mcp_it_secret")).content) == "the tea is in the tin"
    first = msgspec.json.decode(path.read_bytes(), type=Stored)
    assert first.tokens is not None
    await host.aclose()

    first.expires = 1.0
    path.write_bytes(msgspec.json.encode(first))
    host = await bench.open(it=settings)
    assert text_of((await bench.call(host, "mcp_it_secret")).content) == "the tea is in the tin"
    renewed = msgspec.json.decode(path.read_bytes(), type=Stored)
    assert renewed.tokens is not None
    assert renewed.tokens["access_token"] != first.tokens["access_token"]
    assert renewed.port == first.port


async def test_a_refusal_is_said_and_stores_nothing(bench, web_server, browser):
    host = await bench.open(it={"url": web_server("guarded", "refuse"), "auth": "oauth", "enabled": False})
    server = (await bench.servers(host)).get("it")
    with pytest.raises(ToolError, match="The sign-in was refused: access_denied"):
        await sign_in(host.context("mcp"), "it", server.settings, browser)


async def test_tokens_are_not_sent_to_another_address(bench):
    host = await bench.open(it={"url": "http://127.0.0.1:9/mcp", "auth": "oauth", "enabled": False})
    folder = host.context("mcp").state_directory / "tokens"
    folder.mkdir()
    stored = Stored(url="http://127.0.0.1:10/mcp", tokens={"access_token": "x", "token_type": "Bearer"})
    (folder / "it.json").write_bytes(msgspec.json.encode(stored))
    from hermes_mcp.sign_in import auth_for, is_signed_in

    settings = (await bench.servers(host)).get("it").settings
    assert not is_signed_in(host.context("mcp"), "it", settings)
    assert await auth_for(host.context("mcp"), "it", settings).context.storage.get_tokens() is None
