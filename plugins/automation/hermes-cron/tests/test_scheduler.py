"""Jobs at work: every due instant ends in a row that says what became of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from hermes_cron.protocol import Author, JobWish

from hermes_host.errors import AuthFailed, NotFound, Overloaded
from hermes_host.messages import ToolCall, assistant_message

MINUTE = 60.0


def held(text: str = "Done.") -> tuple[Any, asyncio.Event, asyncio.Event]:
    """An answer that says when it was asked for, and comes when it is let."""
    asked, release = asyncio.Event(), asyncio.Event()

    async def give(request: Any) -> str:
        asked.set()
        await release.wait()
        return text

    return give, asked, release


async def test_a_due_job_runs_in_a_conversation_of_its_own_and_its_answer_is_kept(world: Any):
    world.say("The mail is quiet.")
    view = await world.add("every weekday at 9", "Sum up my mail.")
    await world.start()
    world.clock.advance(59 * MINUTE)
    await world.clock.looked()
    assert world.runs() == []
    world.clock.advance(MINUTE)
    (run,) = await world.ended()
    assert (run.state, run.text, run.trigger, run.due) == ("ok", "The mail is quiet.", "schedule", world.clock.now())
    assert "The mail is quiet." in (world.home / run.output).read_text(encoding="utf-8")
    info = world.host.sessions.find(run.session)
    assert (info.source, info.title.startswith("Sum up my mail.")) == ("cron", True)
    request = world.model.requests[0]
    assert "Nobody is there" in request.system and "Sum up my mail." in request.messages[-1].text
    assert (await world.jobs.show(view.id)).next_runs[0] == "2026-11-24T09:00:00+01:00"


async def test_twenty_jobs_of_one_minute_all_run_and_never_more_than_three_at_once(world: Any):
    running, most = 0, 0

    async def answer(request: Any) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        return "ok"

    world.say(*[answer] * 20)
    for number in range(20):
        await world.add("0 9 * * *", f"Job {number}.")
    await world.start()
    world.clock.advance(60 * MINUTE)
    runs = await world.ended(20)
    assert {run.state for run in runs} == {"ok"} and len({run.job for run in runs}) == 20
    assert 1 <= most <= 3


async def test_a_job_that_hangs_runs_out_of_time_and_delays_no_other(make: Any):
    world = make(timeout=0.2)
    hanging, asked, _ = held()
    world.say(hanging, "fine")
    slow, quick = await world.add("in 1 minute", "Hang."), await world.add("in 2 minutes", "Go.")
    await world.start()
    world.clock.advance(MINUTE)
    await asyncio.wait_for(asked.wait(), 5)
    world.clock.advance(MINUTE)
    await world.ended(2)
    assert world.states(slow.id) == ["timed_out"] and world.states(quick.id) == ["ok"]


async def test_a_job_does_not_overlap_with_itself_and_the_instant_says_so(world: Any):
    slow, asked, release = held()
    world.say(slow, "second")
    view = await world.add("every minute")
    await world.start()
    world.clock.advance(MINUTE)
    await asyncio.wait_for(asked.wait(), 5)
    world.clock.advance(MINUTE)
    await world.until(lambda: world.states(view.id) == ["running", "skipped"])
    release.set()
    await world.until(lambda: world.states(view.id) == ["ok", "skipped"])
    assert "still under way" in world.runs(view.id)[1].reason
    world.clock.advance(MINUTE)
    await world.until(lambda: world.states(view.id) == ["ok", "skipped", "ok"])


async def test_intervals_do_not_drift_by_the_length_of_runs_or_the_lateness_of_looks(world: Any):
    world.say(*["ok"] * 3)
    await world.add("every 10 minutes")
    await world.start()
    begun = world.clock.now()
    for late in (601, 1210, 1803):
        world.clock.set(begun + late)
        await world.ended([601, 1210, 1803].index(late) + 1)
    assert [run.due - begun for run in world.runs()] == [600, 1200, 1800]


async def test_removing_a_job_stops_its_run_and_brings_nothing_back(world: Any):
    slow, asked, _ = held()
    world.say(slow)
    view = await world.add("in 1 minute", deliver=("testing:1",))
    await world.start()
    world.clock.advance(MINUTE)
    await asyncio.wait_for(asked.wait(), 5)
    await world.jobs.remove(view.id)
    await world.until(lambda: world.states() == ["cancelled"])
    assert await world.jobs.jobs(everything=True) == [] and world.outbox.sent == {}


async def test_pausing_lets_the_run_end_and_asking_for_a_run_does_not_end_the_pause(world: Any):
    slow, asked, release = held()
    world.say(slow, "by hand")
    view = await world.add("every minute", repeat=5)
    await world.start()
    world.clock.advance(MINUTE)
    await asyncio.wait_for(asked.wait(), 5)
    await world.jobs.pause(view.id, "on holiday")
    release.set()
    await world.ended(1)
    world.clock.advance(10 * MINUTE)
    await world.clock.looked()
    assert world.states() == ["ok"]
    await world.jobs.trigger(view.id)
    await world.ended(2)
    shown = await world.jobs.show(view.id)
    assert (shown.state, shown.completed, shown.reason) == ("paused", 1, "on holiday")
    assert world.runs()[1].trigger == "manual"
    resumed = await world.jobs.resume(view.id)
    assert resumed.state == "active" and world.states() == ["ok", "ok"], "what was due meanwhile is not made up for"


async def test_a_run_asked_for_while_one_runs_follows_it(world: Any):
    slow, asked, release = held("first")
    world.say(slow, "second")
    view = await world.add("in 1 minute")
    await world.start()
    world.clock.advance(MINUTE)
    await asyncio.wait_for(asked.wait(), 5)
    await world.jobs.trigger(view.id)
    release.set()
    runs = await world.ended(2)
    assert [run.text for run in runs] == ["first", "second"]


async def test_a_failed_turn_is_a_failed_run_and_is_told(world: Any):
    world.say(AuthFailed("The key is wrong."))
    view = await world.add("in 1 minute", retries=3, deliver=("testing:1",))
    await world.start()
    world.clock.advance(MINUTE)
    (run,) = await world.ended()
    assert run.state == "failed" and "The key is wrong." in run.reason
    assert run.attempt == 1, "trying again cannot mend a wrong key"
    assert world.outbox.texts[0].startswith("⚠️ Do it. failed: The key is wrong.")
    shown = await world.jobs.show(view.id)
    assert (shown.state, shown.last_state) == ("completed", "failed"), "it stays, with its record"


async def test_a_failure_that_may_pass_is_tried_again_later_and_told_once(world: Any):
    world.say(Overloaded("Busy."), Overloaded("Busy."), "At last.")
    await world.add("in 1 minute", retries=2, deliver=("testing:1",))
    await world.start()
    world.clock.advance(MINUTE)
    await world.until(lambda: [(run.state, run.attempt) for run in world.runs()] == [("queued", 1)])
    world.clock.advance(60)
    await world.until(lambda: [(run.state, run.attempt) for run in world.runs()] == [("queued", 2)])
    world.clock.advance(60)
    await world.clock.looked()
    assert world.states() == ["queued"], "the second pause is twice as long"
    world.clock.advance(60)
    (run,) = await world.ended()
    assert (run.state, run.attempt, len(run.notes)) == ("ok", 3, 2)
    assert len(world.outbox.sent) == 1


async def test_a_job_with_repetitions_is_completed_after_them(world: Any):
    world.say("1", "2", "3")
    view = await world.add("every minute", repeat=2)
    assert len(view.next_runs) == 2
    await world.start()
    for number in (1, 2):
        world.clock.advance(MINUTE)
        await world.ended(number)
    shown = await world.jobs.show(view.id)
    assert (shown.state, shown.completed, shown.next_runs) == ("completed", 2, ())


@pytest.mark.parametrize(
    ("policy", "states"),
    [
        ("once", ["missed", "missed", "missed", "ok"]),
        ("skip", ["missed", "missed", "missed", "missed"]),
        ("all", ["ok", "ok", "ok", "ok"]),
    ],
)
async def test_what_nobody_was_there_for_is_run_or_written_down_by_the_jobs_policy(
    world: Any, policy: str, states: list[str]
):
    world.say(*["ok"] * 4)
    await world.add("every hour", missed=policy)
    world.clock.advance(4 * 3600 + 900)
    await world.start()
    await world.ended(4)
    assert world.states() == states
    assert len({run.due for run in world.runs()}) == 4


async def test_a_run_past_its_grace_is_missed_and_a_missed_reminder_is_told(world: Any):
    view = await world.add("in 1 hour", "Remind me.", grace=600, deliver=("testing:1",))
    world.clock.advance(2 * 3600)
    await world.start()
    (run,) = await world.ended()
    assert run.state == "missed" and "Remind me. was missed" in world.outbox.texts[0]
    assert (await world.jobs.show(view.id)).state == "completed"


async def test_a_year_of_missed_minutes_costs_a_hundred_rows(make: Any):
    world = make(keep_runs=500)
    world.say("ok")
    await world.add("* * * * *")
    world.clock.advance(365 * 86400.0)
    await world.start()
    await world.until(lambda: "ok" in world.states())
    runs = world.runs()
    assert len(runs) == 101 and runs[0].count == 0 and runs[0].state == "missed" and runs[-1].late == ""


async def test_a_clock_that_is_set_back_repeats_nothing(world: Any):
    world.say("ok", "ok")
    await world.add("every minute")
    await world.start()
    begun = world.clock.now()
    world.clock.set(begun + 60)
    await world.ended(1)
    world.clock.set(begun - 3600)
    world.clock.set(begun + 61)
    await world.clock.looked()
    assert world.states() == ["ok"]
    world.clock.set(begun + 120)
    await world.ended(2)
    assert [run.due - begun for run in world.runs()] == [60, 120]


async def test_what_needs_consent_is_refused_because_nobody_is_there(world: Any):
    done = []

    @world.host.tool(effects=("write",))
    async def act() -> str:
        """Act."""
        done.append("act")
        return "acted"

    world.say(assistant_message(ToolCall(id="1", name="act", arguments={})), "I could not.")
    await world.add("in 1 minute")
    await world.start()
    world.clock.advance(MINUTE)
    (run,) = await world.ended()
    assert done == [] and run.state == "ok"
    assert "needed a person's consent" in run.notes[0]


async def test_a_job_has_no_tool_to_make_jobs_or_to_ask_people(world: Any):
    @world.host.tool(effects=("ask",))
    async def question() -> str:
        """Ask."""
        return ""

    @world.host.tool(effects=("read",))
    async def look() -> str:
        """Look."""
        return ""

    world.say("ok")
    await world.add("in 1 minute")
    await world.start()
    world.clock.advance(MINUTE)
    await world.ended()
    assert [tool.name for tool in world.model.requests[0].tools] == ["look"]


async def test_a_job_uses_the_tools_and_the_model_it_names(world: Any):
    @world.host.tool(effects=("read",), toolset="looking")
    async def look() -> str:
        """Look."""
        return ""

    @world.host.tool(effects=("read",))
    async def listen() -> str:
        """Listen."""
        return ""

    world.say("ok")
    await world.add("in 1 minute", toolsets=("looking",), model="scripted:other")
    with pytest.raises(NotFound, match="no toolset or tool 'lokking'"):
        await world.add("in 1 minute", toolsets=("lokking",))
    await world.start()
    world.clock.advance(MINUTE)
    await world.ended()
    assert [tool.name for tool in world.model.requests[0].tools] == ["look"]
    assert world.model.requests[0].model == "other"


async def test_a_members_job_speaks_with_a_members_voice_and_tools(world: Any):
    world.say("ok")
    author = Author(provenance="member", chat="testing:1", user="ann", tools=())
    view = await world.jobs.create(JobWish(schedule="in 1 minute", prompt="Hi."), author)
    await world.start()
    world.clock.advance(MINUTE)
    await world.ended()
    assert world.model.requests[0].messages[-1].provenance == "member" and not world.model.requests[0].tools
    with pytest.raises(NotFound):
        await world.jobs.show(view.id, user="bob")


async def test_a_change_by_another_process_wakes_the_scheduler(world: Any):
    world.say("ok")
    view = await world.add("every day at 23:00")
    await world.start()
    await world.until(lambda: True)
    program = (
        "import sys; from pathlib import Path; from hermes_cron.database import Database;"
        "from hermes_cron.runs_table import RunsTable; from hermes_cron.jobs_table import JobsTable;"
        "from hermes_cron.settings import CronSettings; from hermes_cron.waking import wake;"
        "home = Path(sys.argv[1]); base = Database(home);"
        "RunsTable(base, CronSettings()).ask_for(JobsTable(base).find(sys.argv[2]), float(sys.argv[3])); wake(home)"
    )
    arguments = [sys.executable, "-c", program, str(world.home), view.id, str(world.clock.now())]
    await asyncio.to_thread(subprocess.run, arguments, check=True)
    (run,) = await world.ended()
    assert (run.state, run.trigger) == ("ok", "manual")


async def test_ending_the_scheduler_interrupts_what_runs_and_says_so(world: Any):
    slow, asked, _ = held()
    world.say(slow)
    await world.add("in 1 minute")
    await world.start()
    world.clock.advance(MINUTE)
    await asyncio.wait_for(asked.wait(), 5)
    await world.stop()
    assert world.states() == ["interrupted"]
    assert not (await world.jobs.status()).will_run


async def test_an_interrupted_run_is_tried_again_where_its_job_says_so(world: Any):
    slow, asked, _ = held()
    world.say(slow, "The second time.")
    await world.add("in 1 minute", on_interrupt="retry")
    await world.start()
    world.clock.advance(MINUTE)
    await asyncio.wait_for(asked.wait(), 5)
    await world.stop()
    await world.start()
    (run,) = await world.ended()
    assert (run.state, run.text, run.attempt) == ("ok", "The second time.", 2)


async def test_old_runs_are_forgotten_with_their_files(make: Any):
    world = make(keep_runs=2)
    world.say(*["ok"] * 4)
    view = await world.add("every minute")
    await world.start()
    for number in range(4):
        world.clock.advance(MINUTE)
        await world.ended(min(number + 1, 2))
        await world.until(lambda number=number: world.runs()[-1].due >= world.clock.now() and world.runs()[-1].ended)
    assert len(world.runs()) == 2
    assert len(list((world.home / "cron" / "output" / view.id).iterdir())) == 2


async def test_a_job_whose_schedule_cannot_be_followed_is_paused_and_stops_no_other(world: Any):
    world.say("ok")
    broken, sound = await world.add("every minute", name="broken"), await world.add("every minute", name="sound")
    with world.jobs.store.database.transaction() as connection:
        connection.execute(
            "UPDATE jobs SET definition = replace(definition, ?, ?) WHERE id = ?",
            ("Europe/Berlin", "Mars/One", broken.id),
        )
    await world.start()
    world.clock.advance(MINUTE)
    await world.ended(1)
    assert world.states(sound.id) == ["ok"]
    row = world.jobs.store.jobs.get(broken.id)
    assert row.state == "paused" and "Mars/One" in row.reason


async def test_a_job_that_takes_more_steps_than_it_may_has_failed(make: Any):
    world = make(max_turns=2)

    @world.host.tool(effects=("read",))
    async def look(at: str) -> str:
        """Look."""
        return at

    calls = [assistant_message(ToolCall(id=str(n), name="look", arguments={"at": str(n)})) for n in range(2)]
    world.say(*calls, "Not done yet.")
    await world.add("in 1 minute", deliver=("testing:1",))
    await world.start()
    world.clock.advance(MINUTE)
    (run,) = await world.ended()
    assert run.state == "failed" and "more steps" in run.reason and run.text == "Not done yet."
    assert "Not done yet." in world.outbox.texts[0]


async def test_a_store_that_refuses_for_a_moment_loses_no_end_of_a_run(world: Any, monkeypatch: pytest.MonkeyPatch):
    from hermes_cron.runs_table import RunsTable

    from hermes_host.errors import SessionError

    finish, refused = RunsTable.finish, []

    def refuse_once(self: Any, *values: Any, **options: Any) -> bool:
        if not refused:
            refused.append(True)
            raise SessionError("The disk is full.")
        return finish(self, *values, **options)

    monkeypatch.setattr(RunsTable, "finish", refuse_once)
    world.say("Done.")
    await world.add("in 1 minute")
    await world.start()
    world.clock.advance(MINUTE)
    (run,) = await world.ended()
    assert refused and (run.state, run.text) == ("ok", "Done.") and len(world.model.requests) == 1
