"""Webhooks over real HTTP: signed ones are taken once, all others are refused."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner
from hermes_gateway.ownership import Ownership
from hermes_gateway.parts import WebServer
from hermes_webhook.commands import webhook
from standardwebhooks.webhooks import Webhook

from hermes_host.cli.application import Application
from hermes_host.errors import ConnectionLost, DeliveryRefused, DeliveryUncertain, RateLimited
from hermes_host.protocols import Address, Outbound
from hermes_host.testing import PluginContract, ScriptedInbox, StandInHost

SECRET = "a-secret-of-some-length"


class TestPlugin(PluginContract):
    plugin = "webhook"


@asynccontextmanager
async def served(tmp_path: Path, inbox: ScriptedInbox, routes: dict[str, Any], **settings: Any):
    """The adapter behind the gateway's own server; gives its address."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    overrides = {"webhook.routes": routes, "server.listen": "127.0.0.1:0"}
    overrides |= {f"webhook.{name}": value for name, value in settings.items()}
    host = StandInHost(home, plugins=["webhook", "gateway"], overrides=overrides)
    adapter = await host.part(host.registry("adapters").get("webhook"))
    server = await host.context("gateway").services.get(WebServer)
    listening = asyncio.Event()
    tasks = [asyncio.create_task(server.run(listening.set)), asyncio.create_task(adapter.run(inbox))]
    await listening.wait()
    await inbox.until_connected()
    try:
        yield server.address
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await host.aclose()


@pytest.fixture
def inbox() -> ScriptedInbox:
    return ScriptedInbox()


async def post(url: str, body: bytes, **headers: str) -> tuple[int, Any]:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=names) as answer:
        return answer.status, await answer.json()


def github(body: bytes, secret: str = SECRET, delivery: str = "72d3162e-cc78-11e3-81ab-4c9367dc0958") -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "X-Hub-Signature-256": f"sha256={digest}",
        "X-GitHub-Delivery": delivery,
        "X-GitHub-Event": "push",
        "Content-Type": "application/json",
    }


PUSH = json.dumps({"ref": "refs/heads/main", "commits": [{"message": "Fix"}], "n": 3}).encode()


async def test_a_signed_one_becomes_an_update_with_the_owners_words(tmp_path: Path, inbox: ScriptedInbox):
    route = {"secret": SECRET, "prompt": "{ref}: {commits.0.message} {no.such} ({n})", "deliver": "telegram:5"}
    async with served(tmp_path, inbox, {"ci": route}) as url:
        status, said = await post(f"{url}/webhooks/ci", PUSH, **github(PUSH))
    assert (status, said["status"], said["event"]) == (202, "accepted", "push")
    update = inbox.updates[0]
    assert update.prompt == "refs/heads/main: Fix {no.such} (3)"
    assert (update.provenance, update.toolsets, update.deliver_to) == ("external", None, "telegram:5")
    assert update.update == "ci:72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert update.address.chat == "ci"


async def test_what_comes_in_is_never_a_template_itself(tmp_path: Path, inbox: ScriptedInbox):
    body = json.dumps({"a": "{b}", "b": "secret"}).encode()
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET, "prompt": "{a}"}}) as url:
        await post(f"{url}/webhooks/ci", body, **github(body))
    assert inbox.updates[0].prompt == "{b}"


async def test_the_published_library_of_standard_webhooks_is_understood(tmp_path: Path, inbox: ScriptedInbox):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    from datetime import UTC, datetime

    now = datetime.now(tz=UTC)
    signature = Webhook(secret).sign("msg_1", now, PUSH.decode())
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": f"v1,AAAA {signature}",
    }
    async with served(tmp_path, inbox, {"ci": {"secret": secret}}) as url:
        assert (await post(f"{url}/webhooks/ci", PUSH, **headers))[0] == 202
        changed = PUSH.replace(b"main", b"evil")
        assert (await post(f"{url}/webhooks/ci", changed, **headers))[0] == 401
    assert len(inbox.updates) == 1


def timestamped(body: bytes, at: float) -> dict[str, str]:
    stamp = str(int(at))
    digest = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": digest, "X-Request-ID": "r1"}


