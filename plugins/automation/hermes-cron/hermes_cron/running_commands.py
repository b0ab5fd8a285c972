"""Commands of `hermes cron` about runs: make them here, see what became of them, bring jobs back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hermes_cron.commands import service
from hermes_cron.jobs import CronJobs
from hermes_cron.scheduler import Scheduler
from hermes_cron.showing import print_history, print_status
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json
from hermes_host.visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_cron.protocol import Status
    from hermes_cron.records import Run
    from hermes_host.host import Host

__all__ = ["history", "restore", "run", "run_due", "status"]

_GOOD = ("ok", "silent", "queued", "running")


async def _jobs(host: Host) -> CronJobs:
    jobs = await service(host)
    assert isinstance(jobs, CronJobs), "this plugin offers them"
    return jobs


@click.command(epilog="\b\nExamples:\n  hermes cron run report\n  hermes cron run report --here")
@click.argument("job")
@click.option("--here", is_flag=True, help="In this process and wait, even if the gateway runs.")
@json_option
@pass_host
def run(host: Host, job: str, here: bool, as_json: bool) -> None:
    """Run a job once now: by the gateway, or here where none runs.

    Neither a pause nor the job's repetitions are touched. Exit code 1 when it ran here and failed.
    """

    async def work() -> tuple[Run, bool]:
        jobs = await _jobs(host)
        asked = await jobs.trigger(job)
        if (await jobs.status()).by == "gateway" and not here:
            return asked, False
        if not as_json:
            click.echo(f"Running {asked.name} …", err=True)
        await Scheduler(host.context("cron"), jobs.store, kind="run").run_due(only=asked.job)
        return jobs.store.runs.get(asked.id), True

    found, ended = run_async(host, work)
    if as_json:
        print_json(found)
    elif not ended:
        click.echo(f"The gateway runs {found.name} now (run {found.id}). `hermes cron history {found.job}` shows it.")
    else:
        click.echo(visible(found.text) or f"{found.name}: {found.state.replace('_', ' ')}. {found.reason}".rstrip())
        _tell_trouble(found)
    if found.state not in _GOOD:
        sys.exit(1)


def _tell_trouble(found: Run) -> None:
    for note in (found.reason, *found.notes):
        if note:
            click.echo(f"! {note}", err=True)
    for item in found.delivery:
        if item.state != "sent":
            click.echo(f"! {item.target}: {item.state}. {item.error}".rstrip(), err=True)


@click.command(
    "run-due",
    epilog="\b\nExample, as a line of crontab(5):\n  * * * * *  hermes cron run-due",
)
@json_option
@pass_host
def run_due(host: Host, as_json: bool) -> None:
    """Run what is due now, wait for it, and end: for the system's cron, where no gateway runs.

    What another process runs already is left to it. Exit code 1 when a run failed.
    """

    async def work() -> Sequence[Run]:
        jobs = await _jobs(host)
        return await Scheduler(host.context("cron"), jobs.store, kind="run-due").run_due()

    found = run_async(host, work)
    if as_json:
        print_json(found)
    for each in found if not as_json else ():
        click.echo(f"{each.name}: {each.state.replace('_', ' ')}. {each.reason}".rstrip())
        _tell_trouble(each)
    if any(each.state not in _GOOD for each in found):
        sys.exit(1)


@click.command(epilog="Example: hermes cron status --json")
@json_option
@pass_host
def status(host: Host, as_json: bool) -> None:
    """Show whether something runs the jobs, and how they fare. Exit code 1 when nothing does."""

    async def work() -> Status:
        return await (await _jobs(host)).status()

    found = run_async(host, work)
    if as_json:
        print_json(found)
    else:
        print_status(found)
    if not found.will_run:
        sys.exit(1)


@click.command(
    epilog="\b\nExamples:\n  hermes cron history\n  hermes cron history report -n 50\n  hermes cron history --run 12"
)
@click.argument("job", default="")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--run", "number", type=int, default=None, metavar="ID", help="All about one run, with its answer.")
@json_option
@pass_host
def history(host: Host, job: str, limit: int, number: int | None, as_json: bool) -> None:
    """Show what became of due runs, the newest first: of JOB, or of all."""

    async def work() -> Any:
        jobs = await _jobs(host)
        if not jobs.store.database.exists:
            return [], jobs.store.zone
        runs = [jobs.store.runs.get(number)] if number is not None else await jobs.history(job, limit=limit)
        return runs, jobs.store.zone

    runs, zone = run_async(host, work)
    if as_json:
        print_json(runs)
        return
    print_history(runs, zone)
    if number is not None:
        _tell_trouble(runs[0])
        click.echo(visible(runs[0].text))
        if runs[0].output:
            click.echo(f"In {host.home / runs[0].output}, session {runs[0].session or '-'}.", err=True)


@click.command(
    epilog="\b\nExamples:\n  hermes cron restore\n  hermes cron restore ~/.hermes/cron/backups/jobs-2026-11-01.json"
)
@click.argument("backup", type=click.Path(path_type=Path), required=False)
@click.option("--force", is_flag=True, help="Although the store can be used.")
@json_option
@pass_host
def restore(host: Host, backup: Path | None, force: bool, as_json: bool) -> None:
    """Put a damaged store aside and bring the jobs back from BACKUP, the latest without one.

    Jobs go on with their next time to come; the history begins anew. Stop the gateway first.
    """
    from hermes_cron.clock import SystemClock
    from hermes_cron.restoring import restore_checked

    done = restore_checked(host.home, backup, now=SystemClock().now(), force=force)
    if as_json:
        print_json(done)
        return
    click.echo(f"{count(done.jobs, 'job')} brought back from {done.backup}.")
    if done.aside:
        click.echo(f"The old store is in {done.aside}.", err=True)
