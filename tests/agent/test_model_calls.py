"""The one place where models are called: middleware, other providers, other keys, side work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hermes_host import hookimpl
from hermes_host.errors import BudgetExceeded, ConnectionLost, NotFound
from hermes_host.events import AnswerRestarted, Notice, Responding, TextDelta
from hermes_host.messages import ToolCall, ToolResult, assistant_message, user_message
from hermes_host.protocols import ModelRequest
from hermes_host.services import Auxiliary, Catalog, Conversations, ModelFacts
from hermes_host.specs import MiddlewareSpec, PluginInfo, ProviderSpec, SecretSpec, ServiceSpec
from hermes_host.stream import AttemptDiscarded, PartDelta, PartStarted, ProviderEvent, ProviderNotice
from hermes_host.testing import ScriptedProvider, StandInHost, events_of, finished

Next = Callable[[ModelRequest], AsyncIterator[ProviderEvent]]


def around_model(host: StandInHost, name: str, layer: Any, priority: int = 0) -> None:
    spec = MiddlewareSpec(name=name, summary="s", target="a:b", around="model", priority=priority)
    host.use_part("middleware", spec, layer)


async def test_middleware_stands_in_the_order_of_its_priority_and_sees_whom_it_asks(host: StandInHost) -> None:
    seen: list[str] = []

    def layer(name: str) -> Any:
        async def call(request: ModelRequest, call_next: Next) -> AsyncIterator[ProviderEvent]:
            seen.append(f"{name} {request.provider}:{request.model} {request.purpose}")
            async for event in call_next(request):
                yield event

        return call

    around_model(host, "inner", layer("inner"), 0)
    around_model(host, "outer", layer("outer"), 200)
    host.script("ok")
    await events_of((await host.start()).run("go"))
    assert seen == ["outer scripted:scripted turn", "inner scripted:scripted turn"]


async def test_middleware_can_send_a_request_to_another_provider(host: StandInHost) -> None:
    async def reroute(request: ModelRequest, call_next: Next) -> AsyncIterator[ProviderEvent]:
        yield ProviderNotice("Asking the spare model.", "fallback")
        async for event in call_next(msgspec.structs.replace(request, provider="spare", model="small")):
            yield event

    host.script()
    spare = ScriptedProvider(["from the spare"])
    host.use_provider(spare, "spare")
    around_model(host, "reroute", reroute)
    session = await host.start(model="scripted:big")
    events = await events_of(session.run("go"))
    assert finished(events).text == "from the spare"
    assert spare.requests[0].model == "small"
    assert [event.code for event in events if isinstance(event, Notice)] == ["fallback"]


async def test_a_discarded_attempt_restarts_the_answer(host: StandInHost) -> None:
    async def broken_then_whole(request: ModelRequest) -> Any:
        yield PartStarted(0, "text")
        yield PartDelta(0, "The ans")
        yield AttemptDiscarded("The connection broke.")
        from hermes_host.testing.providers import play

        for event in play("The answer."):
            yield event

    host.script(broken_then_whole)
    session = await host.start()
    events = await events_of(session.run("go"))
    kinds = [type(event) for event in events]
    restarted = kinds.index(AnswerRestarted)
    after = "".join(event.text for event in events[restarted:] if isinstance(event, TextDelta))
    assert after == "The answer."
    assert [message.text for message in session.messages] == ["go", "The answer."]
    assert kinds.count(Responding) == 1


async def test_a_budget_ends_the_turn_as_budget(host: StandInHost) -> None:
    host.script(BudgetExceeded("The budget of this session, $5, is used up.", remedy="Raise `budget.session`."))
    end = finished(await events_of((await host.start()).run("go")))
    assert (end.outcome, end.error_kind) == ("budget", "BudgetExceeded")
    assert "Raise `budget.session`" in end.error


async def test_an_empty_answer_is_a_failure_a_person_understands(host: StandInHost) -> None:
    host.script(assistant_message())
    end = finished(await events_of((await host.start()).run("go")))
    assert (end.outcome, end.error_kind) == ("failed", "InvalidResponse")
    assert "empty answer" in end.error


async def test_a_model_that_repeats_a_failing_call_is_told_and_then_stopped(host: StandInHost) -> None:
    call = assistant_message(ToolCall(id="1", name="nothing_of_that_name", arguments={"a": 1}))
    model = host.script(*[call] * 20)
    session = await host.start()
    events = await events_of(session.run("go"))
    end = finished(events)
    assert (end.outcome, end.error_kind) == ("failed", "RepeatedCall")
    assert len(model.requests) == 6
    told = [
        "has failed 3 times" in str(part.content)
        for request in model.requests
        for part in request.messages[-1].parts
        if isinstance(part, ToolResult)
    ]
    assert any(told)


async def test_different_failing_calls_are_no_repetition(host: StandInHost) -> None:
    calls = [assistant_message(ToolCall(id="1", name="nowhere", arguments={"a": n})) for n in range(10)]
    host.script(*calls, "done")
    assert finished(await events_of((await host.start()).run("go"))).outcome == "completed"


async def test_side_work_uses_the_conversations_model_or_its_own(tmp_path: Path) -> None:
    settings = {"auxiliary": {"title": {"provider": "spare", "model": "tiny"}, "vision": {"model": "seeing"}}}
    async with StandInHost(tmp_path / "home", overrides=settings) as host:
        main = host.script("a summary", "a cat")
        spare = ScriptedProvider(["a title"])
        host.use_provider(spare, "spare")
        session = await host.start(model="scripted:big")
        models = await host.services.get(Auxiliary)
        ended = await models.ask("compression", [user_message("long")], session_id=session.id, system="Summarise.")
        assert ended.message.text == "a summary"
        assert (main.requests[0].model, main.requests[0].purpose) == ("big", "compression")
        assert (await models.ask("title", [user_message("x")], session_id=session.id)).message.text == "a title"
        assert (spare.requests[0].model, spare.requests[0].tools) == ("tiny", ())
        await models.ask("vision", [user_message("what is it?")], session_id=session.id)
        assert main.requests[1].model == "seeing", "a model alone is one of the conversation's provider"


async def test_side_work_that_hangs_ends_with_its_time(host: StandInHost) -> None:
    import asyncio

    async def hang(request: ModelRequest) -> Any:
        await asyncio.Event().wait()
        yield

    host.script(hang)
    session = await host.start()
    models = await host.services.get(Auxiliary)
    with pytest.raises(ConnectionLost, match="did not answer within"):
        await models.ask("title", [user_message("x")], session_id=session.id, timeout=0.05)


class Keyed:
    """A provider that says which key it was made with."""

    made: list[str] = []

    def __init__(self, key: str) -> None:
        self.key = key

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        from hermes_host.testing.providers import play

        for event in play(f"key {self.key}"):
            yield event

    async def aclose(self) -> None:
        return None


def connect_keyed(context: Any, spec: ProviderSpec) -> Keyed:
    """Target of the provider below."""
    return Keyed(context.secret("KEYED_API_KEY"))


async def test_a_request_can_name_another_key(tmp_path: Path) -> None:
    class Plugin:
        @hookimpl
        def hermes_plugin_info(self) -> PluginInfo:
            return PluginInfo(summary="s", secrets=(SecretSpec(name="KEYED_API_KEY"),))

        @hookimpl
        def hermes_providers(self) -> list[ProviderSpec]:
            return [ProviderSpec(name="keyed", summary="s", target="zz_keyed:connect", secrets=("KEYED_API_KEY",))]

    environ = {"KEYED_API_KEY": "first-key", "SECOND_API_KEY": "second-key"}
    async with StandInHost(tmp_path / "home", environ=environ) as host:
        host.add_plugin("keyed", Plugin())
        host._parts["target", "keyed", "zz_keyed:connect"] = connect_keyed

        wanted = iter(["", "SECOND_API_KEY", ""])

        async def rotate(request: ModelRequest, call_next: Next) -> AsyncIterator[ProviderEvent]:
            async for event in call_next(msgspec.structs.replace(request, credential=next(wanted))):
                yield event

        around_model(host, "rotate", rotate)
        session = await host.start(model="keyed:m")
        said = [finished(await events_of(session.run("go"))).text for _ in range(3)]
        assert said == ["key first-key", "key second-key", "key first-key"]


async def test_hermes_services_are_found_by_protocol_and_made_once(host: StandInHost) -> None:
    made: list[object] = []

    class Facts:
        def facts(self, provider: str, model: str) -> ModelFacts:
            return ModelFacts(provider=provider, model=model, context=1000, source="test")

    class Plugin:
        @hookimpl
        def hermes_services(self) -> list[ServiceSpec]:
            return [
                ServiceSpec(name="catalog", summary="s", provides="hermes_host.services:Catalog", target="zz:connect")
            ]

    def connect(context: object, spec: object) -> Facts:
        made.append(context)
        return Facts()

    host.add_plugin("facts", Plugin())
    host._parts["target", "facts", "zz:connect"] = connect
    catalog = await host.services.get(Catalog)
    assert catalog.facts("p", "m").context == 1000
    assert await host.services.get(Catalog) is catalog
    assert len(made) == 1


async def test_a_service_nobody_offers_is_none_or_an_error(host: StandInHost) -> None:
    assert await host.services.find(Catalog) is None
    with pytest.raises(NotFound, match="Catalog"):
        await host.services.get(Catalog)


async def test_live_sessions_are_found_by_id(host: StandInHost) -> None:
    host.script()
    session = await host.start()
    conversations = await host.services.get(Conversations)
    assert conversations.session(session.id) is session
    assert conversations.session("nobody") is None