@pytest.mark.parametrize(("shift", "status"), [(0, 202), (-250, 202), (-400, 401), (400, 401)])
async def test_a_timestamp_must_be_of_now(tmp_path: Path, inbox: ScriptedInbox, shift: int, status: int):
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET}}) as url:
        assert (await post(f"{url}/webhooks/ci", PUSH, **timestamped(PUSH, time.time() + shift)))[0] == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Hub-Signature-256": ""},
        {"X-Hub-Signature-256": "sha256="},
        {"X-Hub-Signature-256": "sha256=" + "0" * 64},
        {"X-Hub-Signature-256": "sha1=" + hmac.new(SECRET.encode(), PUSH, "sha1").hexdigest()},
        {"X-Gitlab-Token": "wrong"},
        {"X-Gitlab-Token": ""},
        {"X-Webhook-Signature": hmac.new(SECRET.encode(), PUSH, "sha256").hexdigest()},
        {"X-Webhook-Timestamp": "1e9", "X-Webhook-Signature": "0"},
        {"X-Webhook-Timestamp": "９９９", "X-Webhook-Signature": "0"},
        {"webhook-id": "1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,"},
        {"webhook-id": "1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1a,x v2,y"},
        github(PUSH, secret="another-secret"),
        github(b"another body"),
        github(PUSH, secret=""),
    ],
)
async def test_what_is_not_signed_rightly_is_refused(tmp_path: Path, inbox: ScriptedInbox, headers: dict[str, str]):
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET}}) as url:
        status, said = await post(f"{url}/webhooks/ci", PUSH, **headers)
    assert status == 401
    assert "signature" in said["error"]["message"]
    assert inbox.updates == []


async def test_nobody_learns_which_webhooks_there_are(tmp_path: Path, inbox: ScriptedInbox):
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET}, "open": {}}) as url:
        answers = [
            await post(f"{url}/webhooks/{name}", PUSH, **github(PUSH, secret="x")) for name in ("ci", "no", "open")
        ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 401


async def test_a_large_body_is_refused_however_it_is_sent(tmp_path: Path, inbox: ScriptedInbox):
    body = b"x" * 3000

    async def pieces():
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    async with (
        served(tmp_path, inbox, {"ci": {"secret": SECRET}}, max_body_bytes=2000) as url,
        aiohttp.ClientSession() as session,
    ):
        for data in (body, pieces()):
            async with session.post(f"{url}/webhooks/ci", data=data, headers=github(body)) as answer:
                assert answer.status == 413
    assert inbox.updates == []


async def test_a_foreign_host_is_refused(tmp_path: Path, inbox: ScriptedInbox):
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET}}) as url:
        status, _ = await post(f"{url}/webhooks/ci", PUSH, Host="evil.test", **github(PUSH))
    assert status == 421


async def test_too_many_are_put_off_and_strangers_use_up_nobodys_share(tmp_path: Path, inbox: ScriptedInbox):
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET}}, rate_limit=2, unsigned_limit=3) as url:
        for _ in range(3):
            assert (await post(f"{url}/webhooks/ci", PUSH))[0] == 401
        assert (await post(f"{url}/webhooks/ci", PUSH))[0] == 429
    async with served(tmp_path, ScriptedInbox(), {"ci": {"secret": SECRET}}, rate_limit=2) as url:
        answers = [(await post(f"{url}/webhooks/ci", PUSH, **github(PUSH, delivery=str(n))))[0] for n in range(3)]
    assert answers == [202, 202, 429]


async def test_what_cannot_be_kept_is_not_acknowledged(tmp_path: Path, inbox: ScriptedInbox):
    inbox.refuse = 1
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET}}) as url:
        assert (await post(f"{url}/webhooks/ci", PUSH, **github(PUSH)))[0] == 503
        assert (await post(f"{url}/webhooks/ci", PUSH, **github(PUSH)))[0] == 202


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"[1, 2]", "application/json", 202),
        (b"{not json", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"a=1&b=2", "application/x-www-form-urlencoded", 202),
        (b"payload=%7B%22ref%22%3A%22x%22%7D", "application/x-www-form-urlencoded", 202),
        (b"", "application/json", 400),
    ],
)
async def test_bodies_of_any_form(tmp_path: Path, inbox: ScriptedInbox, body: bytes, kind: str, status: int):
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET}}) as url:
        assert (await post(f"{url}/webhooks/ci", body, **{**github(body), "Content-Type": kind}))[0] == status


async def test_events_that_do_not_count_and_pings_start_nothing(tmp_path: Path, inbox: ScriptedInbox):
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET, "events": ["release"]}}) as url:
        assert await post(f"{url}/webhooks/ci", PUSH, **github(PUSH)) == (200, {"status": "ignored", "event": "push"})
        status, said = await post(f"{url}/webhooks/ci", PUSH, **{**github(PUSH), "X-GitHub-Event": "ping"})
    assert (status, said) == (200, {"status": "pong"})
    assert inbox.updates == []


