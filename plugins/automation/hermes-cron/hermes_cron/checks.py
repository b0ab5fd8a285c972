"""The check of `hermes doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_cron.jobs import CronJobs
from hermes_cron.protocol import Jobs
from hermes_host.cli.listing import count
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.context import PluginContext

__all__ = ["jobs_fare"]


async def jobs_fare(context: PluginContext) -> Iterable[CheckResult]:
    """Whether the store is whole, the time zone is one, and something runs the jobs."""
    try:
        jobs = await context.services.get(Jobs)
        assert isinstance(jobs, CronJobs), "this plugin offers them"
        zone = jobs.store.zone
        if not jobs.store.database.exists:
            return [CheckResult(name="cron", status="ok", detail=f"no jobs yet; times are in {zone}")]
        jobs.store.database.examine()
        status = await jobs.status()
    except HermesError as error:
        return [CheckResult(name="cron", status="error", detail=error.message, remedy=error.remedy)]
    found = [CheckResult(name="cron", status="warning", detail=problem) for problem in status.problems]
    if status.active and not status.will_run:
        found.append(CheckResult(name="cron", status="warning", detail=status.detail, remedy=status.remedy))
    if status.failed_lately or status.undelivered:
        detail = f"{status.failed_lately} runs failed and {status.undelivered} answers were not delivered in a day."
        found.append(CheckResult(name="cron", status="warning", detail=detail, remedy="See `hermes cron history`."))
    detail = f"{count(status.active, 'active job')}; times are in {zone}. {status.detail}"
    return found or [CheckResult(name="cron", status="ok", detail=detail)]
