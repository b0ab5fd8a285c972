"""Conversations begin anew, are put aside, and are nothing but a row while nobody talks."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import pytest
from hermes_gateway.conversation_rows import reset_reason
from hermes_gateway.settings import Access, ResetPolicy, ResetSection, Settings
from hermes_gateway.turn_rows import TurnRows


def words(request):
    return [message.text for message in request.messages if message.role == "user"]


def at(text):
    return datetime.fromisoformat(text).timestamp()


BOTH = ResetPolicy(mode="both", at_hour=4, idle_minutes=1440)


@pytest.mark.parametrize(
    ("used", "now", "mode", "resets"),
    [
        ("2026-03-10 03:00", "2026-03-10 03:59", "both", False),
        ("2026-03-10 03:00", "2026-03-10 04:01", "both", True),
        ("2026-03-10 05:00", "2026-03-11 03:59", "both", False),
        ("2026-03-10 03:00", "2026-03-10 04:01", "idle", False),
        ("2026-03-10 03:00", "2026-03-11 03:01", "idle", True),
        ("2026-03-10 03:00", "2026-03-30 03:01", "none", False),
        ("2026-03-10 03:00", "2020-01-01 00:00", "both", False),
    ],
)
def test_when_a_conversation_begins_anew(used, now, mode, resets):
    policy = ResetPolicy(mode=mode, at_hour=4, idle_minutes=1440)
    assert bool(reset_reason(at(used), at(now), policy)) is resets


def test_the_day_of_a_change_of_the_clocks_resets_once(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        policy = ResetPolicy(mode="daily", at_hour=2, idle_minutes=1)
        for day in ("2026-03-29", "2026-10-25"):
            begin = at(f"{day} 00:30")
            moments = [begin + step * 600 for step in range(30)]
            used, resets = moments[0], 0
            for now in moments[1:]:
                resets += bool(reset_reason(used, now, policy))
                used = now
            assert resets == 1
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_policy_of_the_platform_wins_over_that_of_the_kind():
    section = ResetSection(
        mode="both",
        by_type={"group": ResetPolicy(mode="idle", idle_minutes=5)},
        by_platform={"testing": ResetPolicy(mode="none")},
    )
    settings = Settings(session_reset=section)
    assert settings.reset_policy("testing", "group") == ResetPolicy(mode="none", at_hour=4, idle_minutes=5)
    assert settings.reset_policy("other", "group").mode == "idle"
    assert settings.reset_policy("other", "direct").mode == "both"


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


async def test_after_a_day_a_new_conversation_begins_and_says_why(gateway, platform):
    clock = Clock()
    running = await gateway("one", "two", clock=clock, gateway={"idle_seconds": 0.0})
    await platform.say("first")
    await platform.until_said("one")
    await closed(running)
    [(old,)] = running.rows("SELECT session FROM conversations")
    clock.ahead = 2 * 86_400
    await platform.say("second")
    await platform.until_said("two")
    assert words(running.model.requests[1]) == ["second"]
    assert any(f"/resume {old}" in text and "24 hours" in text for text in platform.texts())


async def test_a_clock_that_jumps_ends_no_conversation_that_is_open(gateway, platform):
    clock = Clock()
    running = await gateway("one", "two", clock=clock)
    await platform.say("first")
    await platform.until_said("one")
    clock.ahead = 400 * 86_400
    await platform.say("second")
    await platform.until_said("two")
    assert words(running.model.requests[1]) == ["first", "second"]


async def closed(running):
    async with asyncio.timeout(5):
        while len(running.conversations.opened):
            await asyncio.gather(*running.conversations.opened._tasks)
            await asyncio.sleep(0)


async def test_an_idle_conversation_is_nothing_but_a_row(gateway, platform):
    running = await gateway(*["hello"] * 5, gateway={"idle_seconds": 0.0})
    for number in range(5):
        await platform.say("hi", chat=f"c{number}")
    await platform.until(lambda: len(platform.messages) == 5)
    await closed(running)
    rooms = running.conversations
    assert not rooms._actors
    assert not rooms.turns.running
    assert not rooms.opened._locks
    assert not running.host._sessions
    assert running.rows("SELECT COUNT(*) FROM conversations") == [(5,)]


async def test_only_so_many_conversations_stay_open(gateway, platform):
    running = await gateway(*["hello"] * 6, "once more", gateway={"open_conversations": 2})
    for number in range(6):
        await platform.say("hi", chat=f"c{number}")
        await platform.until(lambda number=number: len(platform.messages) == number + 1)
    await asyncio.gather(*running.conversations.opened._tasks)
    assert len(running.conversations.opened) <= 3
    await platform.say("and you?", chat="c0")
    await platform.until_said("once more")
    assert words(running.model.requests[-1]) == ["hi", "and you?"]


async def test_a_conversation_with_a_background_process_stays_open(gateway, platform):
    running = await gateway("hello", host={"plugins": ["local"]})
    await platform.say("hi")
    await platform.until_said("hello")
    opened = running.conversations.opened
    session = opened.session(next(iter(opened._open)))
    shell = await running.host.terminals.shell(session.context)
    job = await shell.jobs.start("sleep 60")
    assert opened.at_work(next(iter(opened._open)))
    opened._idle(next(iter(opened._open)))
    assert len(opened) == 1
    await job.kill()


async def test_the_end_of_a_background_process_is_told_in_the_chat(gateway, platform, tmp_path):
    gate = tmp_path / "gate"
    running = await gateway("begun", "again", host={"plugins": ["local"]})
    await platform.say("hi")
    await platform.until_said("begun")
    opened = running.conversations.opened
    session = opened.session(next(iter(opened._open)))
    shell = await running.host.terminals.shell(session.context)
    await shell.jobs.start(f"mkfifo {gate}; echo made; read line < {gate}; echo last words; exit 3")
    await platform.say("next")
    await platform.until_said("again")
    await shell.run(f"until [ -p {gate} ]; do :; done; echo go > {gate}")
    said = await platform.until_said("ended with code 3")
    assert "last words" in said.text


async def test_what_is_announced_between_turns_reaches_the_chat(gateway, platform):
    running = await gateway("hello")
    await platform.say("hi")
    await platform.until_said("hello")
    [held] = running.conversations.opened._open.values()
    held.session.context.announce("The subagent is done.")
    await platform.until_said("The subagent is done.")


async def test_a_command_that_changes_the_messages_and_a_turn_never_meet(gateway, platform):
    running = await gateway("hello", "after")
    await platform.say("hi")
    await platform.until_said("hello")
    [key] = running.conversations.opened._open
    async with running.conversations.opened.alone(key):
        await platform.say("again")
        await platform.until(lambda: len(platform.acknowledged) == 2)
        await platform.say("/status")
        await platform.until_said("at work")
        assert len(running.model.requests) == 1
    await platform.until_said("after")


async def test_the_system_prompt_is_the_same_for_every_speaker_and_every_turn(gateway, platform):
    running = await gateway("one", "two", "three", gateway={"idle_seconds": 0.0})
    for word in ("one", "two", "three"):
        await platform.say("hi", name=f"called {word}")
        await platform.until_said(word)
        await closed(running)
    assert len({request.system for request in running.model.requests}) == 1


def test_a_stale_holder_changes_nothing(tmp_path):
    from hermes_gateway.database import Database

    database = Database(tmp_path)
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO updates (platform, account, update_id, conversation, body, admitted, state) "
            "VALUES ('testing', '', '1', 'c', '{}', 0, 'waiting')"
        )
    first = TurnRows(database, "first", 30.0, time.time)
    second = TurnRows(database, "second", 30.0, time.time)
    claim = first.claim("c", [1])
    assert first.claim("c", [1]) is None
    [taken] = second.left_behind()
    assert taken.fence > claim.fence
    written = []
    assert not first.end(claim, also=written.append)
    assert not first.began(claim, "s", "p")
    assert first.renew([claim]) == [claim.id]
    assert not first.quarantine(claim, written.append)
    assert written == []
    assert second.end(taken, also=written.append)
    assert len(written) == 1


async def test_a_turn_that_runs_at_the_end_of_the_gateway_goes_on_with_the_next(gateway, platform):
    begun = asyncio.Event()

    async def hang(request):
        begun.set()
        await asyncio.Event().wait()

    first = await gateway(hang)
    await platform.say("long work")
    await begun.wait()
    await first.stop()
    assert first.rows("SELECT state FROM turns") == [("running",)]
    second = await gateway("went on")
    await platform.until_said("went on")
    await platform.until_said("I was restarted")
    assert words(second.model.requests[0])[0] == "long work"


async def test_a_running_turn_gets_time_to_end(gateway, platform):
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(request):
        begun.set()
        await go.wait()
        return "in time"

    running = await gateway(slow, gateway={"drain_seconds": 5.0})
    await platform.say("work")
    await begun.wait()
    stopping = asyncio.create_task(running.stop())
    await platform.say("later")
    go.set()
    await stopping
    assert ("finished",) in running.rows("SELECT state FROM turns")
    assert "in time" in str(running.rows("SELECT body FROM outbox"))
    again = await gateway("an answer to the later one")
    await platform.until_said("an answer to the later one")
    assert words(again.model.requests[0]) == ["work", "later"]


async def test_steered_words_that_were_not_read_are_answered_next(gateway, platform):
    begun, go = asyncio.Event(), asyncio.Event()

    async def fail(request):
        from hermes_host.errors import Overloaded

        begun.set()
        await go.wait()
        raise Overloaded("too much")

    running = await gateway(fail, "both read")
    await platform.say("/busy steer")
    await platform.say("first")
    await begun.wait()
    await platform.say("also")
    await platform.until(lambda: len(platform.acknowledged) == 3)
    go.set()
    await platform.until_said("overloaded")
    await platform.until_said("both read")
    assert words(running.model.requests[1])[-1] == "also"


async def test_many_conversations_share_the_places_for_turns(gateway, platform):
    at_once, most = 0, 0

    async def count(request):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        return "done"

    await gateway(*[count] * 10, gateway={"parallel_turns": 3})
    for number in range(10):
        await platform.say("hi", chat=f"c{number}")
    await platform.until(lambda: len(platform.messages) == 10)
    assert most == 3


async def test_an_answer_that_cannot_be_put_into_the_outbox_does_not_hold_the_conversation(gateway, platform):
    running = await gateway("lost", "fine", start=False)
    enqueue, broken = running.deliveries.enqueue, [True]

    def fail(connection, to, text, **options):
        if options["key"].startswith("turn:") and broken:
            broken.clear()
            raise ValueError("no such rendering")
        return enqueue(connection, to, text, **options)

    running.deliveries.enqueue = fail
    await running.start()
    await platform.say("one")
    await platform.until_said("Something went wrong on my side")
    await platform.say("two")
    await platform.until_said("fine")


async def test_a_place_that_is_none_is_answered_where_it_came_from(gateway, platform):
    await gateway("here then")
    await platform.say("one", deliver_to="nonsense")
    await platform.until_said("here then")


async def test_what_machines_sent_stays_outside_words_when_it_is_asked_again(gateway, platform):
    running = await gateway("one", "two")
    await platform.say("remember this", forwarded=True)
    await platform.until_said("one")
    await platform.say("/retry")
    await platform.until_said("two")
    assert [request.messages[-1].provenance for request in running.model.requests] == ["external", "external"]


async def test_somebody_else_in_a_shared_group_neither_ends_nor_steers_a_turn(gateway, platform):
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(request):
        begun.set()
        await go.wait()
        return "for the owner"

    running = await gateway(
        slow,
        "for the member",
        settings={"group_sessions_per_user": False},
        gateway={"access": {"testing": Access(owners=["u1"], members=["m1"])}},
    )
    await platform.say("work", kind="group", chat="g")
    await begun.wait()
    await platform.say("and me?", kind="group", chat="g", user="m1")
    await platform.say("/steer do mine", kind="group", chat="g", user="m1")
    await platform.until(lambda: len(platform.acknowledged) == 3)
    go.set()
    await platform.until_said("for the member")
    assert "for the owner" in platform.texts()
    last = running.model.requests[1].messages[-1]
    assert last.said == "and me?\n\ndo mine"
    assert last.provenance == "member"
