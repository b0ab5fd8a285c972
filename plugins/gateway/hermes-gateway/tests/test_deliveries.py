"""Sending what is in the outbox, to a platform over a real socket."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hermes_gateway.database import Database
from hermes_gateway.deliveries import Deliveries
from hermes_gateway.settings import GatewaySettings, Settings, StreamingSection

from hermes_host.events import TextDelta, ToolFinished, ToolStarted
from hermes_host.messages import Media, ToolResult
from hermes_host.protocols import AdapterLimits, Address, Button, Receipt
from hermes_host.testing import Platform, PlatformAdapter, StandInHost
from hermes_host.testing.platform_plugin import adapter_spec

CHAT = Address(platform="testing", chat="c1")


class Adapters:
    def __init__(self, adapter: PlatformAdapter, *, deduplicates: bool = True) -> None:
        self.adapter: PlatformAdapter | None = adapter
        self._spec = adapter_spec(deduplicates=deduplicates)

    def get(self, platform: str) -> Any:
        return self.adapter if platform == "testing" else None

    def spec(self, platform: str) -> Any:
        return self._spec if platform == "testing" else None

    def platforms(self) -> list[str]:
        return ["testing"]


@pytest.fixture
async def platform():
    async with Platform() as found:
        yield found


@pytest.fixture
def make(tmp_path: Path, platform: Platform):
    """Makes deliveries on one database: each one is as after a restart."""
    made = []

    def build(*, deduplicates: bool = True, limits: AdapterLimits | None = None, **settings: Any) -> Deliveries:
        adapter = PlatformAdapter(platform.port, limits=limits)
        gateway = GatewaySettings(**settings)
        streaming = StreamingSection(enabled=True, edit_interval=0.01)
        database = Database(tmp_path)
        found = Deliveries(
            StandInHost(tmp_path),
            database,
            Adapters(adapter, deduplicates=deduplicates),
            Settings(gateway=gateway, streaming=streaming),
        )
        made.append((adapter, database))
        return found

    yield build
    for _, database in made:
        database.close()


def _has(platform: Platform, count: int) -> bool:
    return len(platform.messages) == count


@asynccontextmanager
async def running(deliveries: Deliveries):
    started = asyncio.Event()
    task = asyncio.create_task(deliveries.run(started.set))
    try:
        await started.wait()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_messages_of_a_chat_arrive_in_order(make, platform: Platform):
    deliveries = make()
    async with running(deliveries):
        for number in range(20):
            await deliveries.say(CHAT, f"message {number}")
        await platform.until_said("message 19")
    assert platform.texts() == [f"message {number}" for number in range(20)]


async def test_one_key_is_one_message(make, platform: Platform):
    deliveries = make()
    first = await deliveries.say(CHAT, "once", key="turn:1")
    assert await deliveries.say(CHAT, "once more", key="turn:1") == first
    async with running(deliveries):
        await deliveries.say(CHAT, "end")
        await platform.until_said("end")
    assert platform.texts() == ["once", "end"]


async def test_what_was_taken_before_the_gateway_ran_is_sent(make, platform: Platform):
    await make().say(CHAT, "from before")
    async with running(make()):
        await platform.until_said("from before")


async def test_another_process_can_wake_it(make, platform: Platform):
    async with running(make()):
        await make().say(CHAT, "from elsewhere")
        await platform.until_said("from elsewhere", timeout=3)


async def test_a_long_message_is_divided_and_buttons_stand_below_its_end(make, platform: Platform):
    deliveries = make(limits=AdapterLimits(text=200))
    text = "\n\n".join(f"Paragraph {number} " + "word " * 10 for number in range(12))
    async with running(deliveries):
        await deliveries.say(CHAT, text, buttons=((Button(label="Yes", value="y"),),), reply_to="in1")
        await platform.until_said("Paragraph 11")
    assert all(len(item.text) <= 200 for item in platform.messages)
    assert [bool(item.message.buttons) for item in platform.messages][-1]
    assert not any(item.message.buttons for item in platform.messages[:-1])
    assert [item.message.reply_to for item in platform.messages if item.message.reply_to] == ["in1"]


async def test_what_was_put_in_without_the_platform_is_divided_when_it_is_sent(make, platform: Platform):
    deliveries = make(limits=AdapterLimits(text=200))
    adapter, deliveries._adapters.adapter = deliveries._adapters.adapter, None
    await deliveries.say(CHAT, "word " * 200 + "end")
    await deliveries.say(CHAT, "and after it")
    deliveries._adapters.adapter = adapter
    async with running(deliveries):
        await platform.until_said("and after it")
    assert all(len(item.text) <= 200 for item in platform.messages)
    assert platform.texts()[-1] == "and after it", "what was divided keeps its place"


async def test_being_told_to_wait_delays_and_loses_nothing(make, platform: Platform):
    platform.faults.extend(["rate_limited"] * 5)
    deliveries = make(send_attempts=2)
    async with running(deliveries):
        await deliveries.say(CHAT, "patient")
        await deliveries.say(CHAT, "second")
        await platform.until_said("second")
    assert platform.texts() == ["patient", "second"]


async def test_a_refusal_is_kept_and_what_comes_after_goes_on(make, platform: Platform):
    platform.faults.append("refused")
    deliveries = make()
    async with running(deliveries):
        ids = await deliveries.say(CHAT, "refused")
        await deliveries.say(CHAT, "after it")
        await platform.until_said("after it")
        await deliveries.settled(ids, 5)
    assert [item.state for item in deliveries.rows.deliveries(ids)] == ["failed"]
    assert deliveries.rows.open()[0]["text"] == "refused"
    assert deliveries.rows.retry(ids) == 1
    async with running(deliveries):
        await platform.until_said("refused")


async def test_a_broken_connection_is_harmless_where_keys_count(make, platform: Platform):
    platform.faults.extend(["uncertain", "uncertain"])
    deliveries = make()
    async with running(deliveries):
        await deliveries.say(CHAT, "exactly once")
        await deliveries.say(CHAT, "end")
        await platform.until_said("end", timeout=20)
    assert platform.texts() == ["exactly once", "end"]


async def test_what_may_have_arrived_is_not_sent_again_but_said(make, platform: Platform):
    platform.faults.append("uncertain")
    deliveries = make(deduplicates=False)
    async with running(deliveries):
        ids = await deliveries.say(CHAT, "perhaps")
        await platform.until_said("/resend")
    assert [item.state for item in deliveries.rows.deliveries(ids)] == ["unknown"]
    assert platform.texts().count("perhaps") == 1


async def test_what_may_have_arrived_is_unknown_also_where_keys_count_and_arrives_when_it_is_asked_for(
    make, platform: Platform
):
    platform.faults.extend(["uncertain", "uncertain"])
    deliveries = make(send_attempts=2)
    async with running(deliveries):
        ids = await deliveries.say(CHAT, "perhaps")
        await platform.until_said("/resend", timeout=20)
        assert [item.state for item in deliveries.rows.deliveries(ids)] == ["unknown"]
        assert deliveries.rows.retry(ids) == 1
        deliveries.wake()
        await platform.until(lambda: platform.texts().count("perhaps") == 2)


@pytest.mark.parametrize(("deduplicates", "state"), [(True, "sent"), (False, "unknown")])
async def test_what_was_being_sent_when_the_process_died(make, platform: Platform, deduplicates: bool, state: str):
    before = make(deduplicates=deduplicates)
    ids = await before.say(CHAT, "interrupted")
    assert before.rows.begin(ids[0])
    after = make(deduplicates=deduplicates)
    async with running(after):
        await after.say(CHAT, "end")
        await platform.until_said("end")
        await after.settled(ids, 5)
    assert [item.state for item in after.rows.deliveries(ids)] == [state]


async def test_an_edit_takes_the_place_of_what_was_shown_or_of_nothing(make, platform: Platform):
    deliveries = make()
    async with running(deliveries):
        await deliveries.say(CHAT, "draft")
        shown = await platform.until_said("draft")
        receipt = Receipt(address=CHAT, messages=(shown.id,))
        with deliveries._database.transaction() as connection:
            deliveries.enqueue(connection, CHAT, "final", key="turn:7", instead_of=receipt)
        deliveries.wake()
        await platform.until_said("final")
        assert platform.texts() == ["final"]
        shown.deleted = True
        await deliveries.say(CHAT, "again", instead_of=receipt)
        await platform.until_said("again")
    assert platform.texts() == ["again"]


async def test_files_are_sent_from_a_copy(make, platform: Platform, tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_bytes(b"as it was")
    deliveries = make()
    ids = await deliveries.say(CHAT, "See.", media=(Media(kind="file", mime="text/plain", url=file.as_uri()),))
    file.write_bytes(b"changed")
    async with running(deliveries):
        await deliveries.settled(ids, 10)
    sent = [media for item in platform.messages for media in item.message.media]
    assert [media.name for media in sent] == ["notes.txt"]
    assert not list((tmp_path / "plugins" / "gateway" / "outgoing").iterdir()), "what was sent is removed"


async def test_a_turn_is_shown_in_one_message_that_the_answer_takes_the_place_of(make, platform: Platform):
    deliveries = make()
    presenter = deliveries.presenter(CHAT, turn=1)
    await presenter.show(ToolStarted(call_id="a", name="terminal", arguments={}, shown="ls -la"))
    await platform.until(lambda: any("terminal" in text for text in platform.texts()))
    await presenter.show(
        ToolFinished(call_id="a", name="terminal", result=ToolResult(call_id="a", name="terminal"), seconds=0.1)
    )
    for word in ["The", "answer", "comes", "in", "pieces,", "word", "by", "word."]:
        await presenter.show(TextDelta(text=f"{word} "))
    await platform.until(lambda: any("word by word" in text for text in platform.texts()))
    assert platform.typing == [] or platform.typing[0] == CHAT
    receipt = await presenter.end()
    async with running(deliveries):
        await deliveries.say(CHAT, "The answer.", instead_of=receipt)
        await platform.until(lambda: platform.texts() == ["The answer."])


async def test_what_is_being_shown_when_the_turn_ends_is_taken_the_place_of(make, platform: Platform):
    deliveries = make()
    for count in range(1, 6):
        presenter = deliveries.presenter(CHAT, turn=1)
        await presenter.show(TextDelta(text="a beginning of something"))
        await platform.until(partial(_has, platform, count))
        receipt = await presenter.end()
        assert receipt is not None
        assert receipt.messages == (platform.messages[-1].id,)


async def test_a_turn_that_is_over_at_once_is_not_shown(make, platform: Platform):
    presenter = make().presenter(CHAT, turn=1)
    await presenter.show(TextDelta(text="an answer that was there at once"))
    assert await presenter.end() is None
    assert platform.messages == []


async def test_edits_keep_the_distance_the_platform_asks_for(make, platform: Platform):
    deliveries = make(limits=AdapterLimits(edit_interval=0.2))
    presenter = deliveries.presenter(CHAT, turn=1)
    begin = asyncio.get_running_loop().time()
    for number in range(300):
        await presenter.show(TextDelta(text=f"word{number} "))
        await asyncio.sleep(0.003)
    await presenter.end()
    seconds = asyncio.get_running_loop().time() - begin
    assert 2 <= platform.calls.count("edit") + platform.calls.count("send") <= seconds / 0.2 + 2
