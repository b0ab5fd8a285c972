"""Answers reach people once, or the run says why not."""

from __future__ import annotations

from typing import Any

import pytest
from hermes_cron.protocol import Author, JobWish
from hermes_gateway.database import Database
from hermes_gateway.directory import Directory

from hermes_host.errors import DeliveryRefused, NotFound, SessionError
from hermes_host.protocols import Address, Place
from hermes_host.testing.platform_plugin import adapter_spec

MINUTE = 60.0


async def run_once(world: Any, answer: Any, **wish: Any) -> Any:
    world.say(answer)
    await world.add("in 1 minute", name="report", **wish)
    await world.start()
    world.clock.advance(MINUTE)
    return (await world.ended())[-1]


async def test_an_answer_goes_to_every_place_with_the_jobs_name_around_it(world: Any):
    run = await run_once(world, "All is well.", deliver=("testing:1/7", "mail:a@b", "local"))
    assert [to for to, _ in world.outbox.sent.values()] == ["testing:1/7", "mail:a@b"]
    assert world.outbox.texts[0] == (
        "Cronjob Response: report\n--------------------\n\nAll is well.\n\n"
        "Note: the agent cannot see replies to this message."
    )
    assert [item.state for item in run.delivery] == ["sent", "sent"]


async def test_the_name_around_it_can_be_left_out(make: Any):
    world = make(wrap_response=False)
    await run_once(world, "All is well.", deliver=("testing:1",))
    assert world.outbox.texts == ["All is well."]


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ("[SILENT]", False),
        ("  [SILENT]\n", False),
        ("[SILENT] but the disk is full", True),
        ("Nothing new. [SILENT]", True),
        ("[silent]", True),
    ],
)
async def test_only_an_answer_that_is_silent_as_a_whole_is_not_delivered(world: Any, answer: str, sent: bool):
    run = await run_once(world, answer, deliver=("testing:1",))
    assert (bool(world.outbox.sent), run.state) == (sent, "ok" if sent else "silent")


async def test_a_job_made_in_a_chat_answers_there(world: Any):
    world.say("Hi.")
    author = Author(chat="testing:5/9")
    await world.jobs.create(JobWish(schedule="in 1 minute", prompt="Greet."), author)
    await world.start()
    world.clock.advance(MINUTE)
    await world.ended()
    assert [to for to, _ in world.outbox.sent.values()] == ["testing:5/9"]


async def test_a_place_there_is_not_is_refused_when_the_job_is_made(world: Any):
    with pytest.raises(NotFound, match="Did you mean somewhere"):
        await world.add(deliver=("testing:nowhere",))
    assert await world.jobs.jobs() == []


async def test_without_an_outbox_other_places_than_a_file_are_refused(make: Any):
    world = make(outbox=False)
    with pytest.raises(NotFound, match="Nothing here can deliver"):
        await world.add(deliver=("telegram",))
    assert (await run_once(world, "Hi.")).delivery == ()


async def test_a_delivery_that_is_refused_is_written_to_the_run(world: Any):
    world.outbox.refuse = DeliveryRefused("The chat is gone.")
    run = await run_once(world, "Hi.", deliver=("testing:1",))
    assert (run.state, run.delivery[0].state, run.delivery[0].error) == ("ok", "failed", "The chat is gone.")
    assert (await world.jobs.status()).undelivered == 1
    assert "failed: The chat is gone." in (await world.jobs.show("report")).last_delivery


async def test_what_cannot_be_handed_over_now_is_handed_over_later_and_once(world: Any):
    world.outbox.refuse = SessionError("The disk is full.")
    world.say("Hi.")
    await world.add("in 1 minute", deliver=("testing:1",))
    await world.start()
    world.clock.advance(MINUTE)
    await world.until(lambda: world.runs() and world.runs()[0].delivery and world.runs()[0].delivery[0].attempts == 1)
    world.outbox.refuse = None
    world.clock.advance(30)
    (run,) = await world.ended()
    assert run.delivery[0].state == "sent" and len(world.outbox.keys) == 1


async def test_a_message_on_its_way_is_followed_until_it_arrives_or_fails(world: Any):
    world.outbox.state = "pending"
    world.say("Hi.")
    await world.add("in 1 minute", deliver=("testing:1",))
    await world.start()
    world.clock.advance(MINUTE)
    await world.until(
        lambda: world.runs() and world.runs()[0].delivery and world.runs()[0].delivery[0].state == "sending"
    )
    world.outbox.state, world.outbox.error = "failed", "Forbidden."
    world.clock.advance(6)
    (run,) = await world.ended()
    assert (run.delivery[0].state, run.delivery[0].error) == ("failed", "Forbidden.")


async def test_the_gateways_outbox_takes_it_once_though_it_is_handed_over_twice(make: Any):
    """The process died between handing a message over and writing that down."""
    world = make(plugins=["gateway"], outbox=False)
    world.host.use_part("adapters", adapter_spec(), object())
    database = Database(world.home)
    directory = Directory(database, lambda name: adapter_spec(), ["testing"])
    directory.note([Place(address=Address(platform="testing", chat="c1"), name="Family")])
    run = None
    world.say("Dinner.")
    await world.add("in 1 minute", name="dinner", deliver=("testing:#Family",))
    await world.start()
    world.clock.advance(MINUTE)
    await world.until(lambda: world.runs() and world.runs()[0].delivery and world.runs()[0].delivery[0].ids)
    await world.stop()
    run = world.runs()[0]
    assert run.delivery[0].address == "testing:c1"
    forgotten = [type(item)(target=item.target) for item in run.delivery]
    world.jobs.store.runs.delivered(run.id, forgotten)
    await world.start()
    await world.until(lambda: world.runs()[0].delivery[0].ids)
    assert world.runs()[0].delivery[0].ids == run.delivery[0].ids
    with database.reading() as connection:
        bodies = [row["body"] for row in connection.execute("SELECT body FROM outbox").fetchall()]
    database.close()
    assert len(bodies) == 1 and b"Dinner." in bytes(bodies[0] if isinstance(bodies[0], bytes) else bodies[0].encode())
