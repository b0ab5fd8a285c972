"""What a run leaves: a file with its answer, and the message that is delivered."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from typing import TYPE_CHECKING

from hermes_cron.database import folder
from hermes_cron.schedule import spell
from hermes_cron.settings import zone_shown
from hermes_host.context import private_directory

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_cron.records import Job, Run
    from hermes_cron.running import Outcome

__all__ = ["compose", "remove_output", "write_output"]

_RULE = "-" * 20
_FAILED = {"failed": "failed", "timed_out": "ran out of time", "interrupted": "was interrupted"}


def compose(job: Job, run: Run, outcome: Outcome, *, wrap: bool) -> str:
    """What is delivered; empty for nothing."""
    if outcome.state == "silent":
        return ""
    if outcome.state in _FAILED:
        tried = f" ({run.attempt} attempts)" if run.attempt > 1 else ""
        rest = f"\n\nIt had said:\n\n{outcome.text.strip()}" if outcome.text.strip() else ""
        return f"⚠️ {job.name} {_FAILED[outcome.state]}{tried}: {outcome.reason}{rest}"
    text = outcome.text.strip()
    if not text:
        return ""
    notes = "".join(f"\n\n⚠️ {note}" for note in outcome.notes)
    if not wrap:
        return f"{text}{notes}"
    late = f" (due {spell(run.due, job.schedule.zone)}; {run.late.rstrip('.')})" if run.late else ""
    return (
        f"Cronjob Response: {job.name}{late}\n{_RULE}\n\n{text}{notes}\n\n"
        "Note: the agent cannot see replies to this message."
    )


def write_output(home: Path, job: Job, run: Run, outcome: Outcome) -> str:
    """Write the answer to `cron/output/<job>/<time>.md`; gives the path below the home directory."""
    due = datetime.fromtimestamp(run.due, zone_shown(job.schedule.zone))
    place = private_directory(folder(home) / "output" / job.id)
    path = place / f"{due:%Y-%m-%d_%H-%M-%S}_{run.id}.md"
    failed = f"## {outcome.state.replace('_', ' ').capitalize()}\n\n{outcome.reason}\n\n" if outcome.reason else ""
    notes = "".join(f"- {note}\n" for note in outcome.notes)
    text = (
        f"# {job.name}\n\n- Job: {job.id}\n- Due: {spell(run.due, job.schedule.zone)}\n- Schedule: {job.said}\n"
        f"{notes}\n## Prompt\n\n{job.prompt}\n\n{failed}## Answer\n\n{outcome.text}\n"
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path.relative_to(home).as_posix()


def remove_output(home: Path, output: str) -> None:
    """Remove the file of a run that is forgotten."""
    if output:
        with contextlib.suppress(OSError):
            (home / output).unlink(missing_ok=True)
