"""Getting updates: none is lost, none is acknowledged too early, and every trouble is said and outlived."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hermes_host.errors import AuthFailed, ConfigError, SessionError


@asynccontextmanager
async def running(adapter: Any, inbox: Any):
    task = asyncio.create_task(adapter.run(inbox))
    try:
        await inbox.until_connected()
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_an_update_is_acknowledged_only_once_it_is_kept(api: Any, adapter_of: Any, inbox: Any):
    adapter = await adapter_of()
    release = asyncio.Event()
    put = inbox.put

    async def slow(*updates: Any) -> None:
        await put(*updates)
        await release.wait()

    inbox.put = slow
    update = await api.say("keep me")
    async with running(adapter, inbox):
        await inbox.until(lambda update: update.text == "keep me")
        assert max(api.asked) < update["update_id"]
        release.set()
        await api.until_polled(update["update_id"] + 1)


async def test_what_was_not_kept_comes_again(api: Any, adapter_of: Any, inbox: Any):
    inbox.refuse = 1
    update = await api.say("keep me")
    adapter = await adapter_of()
    with pytest.raises(SessionError):
        await adapter.run(inbox)
    assert max(api.asked) <= update["update_id"]
    async with running(adapter, inbox):
        await inbox.until(lambda found: found.text == "keep me")


async def test_what_was_written_while_it_was_down_is_answered(api: Any, adapter_of: Any, inbox: Any):
    for number in range(250):  # more than one request gives
        await api.say(f"number {number}")
    async with running(await adapter_of(), inbox):
        await inbox.until(lambda update: update.text == "number 249")
    assert [update.text for update in inbox.updates] == [f"number {number}" for number in range(250)]


async def test_being_killed_while_waiting_loses_nothing_and_the_next_one_takes_over(
    api: Any, adapter_of: Any, inbox: Any
):
    first = await adapter_of()
    async with running(first, inbox):
        await api.say("one")
        await inbox.until(lambda update: update.text == "one")
    await api.say("two")
    async with running(await adapter_of(), inbox):
        await inbox.until(lambda update: update.text == "two")


async def test_a_revoked_token_ends_it_with_the_remedy(api: Any, adapter_of: Any, inbox: Any):
    adapter = await adapter_of()
    async with running(adapter, inbox) as task:
        await api.disturb()
        api.token = "123456:another-token"
        with pytest.raises(AuthFailed, match="BotFather") as caught:
            await task
    assert "AAF-test_token" not in str(caught.value)


async def test_a_wrong_token_is_said_at_the_start(api: Any, adapter_of: Any, inbox: Any):
    with pytest.raises(AuthFailed, match="hermes config set TELEGRAM_BOT_TOKEN"):
        await (await adapter_of(token="99:wrong")).run(inbox)
    with pytest.raises(ConfigError, match="does not look like"):
        await (await adapter_of(token="a token/with?odd#parts")).run(inbox)
    with pytest.raises(AuthFailed, match="base_url"):
        await (await adapter_of(base_url=f"{api.url}/elsewhere")).run(inbox)
    assert inbox.accounts == []


async def test_another_program_that_polls_is_waited_for_and_then_named(
    api: Any, adapter_of: Any, inbox: Any, refusal: Any
):
    conflict = refusal(409, "Conflict: terminated by other getUpdates request; make sure that only one bot runs")
    api.refused_polls = [conflict, conflict]
    async with running(await adapter_of(conflict_seconds=0.5), inbox):
        await api.say("it let go")
        await inbox.until(lambda update: update.text == "it let go")
    assert "Another program reads the messages of @hermes_test_bot" in inbox.troubles[0]
    api.refused_polls = [conflict] * 100
    with pytest.raises(ConfigError, match="Stop the other program"):
        await (await adapter_of(conflict_seconds=0.2)).run(inbox)


async def test_two_at_once_do_not_go_on_for_ever(api: Any, adapter_of: Any, inbox: Any):
    adapters = [await adapter_of(conflict_seconds=0.3) for _ in range(2)]
    done, rest = await asyncio.wait(
        {asyncio.create_task(adapter.run(inbox)) for adapter in adapters},
        return_when=asyncio.FIRST_COMPLETED,
        timeout=20,
    )
    for task in rest:
        task.cancel()
    await asyncio.wait(rest)
    assert isinstance(done.pop().exception(), ConfigError)


async def test_a_webhook_that_is_in_the_way_is_ended(api: Any, adapter_of: Any, inbox: Any):
    api.webhook = {"url": "https://old.test/"}
    await api.say("waited")
    async with running(await adapter_of(), inbox):
        await inbox.until(lambda update: update.text == "waited")
    assert api.webhook == {}
    assert "webhook" in inbox.troubles[0]


async def test_trouble_of_every_kind_is_outlived_and_the_end_of_it_is_said(
    api: Any, adapter_of: Any, inbox: Any, refusal: Any
):
    async with running(await adapter_of(), inbox):
        api.refused_polls = [
            refusal(502, "Bad Gateway"),
            refusal(429, "Too Many Requests: retry after 1", retry_after=1),
        ]
        await api.disturb()
        await api.say("after all that")
        await inbox.until(lambda update: update.text == "after all that")
    assert len(inbox.troubles) >= 3
    assert len(inbox.accounts) == 2, "it says that it is connected again"
    assert inbox.accounts[0] == ("123456", "@hermes_test_bot")


async def test_it_waits_for_a_server_that_is_not_there_yet(api: Any, adapter_of: Any, inbox: Any):
    await api.stop()
    adapter = await adapter_of()
    task = asyncio.create_task(adapter.run(inbox))
    await inbox.until_trouble()
    assert not task.done()
    assert "cannot be reached" in inbox.troubles[0]
    task.cancel()
    await asyncio.wait({task})


async def test_a_server_that_does_not_wait_is_not_asked_without_a_pause(api: Any, adapter_of: Any, inbox: Any):
    api.ignores_timeouts = True
    async with running(await adapter_of(), inbox):
        await asyncio.sleep(0.5)
    assert len(api.asked) < 10


async def test_silence_is_looked_into(api: Any, adapter_of: Any, inbox: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hermes_telegram.polling._SILENCE", 0.0)
    async with running(await adapter_of(), inbox):
        await api.say("one")
        await inbox.until(lambda update: update.text == "one")
        await api.say("two")
        await inbox.until(lambda update: update.text == "two")
    assert len(api.made("getMe")) >= 3


async def test_the_token_is_in_no_log_record_and_no_error(
    api: Any, adapter_of: Any, inbox: Any, caplog: pytest.LogCaptureFixture, refusal: Any
):
    caplog.set_level(logging.DEBUG)
    adapter = await adapter_of()
    async with running(adapter, inbox):
        await api.say(document=api.upload(b"x", file_name="a"))
        update = await inbox.until(lambda update: update.attachments)
        await adapter.fetch(update.attachments[0], limit=10)
        api.refused_polls = [refusal(500, f"Internal Server Error at /bot{api.token}/getUpdates")]
        await api.disturb()
        await api.say("after")
        await inbox.until(lambda update: update.text == "after")
    await adapter.aclose()
    assert "[token]" in caplog.text
    assert "AAF-test_token" not in caplog.text
    assert "AAF-test_token" not in "".join(inbox.troubles)
