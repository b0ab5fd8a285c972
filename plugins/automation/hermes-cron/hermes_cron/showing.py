"""Jobs and runs on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hermes_cron.views import delivery_word, iso
from hermes_host.cli.listing import count, moment, print_table
from hermes_host.visible import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_cron.protocol import JobView, Status
    from hermes_cron.records import Run

__all__ = ["print_history", "print_job", "print_jobs", "print_next", "print_status"]


def print_job(view: JobView) -> None:
    """Everything about a job."""
    reason = f": {view.reason}" if view.reason else ""
    click.echo(f"{one_line(view.name)} ({view.id}), {view.state}{reason}")
    click.echo(f"  schedule  {view.schedule}")
    click.echo(f"  means     {view.meaning}")
    for number, text in enumerate(view.next_runs):
        click.echo(f"  {'next' if number == 0 else '':<9} {text}")
    shown = {
        "prompt": visible(view.prompt),
        "skills": ", ".join(view.skills),
        "script": visible(view.script),
        "deliver": ", ".join(view.deliver),
        "origin": view.origin,
        "model": view.model,
        "toolsets": ", ".join(view.toolsets) if view.toolsets is not None else "",
        "directory": view.directory,
        "terminal": view.terminal,
        "repeat": f"{view.completed} of {view.repeat}" if view.repeat else "",
        "last": f"{view.last_run} {view.last_state} {view.last_error}".strip(),
        "delivery": view.last_delivery,
    }
    for name, value in shown.items():
        if value:
            click.echo(f"  {name:<9} {value}")
    for note in view.notes:
        loud = note.startswith("NOTHING")
        click.echo(click.style(f"! {note}", bold=True, fg="red") if loud else f"Note: {note}", err=True)


def print_jobs(views: Sequence[JobView]) -> None:
    """A table of jobs, with whole ids."""
    if not views:
        click.echo("There are no jobs. `hermes cron add 'every weekday at 9' 'Sum up my mail.'` makes one.")
        return
    rows = [
        (
            view.id,
            one_line(view.name, 40),
            view.state,
            view.next_runs[0] if view.next_runs else "",
            f"{view.last_state} {view.last_delivery}".strip(),
            view.meaning,
        )
        for view in views
    ]
    print_table(("id", "name", "state", "next", "last", "schedule"), rows)


def print_next(found: Any) -> None:
    """Coming runs."""
    if isinstance(found, dict):
        click.echo(f"{found['schedule']!r} means: {found['meaning']}")
        for note in found["notes"]:
            click.echo(f"Note: {note}", err=True)
        for text in found["times"]:
            click.echo(text)
        return
    if not found:
        click.echo("Nothing comes.")
        return
    print_table(("time", "job", "name"), [(item["time"], item["job"], item["name"]) for item in found])


def print_history(runs: Sequence[Run], zone: str) -> None:
    """A table of runs."""
    if not runs:
        click.echo("Nothing has been due yet.")
        return
    rows = [
        (
            run.id,
            iso(run.due, zone),
            one_line(run.name, 30),
            run.state.replace("_", " ") + (f" x{run.count}" if run.count > 1 else ""),
            f"{run.ended - run.started:.0f} s" if run.ended and run.started else "",
            delivery_word(run),
            one_line(f"{run.late} {run.reason} {' '.join(run.notes)}".strip(), 200),
        )
        for run in runs
    ]
    print_table(("run", "due", "job", "state", "took", "delivery", ""), rows)


def print_status(status: Status) -> None:
    """Whether something runs jobs."""
    click.echo(status.detail)
    if status.remedy:
        click.echo(status.remedy)
    click.echo(f"{count(status.active, 'active job')}, {status.paused} paused, {status.running} running.")
    if status.next_due is not None:
        click.echo(f"Next: {one_line(status.next_job, 60)}, {moment(status.next_due)}.")
    if status.failed_lately or status.undelivered:
        click.echo(
            f"In a day {status.failed_lately} runs failed and {status.undelivered} answers were not delivered: "
            "`hermes cron history`."
        )
    for problem in status.problems:
        click.echo(f"! {problem}")
