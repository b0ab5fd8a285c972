"""The store: nothing is begun anew behind anybody's back, and jobs come back from their backups."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hermes_cron.database import Database
from hermes_cron.errors import JobError
from hermes_cron.jobs_table import JobsTable
from hermes_cron.protocol import JobWish
from hermes_cron.restoring import restore_checked

from hermes_host.errors import HermesError, NotFound, SessionError


def store_file(world: Any) -> Path:
    return world.home / "cron" / "cron.db"


def damage(path: Path, how: str) -> None:
    """Spoil a store."""
    for name in ("cron.db-wal", "cron.db-shm"):
        path.with_name(name).unlink(missing_ok=True)
    if how == "gone":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "garbage":
        path.write_bytes(b"this is no database at all" * 200)
    else:
        data = bytearray(path.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)


@pytest.mark.parametrize("how", ["gone", "empty", "garbage", "torn"])
async def test_a_damaged_store_is_refused_and_its_jobs_come_back(world: Any, how: str):
    for number in range(30):
        await world.add("every day at 9:00", f"Job {number}. " + "x" * 400)
    paused = await world.jobs.pause("Job 3.")
    await world.jobs.aclose()
    damage(store_file(world), how)
    before = store_file(world).read_bytes() if store_file(world).exists() else b""
    with pytest.raises(SessionError, match="hermes cron restore"):
        await world.jobs.create(JobWish(schedule="every hour", prompt="New."))
    await world.jobs.aclose()
    after = store_file(world).read_bytes() if store_file(world).exists() else b""
    assert after == before, "nothing was changed"
    world.clock.advance(3 * 86400)
    done = restore_checked(world.home, None, now=world.clock.now())
    assert done.jobs == 30 and (bool(done.aside) == (how != "gone"))
    views = await world.jobs.jobs(everything=True)
    assert len(views) == 30 and [view.id for view in views if view.state == "paused"] == [paused.id]
    assert min(view.next_runs[0] for view in views if view.next_runs) == "2026-11-26T09:00:00+01:00"
    assert world.runs() == []


async def test_a_store_that_is_well_is_not_restored_without_being_forced_nor_under_a_running_scheduler(world: Any):
    await world.add("every hour")
    with pytest.raises(HermesError, match="is well"):
        restore_checked(world.home, None, now=world.clock.now())
    await world.start()
    with pytest.raises(HermesError, match="runs jobs now"):
        restore_checked(world.home, None, now=world.clock.now(), force=True)


async def test_the_scheduler_refuses_a_damaged_store_with_a_remedy(world: Any):
    for number in range(30):
        await world.add("every day at 9:00", f"Job {number}. " + "x" * 400)
    await world.jobs.aclose()
    damage(store_file(world), "torn")
    from hermes_cron.scheduler import Scheduler

    with pytest.raises(SessionError, match="hermes cron restore"):
        await Scheduler(world.host.context("cron"), world.jobs.store, kind="gateway").run(lambda: None)


async def test_changes_from_many_threads_are_all_kept(world: Any):
    """A job that was removed stays removed, and no change is lost."""
    views = [await world.add("every hour", f"Job {number}.") for number in range(20)]

    def change(number: int) -> None:
        table = JobsTable(Database(world.home))
        with table._database.transaction():
            if number % 2:
                table.remove(views[number].id, now=1.0)
            else:
                row = table.get(views[number].id)
                table.change(row.job, now=1.0, next=None, state="paused")
        table._database.close()

    await asyncio.gather(*(asyncio.to_thread(change, number) for number in range(20)))
    states = {view.id: view.state for view in await world.jobs.jobs(everything=True)}
    assert states == {views[number].id: "paused" for number in range(0, 20, 2)}
    assert len(json.loads((world.home / "cron" / "backups" / "jobs-latest.json").read_bytes())) == 10


async def test_jobs_are_found_by_id_by_name_and_by_a_unique_beginning(world: Any):
    one, two = await world.add("every hour", name="report"), await world.add("every hour", name="Reminder")
    for reference in (one.id, one.id[:6], "report", "REPORT", "rep"):
        assert (await world.jobs.show(reference)).id == one.id
    with pytest.raises(NotFound, match="could be several"):
        await world.jobs.show("re")
    with pytest.raises(NotFound, match="Did you mean 'Reminder'"):
        await world.jobs.show("remindr")
    with pytest.raises(JobError, match="already"):
        await world.add("every hour", name="REPORT")
    await world.jobs.remove(two.id)
    await world.add("every hour", name="reminder")


@pytest.mark.parametrize(
    "wish",
    [
        {"repeat": -1},
        {"timeout": -5.0},
        {"prompt": "  "},
        {"schedule": "every 2 seconds"},
        {"retries": 99},
        {"deliver": ("origin",)},
        {"timezone": "Mars/Olympus"},
        {"missed": "sometimes"},
    ],
)
async def test_a_wish_that_cannot_be_changes_nothing(world: Any, wish: dict[str, Any]):
    kept = await world.add("every hour", "Keep me.")
    with pytest.raises(HermesError):
        await world.add(**{"schedule": "every hour", "prompt": "x", **wish})
    with pytest.raises(HermesError):
        await world.jobs.update(kept.id, JobWish(**wish))
    (view,) = await world.jobs.jobs(everything=True)
    assert view == kept or (view.prompt, view.schedule) == ("Keep me.", "every hour")


async def test_a_new_schedule_counts_from_now_and_brings_a_completed_job_back(world: Any):
    world.say("ok")
    view = await world.add("in 1 minute")
    await world.start()
    world.clock.advance(60)
    await world.ended()
    with pytest.raises(JobError, match="no run to come"):
        await world.jobs.resume(view.id)
    changed = await world.jobs.update(view.id, JobWish(schedule="every day at 12:00"))
    assert (changed.state, changed.next_runs[0]) == ("active", "2026-11-23T12:00:00+01:00")


async def test_creating_a_job_says_loudly_when_nothing_will_run_it(world: Any):
    assert (await world.add("every hour")).notes[0].startswith("NOTHING WILL RUN THIS JOB")
    await world.start()
    assert (await world.add("every hour")).notes == ()


ORIGINAL = {
    "jobs": [
        {
            "id": "0123456789ab",
            "name": "mail",
            "prompt": "Sum up.",
            "skills": ["mail"],
            "schedule": {"kind": "cron", "expr": "0 9 * * 1-5", "display": "0 9 * * 1-5"},
            "schedule_display": "0 9 * * 1-5",
            "repeat": {"times": None, "completed": 4},
            "enabled": True,
            "state": "scheduled",
            "created_at": "2026-01-01T10:00:00+01:00",
            "next_run_at": "2026-11-23T09:00:00+01:00",
            "deliver": "origin",
            "origin": {"platform": "telegram", "chat_id": "-100", "thread_id": "7"},
        },
        {
            "id": "0123456789ac",
            "name": "tick",
            "prompt": "Tick.",
            "schedule": {"kind": "interval", "minutes": 30},
            "next_run_at": "2026-11-23T08:10:00+01:00",
            "deliver": "telegram:-100:7",
        },
        {
            "id": "0123456789ad",
            "prompt": "Once.",
            "schedule": {"kind": "once", "run_at": "2020-01-01T00:00:00"},
            "enabled": False,
        },
        {"id": "0123456789ae", "prompt": "Odd.", "schedule": {"kind": "moon"}},
    ]
}


def write_original(home: Path, text: str) -> Path:
    path = home / "cron" / "jobs.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


async def test_jobs_of_hermes_agent_are_taken_over_once_and_their_file_stays(make: Any, tmp_path: Path):
    path = write_original(tmp_path / "home", json.dumps(ORIGINAL))
    world = make(home=tmp_path / "home")
    # The scheduler's own clock: what is imported is judged by it.
    from hermes_cron.original import import_original

    assert import_original(world.jobs.store) == 0, "they were taken over when the service was made"
    views = {view.name: view for view in await world.jobs.jobs(everything=True)}
    assert views["mail"].next_runs[0] == "2026-11-23T09:00:00+01:00"
    assert (views["mail"].origin, views["mail"].skills, views["mail"].completed) == ("telegram:-100/7", ("mail",), 4)
    assert views["tick"].next_runs[:2] == ("2026-11-23T08:10:00+01:00", "2026-11-23T08:40:00+01:00")
    assert views["tick"].deliver == ("telegram:-100/7",)
    assert views["Once."].state == "paused" and "over" in views["Once."].reason
    assert views["Odd."].state == "paused" and "'moon'" in views["Odd."].reason
    assert json.loads(path.read_text(encoding="utf-8")) == ORIGINAL
    for view in views.values():
        await world.jobs.remove(view.id)
    again = make(home=tmp_path / "home")
    assert await again.jobs.jobs(everything=True) == []


async def test_a_file_of_jobs_that_cannot_be_read_is_said_and_left_alone(make: Any, tmp_path: Path):
    path = write_original(tmp_path / "home", '{"jobs": [{"id": ')
    world = make(home=tmp_path / "home")
    status = await world.jobs.status()
    assert "cannot be taken over" in status.problems[0]
    await world.add("every hour")
    assert path.read_text(encoding="utf-8") == '{"jobs": [{"id": '
    path.write_text(json.dumps(ORIGINAL), encoding="utf-8")
    assert len(await make(home=tmp_path / "home").jobs.jobs(everything=True)) == 5
