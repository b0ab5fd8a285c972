"""The jobs of Hermes Agent, taken over once from `cron/jobs.json`, which stays as it is."""

from __future__ import annotations

import json
import re
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hermes_cron.database import folder
from hermes_cron.english import understand
from hermes_cron.errors import ScheduleError
from hermes_cron.records import Job, Row
from hermes_cron.schedule import Schedule, check, next_after
from hermes_cron.settings import zone_named
from hermes_host.errors import ConfigError
from hermes_host.protocols import Address
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hermes_cron.store import Store

__all__ = ["import_original"]

_ID = re.compile(r"[0-9a-f]{12}")


def import_original(store: Store) -> int:
    """Take the jobs over, unless that was done before; gives how many. Raises `ConfigError`, and then takes none."""
    path = folder(store.home) / "jobs.json"
    if not path.exists():
        return 0
    with store.database.reading() as connection:
        if connection.execute("SELECT 1 FROM facts WHERE name = 'imported'").fetchone():
            return 0
    found = _read(path)
    now, zone = store.clock.now(), store.zone
    with store.database.transaction() as connection:
        rows: list[Row] = []
        taken = store.jobs.names()
        for entry in found:
            row = _row(entry, now, zone, taken)
            taken.add(row.job.name.casefold())
            rows.append(row)
        store.jobs.add_all(rows)
        connection.execute("INSERT INTO facts (name, value) VALUES ('imported', ?)", (str(len(rows)),))
    return len(rows)


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"), strict=False)
        jobs = found["jobs"] if isinstance(found, dict) else found
        if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
            raise ValueError("it holds no list of jobs")
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"The jobs of {path} cannot be taken over: {error}.", remedy="Mend or move the file; it was not changed."
        ) from None
    return jobs


def _row(entry: Mapping[str, Any], now: float, zone: str, taken: set[str]) -> Row:
    """One job. What is not understood comes over paused, with the reason."""
    trouble = ""
    try:
        schedule = _schedule(entry, now, zone)
    except (ScheduleError, ValueError, TypeError, KeyError) as error:
        schedule = Schedule(kind="once", zone=zone, at=now)
        trouble = f"Its schedule is not understood: {error}"
    origin, deliver = _places(entry)
    repeat = entry.get("repeat") if isinstance(entry.get("repeat"), dict) else {}
    times = repeat.get("times") if repeat else None
    job = Job(
        id=entry["id"] if _ID.fullmatch(str(entry.get("id", ""))) else secrets.token_hex(6),
        name=_name(entry, taken),
        schedule=schedule,
        said=str(entry.get("schedule_display") or "as it was"),
        prompt=str(entry.get("prompt") or ""),
        skills=tuple(map(str, entry.get("skills") or ([entry["skill"]] if entry.get("skill") else []))),
        deliver=deliver,
        origin=origin,
        model=str(entry.get("model") or ""),
        provider=str(entry.get("provider") or ""),
        repeat=times if isinstance(times, int) and times > 0 and schedule.kind != "once" else 0,
    )
    paused = entry.get("state") == "paused" or entry.get("enabled") is False
    following = None if trouble else _next(schedule, now)
    if not trouble and following is None:
        trouble = "Its time was over when it was taken over."
    return Row(
        job=job,
        state="paused" if trouble or paused else "active",
        next=None if paused else following,
        completed=int(repeat.get("completed") or 0) if repeat else 0,
        created=_moment(entry.get("created_at"), zone) or now,
        updated=now,
        reason=trouble or str(entry.get("paused_reason") or ""),
    )


def _next(schedule: Schedule, now: float) -> float | None:
    # One that is a little late still runs late; the grace decides.
    return schedule.at if schedule.kind == "once" and now - schedule.at < 86_400 else next_after(schedule, now)


def _schedule(entry: Mapping[str, Any], now: float, zone: str) -> Schedule:
    found = entry.get("schedule")
    if isinstance(found, str):
        return understand(found, now=now, zone=zone).schedule
    if not isinstance(found, dict):
        raise ScheduleError("it has none.")
    kind = found.get("kind")
    if kind == "once":
        at = _moment(entry.get("next_run_at") or found.get("run_at"), zone)
        if at is None:
            raise ScheduleError("it names no time.")
        return Schedule(kind="once", zone=zone, at=at)
    if kind == "interval":
        seconds = float(found["minutes"]) * 60
        if seconds <= 0:
            raise ScheduleError("its interval is nothing.")
        return Schedule(
            kind="interval",
            zone=zone,
            seconds=seconds,
            anchor=(_moment(entry.get("next_run_at"), zone) or now) - seconds,
        )
    if kind == "cron":
        return check(Schedule(kind="calendar", zone=zone, cron=(" ".join(str(found["expr"]).split()[:5]).upper(),)))
    raise ScheduleError(f"there is no kind {kind!r}.")


def _moment(text: object, zone: str) -> float | None:
    if not isinstance(text, str) or not text:
        return None
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone_named(zone))).timestamp()


def _places(entry: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    chat = entry.get("origin")
    origin = ""
    if isinstance(chat, dict) and chat.get("platform") and chat.get("chat_id"):
        thread = str(chat.get("thread_id") or "")
        origin = str(Address(platform=str(chat["platform"]), chat=str(chat["chat_id"]), thread=thread))
    places = []
    for word in str(entry.get("deliver") or "local").split(","):
        place = word.strip()
        platform, colon, rest = place.partition(":")
        chat_id, _, thread = rest.partition(":")
        if colon:
            place = str(Address(platform=platform, chat=chat_id, thread=thread))
        places.append("local" if place == "origin" and not origin else place)
    return origin, tuple(filter(None, places)) or ("local",)


def _name(entry: Mapping[str, Any], taken: set[str]) -> str:
    start = one_line(str(entry.get("name") or entry.get("prompt") or "job"), 50) or "job"
    name, number = start, 2
    while name.casefold() in taken:
        name, number = f"{start} ({number})", number + 1
    return name
