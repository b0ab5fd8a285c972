"""Whole turns over real sockets: a host, hermes-compatible, and model servers that misbehave as vendors do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType

import pytest
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.provider import CompatibleProvider
from hermes_resilience.middleware import Resilience
from hermes_resilience.settings import Settings
from hermes_resilience.state import State

from hermes_host import hookimpl
from hermes_host.events import AnswerRestarted, Notice, TextDelta, ToolStarted
from hermes_host.messages import ToolCall, user_message
from hermes_host.services import Auxiliary
from hermes_host.specs import MiddlewareSpec, PluginInfo, ProviderSpec, SecretSpec
from hermes_host.testing import ModelServer, StandInHost, events_of, finished
from hermes_host.testing.model_server import Answer, Pause
from hermes_host.testing.model_server_chat import call_delta, chat, chunk, events, failure, usage_chunk

CONFIG = """
custom_providers:
  - {{name: one, base_url: "{one}", api_key: key-of-one, model: big}}
  - {{name: two, base_url: "{two}", api_key: key-of-two, model: other}}
resilience: {{backoff: 0, cooldown: 300, stale_timeout: {limit}, first_event_timeout: {limit}, read_timeout: 0}}
"""


class Told:
    """What a turn said."""

    def __init__(self, said):
        self.end = finished(said)
        self.codes = [event.code for event in said if isinstance(event, Notice)]
        self.restarts = sum(isinstance(event, AnswerRestarted) for event in said)
        self.tools = [event.name for event in said if isinstance(event, ToolStarted)]
        self.shown = ""
        for event in said:
            if isinstance(event, AnswerRestarted):
                self.shown = ""
            elif isinstance(event, TextDelta):
                self.shown += event.text


class Setting:
    """A host, two servers, and turns."""

    def __init__(self, stack: AsyncExitStack, home: Path, one: ModelServer, two: ModelServer) -> None:
        self.one, self.two = one, two
        self._stack = stack
        self._home = home

    async def host(self, more: str = "", plugins=("compatible", "resilience"), limit: float = 20.0) -> StandInHost:
        text = CONFIG.format(one=self.one.url, two=self.two.url, limit=limit) + more
        self._home.mkdir()
        (self._home / "config.yaml").write_text(text, encoding="utf-8")
        return await self._stack.enter_async_context(StandInHost(self._home, plugins=plugins))

    async def turn(self, host: StandInHost, model: str = "one:big") -> Told:
        session = await host.start(model=model, toolsets=[])
        return Told(await events_of(session.run("Hello")))


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    async with AsyncExitStack() as stack:
        one, two = ModelServer(), ModelServer()
        await stack.enter_async_context(one)
        await stack.enter_async_context(two)
        yield Setting(stack, tmp_path / "home", one, two)


def _cut(*words: str):
    return events(*(chunk({"content": word}) for word in words), Pause.CUT)


def _whole(*words: str):
    return events(*(chunk({"content": word}) for word in words), chunk(finish="stop"), usage_chunk())


GARBLED = events(b"data: {not json\n\n")


@pytest.mark.parametrize(
    "trouble",
    [
        failure(429, "slow down", headers={"retry-after": "0.05"}),
        failure(500, "oops"),
        failure(529, "overloaded", type="overloaded_error"),
        GARBLED,
        events(chunk(finish="stop"), usage_chunk()),
    ],
    ids=["429", "500", "529", "garbled", "empty"],
)
async def test_one_failed_request_costs_a_turn_nothing_but_a_notice(setting, trouble):
    setting.one.script += [trouble, chat("All is well.")]
    told = await setting.turn(await setting.host())
    assert (told.end.outcome, told.shown, told.codes) == ("completed", "All is well.", ["retry"])
    assert len(setting.one.requests) == 2
    first, second = (request.json for request in setting.one.requests)
    assert first["messages"] == second["messages"]
    assert second["stream"] is (trouble is not GARBLED)


async def test_a_retry_after_a_cut_opens_a_connection_of_its_own(setting):
    setting.one.script += [_cut("Hel"), chat("Hello.")]
    await setting.turn(await setting.host())
    first, second = setting.one.requests
    assert first.connection != second.connection


async def test_a_cut_answer_that_comes_again_is_shown_once(setting):
    setting.one.script += [_cut("The quick", " brown"), _whole("The", " quick brown", " fox", ".")]
    told = await setting.turn(await setting.host())
    assert (told.end.text, told.shown, told.restarts) == ("The quick brown fox.",) * 2 + (0,)


async def test_a_cut_answer_that_comes_otherwise_is_begun_anew(setting):
    setting.one.script += [_cut("The quick", " brown"), _whole("The", " slow", " fox", ".")]
    told = await setting.turn(await setting.host())
    assert (told.end.text, told.shown, told.restarts) == ("The slow fox.",) * 2 + (1,)


@pytest.mark.parametrize("words", [(), ("The quick",)], ids=["before it begins", "in its midst"])
async def test_an_answer_that_stands_still_is_cut_and_its_connection_closed(setting, words):
    held = events(*(chunk({"content": word}) for word in words), Pause.HOLD)
    setting.one.script += [held, chat("The quick fox.")]
    told = await setting.turn(await setting.host(limit=0.5))
    assert (told.end.outcome, told.shown, told.restarts) == ("completed", "The quick fox.", 0)
    await setting.one.requests[0].gone.wait()


async def test_the_time_of_a_turn_ends_it_whatever_is_being_waited_for(setting):
    setting.one.script += [events(Pause.HOLD), failure(429, "slow", headers={"retry-after": "30"})]
    host = await setting.host("agent: {deadline: 1}\n")
    assert (await setting.turn(host)).end.outcome == "budget"
    told = await setting.turn(host)
    assert (told.end.outcome, told.end.error_kind) == ("failed", "RateLimited")
    assert "would have to wait 30 s, and only" in told.end.error


async def test_a_half_delivered_tool_call_is_never_executed(setting):
    half = events(chunk(call_delta(0, id="c1", name="wipe", arguments='{"path": "/')), Pause.CUT)
    setting.one.script += [half, chat(ToolCall(id="c2", name="look", arguments={})), chat("Done.")]
    host = await setting.host()
    ran = []

    @host.tool(effects=("read",))
    async def wipe(path: str) -> str:
        """Wipe."""
        ran.append(path)
        return ""

    @host.tool(effects=("read",))
    async def look() -> str:
        """Look."""
        ran.append("looked")
        return "fine"

    session = await host.start(model="one:big", toolsets=["wipe", "look"], yolo=True)
    told = Told(await events_of(session.run("Hello")))
    assert (told.end.outcome, told.tools, ran) == ("completed", ["look"], ["looked"])
    assert told.restarts == 1


async def test_another_server_answers_and_the_first_returns_after_its_pause(setting, clock):
    host = await setting.host(plugins=("compatible",))
    state = State(Settings(backoff=0), fallback_model="two:other", clock=clock)
    spec = MiddlewareSpec(name="resilience", summary="x", target="a:b", around="model", priority=200)
    host.use_part("middleware", spec, Resilience(state))
    setting.one.script += [failure(429, "quota"), chat("One again.")]
    setting.two.script += [chat("Two."), chat("Still two.")]
    session = await host.start(model="one:big", toolsets=[])
    told = [Told(await events_of(session.run("Hello"))) for _ in range(2)]
    clock.now += 301
    told.append(Told(await events_of(session.run("Hello"))))
    assert [(turn.end.text, turn.codes) for turn in told] == [
        ("Two.", ["fallback"]),
        ("Still two.", []),
        ("One again.", ["returned"]),
    ]
    assert setting.two.requests[0].headers["authorization"] == "Bearer key-of-two"
    assert setting.two.requests[0].json["model"] == "other"


async def test_a_dead_server_is_replaced(setting):
    await setting.one.__aexit__()
    setting.two.script += [chat("Two.")]
    told = await setting.turn(await setting.host("fallback_model: {provider: two, model: other}\n"))
    assert (told.end.text, told.codes) == ("Two.", ["retry", "retry", "fallback"])


async def test_when_nobody_answers_the_turn_ends_with_one_clear_error(setting):
    setting.one.script += [failure(503, "down")] * 3
    setting.two.script += [failure(401, "bad key")]
    told = await setting.turn(await setting.host("fallback_model: 'two:other'\n"))
    assert (told.end.outcome, told.end.error_kind) == ("failed", "Overloaded")
    assert "one failed on its side (503): down" in told.end.error
    assert "Also tried: two:other (key not accepted)." in told.end.error


async def test_side_work_is_answered_by_its_own_fallback(setting):
    host = await setting.host("auxiliary_fallbacks: {title: ['two:other']}\n")
    setting.one.script += [failure(429, "slow")]
    setting.two.script += [chat("A title")]
    session = await host.start(model="one:big", toolsets=[])
    auxiliary = await host.services.get(Auxiliary)
    ended = await auxiliary.ask("title", [user_message("Hello")], session_id=session.id)
    assert ended.message.text == "A title"


class _Acme:
    """A vendor whose key is a declared secret."""

    @hookimpl
    def hermes_plugin_info(self):
        return PluginInfo(summary="Acme", secrets=(SecretSpec(name="ACME_KEY"),))

    @hookimpl
    def hermes_providers(self):
        yield ProviderSpec(name="acme", summary="Acme", target="hermes_acme_stand_in:connect", secrets=("ACME_KEY",))


async def test_the_server_sees_the_keys_of_the_pool_in_turn_and_nobody_else_does(setting, monkeypatch, tmp_path):
    module = ModuleType("hermes_acme_stand_in")
    module.connect = lambda context, spec: CompatibleProvider(
        Endpoint(provider="acme", base_url=setting.one.url, key=context.secret("ACME_KEY"))
    )
    monkeypatch.setitem(sys.modules, "hermes_acme_stand_in", module)
    values = {"KEY_A": "sk-aaaaaaaaaaaa", "KEY_B": "sk-bbbbbbbbbbbb", "KEY_C": "sk-cccccccccccc"}
    home = tmp_path / "other"
    home.mkdir()
    (home / "config.yaml").write_text("credential_pools: {acme: [KEY_A, KEY_B, KEY_C]}\n", encoding="utf-8")
    setting.one.script += [
        failure(429, "slow down", headers={"retry-after": "60"}),
        failure(401, "wrong key"),
        chat("Hello."),
        chat("Again."),
    ]
    environ = {"PATH": "/usr/bin:/bin", "ACME_KEY": "sk-own", **values}
    async with StandInHost(home, plugins=["resilience"], environ=environ) as host:
        host.add_plugin("acme", _Acme())
        session = await host.start(model="acme:big", toolsets=[])
        said = await events_of(session.run("Hello"))
        said += await events_of(session.run("And again"))
    sent = [request.headers["authorization"] for request in setting.one.requests]
    assert sent == [f"Bearer {values[name]}" for name in ("KEY_A", "KEY_B", "KEY_C", "KEY_C")]
    notices = [event.text for event in said if isinstance(event, Notice)]
    assert len(notices) == 2 and "KEY_A" in notices[0] and "KEY_B" in notices[1]
    assert not [value for value in values.values() if value in repr(said)]


async def test_the_read_limit_of_the_environment_is_kept_on_the_wire(tmp_path):
    """Without a byte, a connection is given up long before an answer would count as one that never begins."""
    silent = events(chunk({"content": "Hel"}), Pause.HOLD)
    async with ModelServer([Answer(hold_first=True), silent, chat("Hello.")]) as server:
        environ = {"PATH": "/usr/bin:/bin", "HERMES_STREAM_READ_TIMEOUT": "0.2"}
        overrides = {"model": {"base_url": server.url, "api_key": "none"}, "resilience": {"backoff": 0.0}}
        plugins = ["compatible", "resilience"]
        async with StandInHost(tmp_path, plugins=plugins, environ=environ, overrides=overrides) as host:
            session = await host.start(model="custom:test-model", toolsets=[])
            async with asyncio.timeout(20):
                told = Told(await events_of(session.run("Hello")))
    assert (told.end.outcome, told.end.text, told.shown) == ("completed", "Hello.", "Hello.")
    assert told.codes == ["retry", "retry"]
    assert server.connections == 3
