"""One row for each model call, whatever becomes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hermes_host.errors import AuthFailed, ConnectionLost, Overloaded, RateLimited
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
from hermes_host.services import Accounts, Auxiliary
from hermes_host.specs import MiddlewareSpec
from hermes_host.stream import PartDelta, PartStarted, ProviderEvent, Usage, UsageReported
from hermes_host.testing import PluginContract, ScriptedProvider, StandInHost, events_of, finished

Rows = Callable[[], list[dict[str, Any]]]


class TestPlugin(PluginContract):
    plugin = "accounting"


async def test_a_turn_is_a_row_with_tokens_price_and_times(make: Any, rows: Rows, answer: Any) -> None:
    host = make(answer(cached=400, reasoning=30))
    before = time.time()
    session = await host.start()
    assert finished(await events_of(session.run("Hi"))).outcome == "completed"
    (row,) = rows()
    assert (row["session_id"], row["purpose"]) == (session.id, "turn")
    assert (row["provider"], row["model"], row["outcome"], row["credential"]) == ("scripted", "scripted", "ok", "")
    tokens = [row[name] for name in ("input", "output", "cached", "cache_write", "reasoning")]
    assert tokens == [1000, 100, 400, 0, 30]
    assert (row["input_price"], row["output_price"], row["cached_price"], row["price_source"]) == (10, 20, 1, "user")
    assert row["cost"] == pytest.approx((600 * 10 + 400 * 1 + 100 * 20) / 1_000_000)
    assert before <= row["time"] <= time.time()
    assert 0 <= row["first_event"] <= row["seconds"] < 30


async def test_the_row_is_there_before_the_answer_is_acted_upon(make: Any, rows: Rows, answer: Any) -> None:
    host = make(answer())
    request = ModelRequest(provider="scripted", model="scripted", messages=(user_message("Hi"),))
    async for _ in host.model_calls.stream(request):
        pass
    assert len(rows()) == 1


async def test_tokens_in_the_cache_without_a_price_make_a_call_unpriced(make: Any, rows: Rows, answer: Any) -> None:
    host = make(answer(cache_write=10))
    session = await host.start()
    await events_of(session.run("Hi"))
    (row,) = rows()
    assert row["cost"] is None and row["input_price"] == 10
    accounts = await host.services.get(Accounts)
    assert (accounts.of_session(session.id).unpriced, accounts.of_session(session.id).cost) == (1, 0)


async def test_without_a_catalogue_calls_are_counted_and_unpriced(make: Any, rows: Rows, answer: Any) -> None:
    host = make(answer(), plugins=("accounting",))
    session = await host.start()
    await events_of(session.run("Hi"))
    (row,) = rows()
    assert (row["input"], row["cost"], row["price_source"]) == (1000, None, "")


async def test_long_prompts_have_the_prices_of_long_prompts(tmp_path: Path, rows: Rows, answer: Any) -> None:
    async with StandInHost(tmp_path, plugins=["accounting", "catalog"]) as host:
        scripted = host.script(answer(input=100_000, output=0), answer(input=100_001, output=0))
        host.use_provider(scripted, name="anthropic")
        for _ in range(2):
            request = ModelRequest(provider="anthropic", model="claude-haiku-5-5", messages=(user_message("Hi"),))
            await events_of(host.model_calls.stream(request))
    short, long = rows()
    assert (short["input_price"], long["input_price"]) == (0.1, 0.5)
    assert long["cost"] == pytest.approx(0.5 * 100_001 / 1_000_000)


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (RateLimited("Slow down"), 0),
        (AuthFailed("No"), 0),
        (Overloaded("Busy"), 0),
        (ConnectionLost("Gone"), None),
        (RuntimeError("a bug"), None),
    ],
)
async def test_a_failed_call_is_a_row_with_the_kind_of_the_failure(
    make: Any, rows: Rows, error: Exception, cost: float | None
) -> None:
    host = make(error)
    session = await host.start()
    assert finished(await events_of(session.run("Hi"))).outcome == "failed"
    await host.aclose()
    (row,) = rows()
    assert (row["outcome"], row["counted"], row["cost"]) == (type(error).__name__, 0, cost)
    assert row["first_event"] is None


async def test_a_call_that_breaks_off_keeps_the_tokens_it_knew(make: Any, rows: Rows) -> None:
    async def broken(request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        yield UsageReported(Usage(input=500, output=7))
        yield PartStarted(0, "text")
        yield PartDelta(0, "half")
        raise ConnectionLost("The stream was cut.", partial=True)

    host = make(lambda request: broken(request))
    session = await host.start()
    await events_of(session.run("Hi"))
    await host.aclose()
    (row,) = rows()
    assert (row["outcome"], row["counted"], row["input"], row["output"]) == ("ConnectionLost", 1, 500, 7)
    assert row["cost"] == pytest.approx((500 * 10 + 7 * 20) / 1_000_000)


async def test_an_interrupted_call_is_a_row_before_the_next_call_begins(make: Any, rows: Rows, answer: Any) -> None:
    begun = asyncio.Event()

    async def endless(request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        yield PartStarted(0, "text")
        yield PartDelta(0, "hm")
        begun.set()
        await asyncio.Event().wait()

    seen: list[int] = []

    def second(request: ModelRequest) -> Any:
        seen.append(len(rows()))
        return answer()

    host = make(lambda request: endless(request), second)
    session = await host.start()
    task = asyncio.create_task(events_of(session.run("Hi")))
    await begun.wait()
    session.interrupt()
    assert finished(await task).outcome == "interrupted"
    assert finished(await events_of(session.run("Again"))).outcome == "completed"
    assert seen == [1]
    assert [row["outcome"] for row in rows()] == ["cancelled", "ok"]
    assert rows()[0]["cost"] is None


async def test_every_attempt_of_a_retry_is_a_row_with_whom_it_really_asked(make: Any, rows: Rows, answer: Any) -> None:
    class AskAgainElsewhere:
        async def __call__(self, request: ModelRequest, call_next: Any) -> AsyncIterator[ProviderEvent]:
            try:
                async for event in call_next(request):
                    yield event
            except Overloaded:
                async for event in call_next(msgspec.structs.replace(request, model="other")):
                    yield event

    host = make(Overloaded("Busy"), answer())
    spec = MiddlewareSpec(name="again", summary="Asks again", target="a:b", around="model", priority=200)
    host.use_part("middleware", spec, AskAgainElsewhere())
    session = await host.start()
    assert finished(await events_of(session.run("Hi"))).outcome == "completed"
    assert [(row["model"], row["outcome"]) for row in rows()] == [("scripted", "Overloaded"), ("other", "ok")]


async def test_of_another_key_the_name_is_written(make: Any, rows: Rows, answer: Any) -> None:
    host = make()
    accounting: Any = await host.services.get(Accounts)
    request = ModelRequest(
        provider="scripted", model="scripted", credential="SECOND_KEY", messages=(user_message("Hi"),)
    )
    await events_of(accounting(request, ScriptedProvider([answer()]).stream))
    assert [row["credential"] for row in rows()] == ["SECOND_KEY"]


async def test_side_work_is_in_the_session_under_its_purpose(make: Any, rows: Rows, answer: Any) -> None:
    host = make(answer(), answer(input=50, output=5))
    session = await host.start()
    await events_of(session.run("Hi"))
    auxiliary = await host.services.get(Auxiliary)
    await auxiliary.ask("title", [user_message("A title, please")], session_id=session.id)
    assert [(row["purpose"], row["session_id"]) for row in rows()] == [("turn", session.id), ("title", session.id)]
    accounts = await host.services.get(Accounts)
    spending = accounts.of_session(session.id)
    assert (spending.calls, spending.usage) == (2, Usage(input=1050, output=105))
    assert spending.cost == pytest.approx((1050 * 10 + 105 * 20) / 1_000_000)
    assert accounts.of_session("another").calls == 0


async def test_a_price_stays_what_it_was_at_the_time_of_the_call(
    make: Any, rows: Rows, answer: Any, tmp_path: Path
) -> None:
    host = make(answer())
    session = await host.start()
    await events_of(session.run("Hi"))
    (tmp_path / "config.yaml").write_text(
        'catalog: {models: {"scripted:scripted": {input_price: 99, output_price: 99}}}', encoding="utf-8"
    )
    async with StandInHost(tmp_path, plugins=["accounting", "catalog"]) as later:
        accounts = await later.services.get(Accounts)
        assert accounts.of_session(session.id).cost == pytest.approx((1000 * 10 + 100 * 20) / 1_000_000)


async def test_no_key_and_no_word_of_the_conversation_is_in_the_ledger(make: Any, answer: Any, tmp_path: Path) -> None:
    canary = "sk-canary-0123456789abcdef"
    host = make(AuthFailed(f"Incorrect API key provided: {canary}"), answer(f"Your key is {canary}"))
    session = await host.start()
    for prompt in (f"My key is {canary}", f"Repeat {canary}"):
        await events_of(session.run(prompt))
    await host.aclose()
    folder = tmp_path / "plugins" / "accounting"
    for file in folder.iterdir():
        assert canary.encode() not in file.read_bytes(), file


async def test_the_ledger_is_the_owners_alone(make: Any, rows: Rows, answer: Any, tmp_path: Path) -> None:
    host = make(answer())
    session = await host.start()
    await events_of(session.run("Hi"))
    folder = tmp_path / "plugins" / "accounting"
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
