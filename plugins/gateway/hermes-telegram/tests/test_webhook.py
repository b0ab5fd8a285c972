"""Telegram posts to the gateway's server; whoever cannot show the secret is refused."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from hermes_gateway.parts import WebServer

from hermes_host.errors import AuthFailed, ConfigError

HEADER = "X-Telegram-Bot-Api-Secret-Token"


@asynccontextmanager
async def served(host_of: Any, inbox: Any, **settings: Any):
    """The adapter behind the gateway's own server; gives that server's address."""
    given = {"webhook": True, "server.listen": "127.0.0.1:0", "server.public_url": "https://agent.test", **settings}
    host = host_of(plugins=("telegram", "gateway"), **given)
    adapter = await host.part(host.registry("adapters").get("telegram"))
    server = await host.context("gateway").services.get(WebServer)
    listening = asyncio.Event()
    tasks = [asyncio.create_task(server.run(listening.set)), asyncio.create_task(adapter.run(inbox))]
    await listening.wait()
    connected = asyncio.ensure_future(inbox.until_connected())
    try:
        await asyncio.wait({tasks[1], connected}, return_when=asyncio.FIRST_COMPLETED)
        if tasks[1].done():
            tasks[1].result()
        yield server.address
    finally:
        for task in (*tasks, connected):
            task.cancel()
        await asyncio.wait({*tasks, connected})


async def post(url: str, body: bytes, secret: str | None) -> int:
    """As Telegram does."""
    headers = {"Host": "agent.test", "Content-Type": "application/json"}
    if secret is not None:
        headers[HEADER] = secret
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/telegram", data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_what_is_posted_arrives_once_and_keeps_its_id(api: Any, host_of: Any, inbox: Any):
    async with served(host_of, inbox) as url:
        assert api.webhook["url"] == "https://agent.test/telegram"
        assert "drop_pending_updates" not in api.webhook
        secret = api.webhook["secret_token"]
        body = json.dumps({"update_id": 9001, "message": api.message(text="Grüße 👋")}).encode()
        assert await post(url, body, secret) == 200
        assert await post(url, body, secret) == 200
    assert [(update.update, update.text) for update in inbox.updates] == [("9001", "Grüße 👋")] * 2
    assert api.webhook["url"], "what is written meanwhile must wait at Telegram"
    assert api.token.partition(":")[2] not in secret


@pytest.mark.parametrize("secret", [None, "", "wrong", "é", "0" * 64])
async def test_without_the_secret_nothing_is_taken(api: Any, host_of: Any, inbox: Any, secret: str | None):
    body = json.dumps({"update_id": 1, "message": api.message(text="forged")}).encode()
    async with served(host_of, inbox) as url:
        assert await post(url, body, secret) == 401
    assert inbox.updates == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{not json", 400),
        (b"[]", 400),
        (b'{"update_id": "x"}', 400),
        (b"[" * 4000, 400),
        (b'{"update_id": 5, "message": {"message_id": "odd"}}', 200),
        (b" " * 6000, 413),
    ],
)
async def test_odd_bodies(api: Any, host_of: Any, inbox: Any, body: bytes, status: int):
    async with served(host_of, inbox, max_body_bytes=5000) as url:
        assert await post(url, body, api.webhook["secret_token"]) == status
    assert inbox.updates == []


async def test_what_cannot_be_kept_is_posted_again(api: Any, host_of: Any, inbox: Any):
    inbox.refuse = 1
    body = json.dumps({"update_id": 7, "message": api.message(text="keep me")}).encode()
    async with served(host_of, inbox) as url:
        assert await post(url, body, api.webhook["secret_token"]) == 503
        assert await post(url, body, api.webhook["secret_token"]) == 200
    assert len(inbox.updates) == 1


async def test_an_address_that_telegram_cannot_take_is_said(api: Any, host_of: Any, inbox: Any):
    with pytest.raises(ConfigError, match="https, at port"):
        async with served(host_of, inbox, **{"server.public_url": "http://agent.test"}):
            pass
    with pytest.raises(ConfigError, match="server.public_url"):
        async with served(host_of, inbox, **{"server.public_url": ""}):
            pass


async def test_a_wrong_token_ends_it(api: Any, host_of: Any, inbox: Any):
    with pytest.raises(AuthFailed):
        async with served(host_of, inbox, token="99:wrong"):
            pass


async def test_trouble_at_telegram_is_outlived_and_told(api: Any, host_of: Any, inbox: Any):
    api.webhook = {"url": "https://agent.test/telegram", "last_error_message": "Connection refused"}
    api.webhook["last_error_date"] = int(time.time())
    async with served(host_of, inbox):
        await inbox.until_trouble()
    assert "Connection refused" in inbox.troubles[0]
