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


class Person:
    """Opens the address a conversation shows, or declines."""

    def __init__(self, browser, *, willing=True):
        self.questions = []
        self._browser, self._willing = browser, willing

    async def ask(self, question):
        self.questions.append(question.text)
        if not self._willing:
            return "Decline"
        self._browser(question.text.split()[-1])
        return "I signed in"


async def signed_in(bench, web_server, browser, how):
    url = web_server("guarded", how)
    host = await bench.open(it={"url": url, "auth": "oauth", "enabled": False})
    await sign_in(host.context("mcp"), "it", (await bench.servers(host)).get("it").settings, browser)
    await host.aclose()
    return await bench.open(it={"url": url, "auth": "oauth"})


def rights(bench):
    stored = msgspec.json.decode((bench.home / "plugins/mcp/tokens/it.json").read_bytes(), type=Stored)
    return set((stored.tokens or {}).get("scope", "").split()), stored.scope


async def test_a_call_that_needs_more_rights_asks_its_person_and_goes_on(bench, web_server, browser):
    host = await signed_in(bench, web_server, browser, "steps")
    person = Person(browser)
    result = await bench.call(host, "mcp_it_secret", more={"questioner": person})
    assert text_of(result.content) == "the tea is in the tin"
    assert len(person.questions) == 1
    assert "these rights: basic more" in person.questions[0]
    assert "more" in rights(bench)[0]
    assert text_of((await bench.call(host, "mcp_it_secret")).content) == "the tea is in the tin"


@pytest.mark.parametrize("attended", [True, False], ids=["who declines", "who is not there"])
async def test_without_a_person_the_call_fails_and_the_next_sign_in_asks_for_the_rights(
    bench, web_server, browser, attended
):
    host = await signed_in(bench, web_server, browser, "steps")
    more = {"questioner": Person(browser, willing=False)} if attended else {}
    result = await bench.call(host, "mcp_it_secret", more=more)
    assert result.is_error
    assert "hermes mcp auth it" in text_of(result.content)
    assert rights(bench)[1] == "basic more"

    settings = (await bench.servers(host)).get("it").settings
    await sign_in(host.context("mcp"), "it", settings, browser)
    assert "more" in rights(bench)[0]
    assert rights(bench)[1] == ""


async def test_a_server_that_is_never_content_may_ask_twice(bench, web_server, browser):
    host = await signed_in(bench, web_server, browser, "never")
    person = Person(browser)
    for _ in range(4):
        result = await bench.call(host, "mcp_it_secret", more={"questioner": person})
        assert result.is_error
    assert len(person.questions) == 2
    assert "is not content" in text_of(result.content)


async def test_a_client_metadata_document_must_be_an_https_address(bench):
    entry = {"url": "https://it.example/mcp", "oauth": {"metadata_url": "http://it.example/client.json"}}
    host = await bench.open(it=entry)
    assert host.config.section("mcp_servers")["it"].oauth.metadata_url == ""
    assert "metadata_url must be an https address" in " ".join(fault.message for fault in host.config.problems)