async def test_a_delivery_id_is_no_place_for_anything_else(tmp_path: Path, inbox: ScriptedInbox):
    async with served(tmp_path, inbox, {"ci": {"secret": SECRET}}) as url:
        for delivery in ("../../etc/passwd", "x" * 5000):
            await post(f"{url}/webhooks/ci", PUSH, **github(PUSH, delivery=delivery))
    assert all(len(update.update) < 120 and "/" not in update.update for update in inbox.updates)


async def test_a_route_added_by_hand_without_a_secret_is_refused(tmp_path: Path, inbox: ScriptedInbox):
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / "webhook_subscriptions.json"
    file.write_text(json.dumps({"added": {"prompt": "x"}, "wrong": {"events": 3}, "good": {"secret": SECRET}}))
    async with served(tmp_path, inbox, {}) as url:
        assert (await post(f"{url}/webhooks/added", PUSH, **github(PUSH, secret="")))[0] == 401
        assert (await post(f"{url}/webhooks/good", PUSH, **github(PUSH)))[0] == 202


class Target:
    """Receives what we post."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers={"Retry-After": "3", "Location": "http://127.0.0.1:1/"})


@pytest.fixture
async def target():
    found = Target()
    application = web.Application()
    application.router.add_post("/hook", found.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


async def sender(tmp_path: Path, url: str) -> Any:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    overrides = {"webhook.targets": {"ops": {"url": url, "secret": "whsec_c2VjcmV0LW9mLXNvbWUtbGVuZ3Ro"}}}
    host = StandInHost(home, plugins=["webhook", "gateway"], overrides=overrides)
    return await host.part(host.registry("adapters").get("webhook"))


OPS = Address(platform="webhook", chat="ops")


async def test_what_is_posted_is_signed_and_one_key_is_one_id(tmp_path: Path, target: Target):
    adapter = await sender(tmp_path, target.url)
    for _ in range(2):
        await adapter.send(OPS, Outbound(text="Done.", key="k1"))
    (first, body), (second, _) = target.requests
    assert first["webhook-id"] == second["webhook-id"]
    Webhook("whsec_c2VjcmV0LW9mLXNvbWUtbGVuZ3Ro").verify(body.decode(), {name.lower(): v for name, v in first.items()})
    assert json.loads(body)["text"] == "Done."


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimited), (500, DeliveryUncertain), (404, DeliveryRefused), (302, DeliveryRefused)]
)
async def test_answers_of_a_target_are_understood(tmp_path: Path, target: Target, status: int, kind: type):
    target.status = status
    adapter = await sender(tmp_path, target.url)
    with pytest.raises(kind):
        await adapter.send(OPS, Outbound(text="x"))


async def test_a_target_that_is_not_there(tmp_path: Path):
    adapter = await sender(tmp_path, "http://127.0.0.1:1/")
    with pytest.raises(ConnectionLost):
        await adapter.send(OPS, Outbound(text="x"))
    with pytest.raises(DeliveryRefused):
        await adapter.send(Address(platform="webhook", chat="nobody"), Outbound(text="x"))


async def test_the_commands_ask_the_running_gateway_where_it_listens(tmp_path: Path, inbox: ScriptedInbox) -> None:
    routes = {"deploys": {"secret": SECRET}}
    options = {"webhook.routes": routes, "server.listen": "127.0.0.1:0"}

    def run(*words: str) -> tuple[int, str]:
        host = StandInHost(tmp_path / "home", plugins=["webhook", "gateway"], overrides=options)
        result = CliRunner().invoke(webhook, words, obj=Application(_host=host))
        return result.exit_code, result.output

    async with served(tmp_path, inbox, routes) as address:
        ownership = Ownership(tmp_path / "home")
        ownership.take()
        state = {"pid": os.getpid(), "state": "running", "address": address}
        (tmp_path / "home" / "gateway_state.json").write_text(json.dumps(state), encoding="utf-8")
        code, listed = await asyncio.to_thread(run, "list", "--json")
        assert code == 0, listed
        assert json.loads(listed)[0]["url"] == f"{address}/webhooks/deploys"
        code, said = await asyncio.to_thread(run, "test", "deploys")
        assert (code, said[:3]) == (0, "202"), said
        ownership.release()
    assert len(inbox.updates) == 1
