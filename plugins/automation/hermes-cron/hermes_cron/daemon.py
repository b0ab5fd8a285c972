"""The daemon of the gateway: runs jobs as long as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_cron.jobs import CronJobs
from hermes_cron.protocol import Jobs
from hermes_cron.scheduler import Scheduler
from hermes_cron.settings import CronSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.context import PluginContext
    from hermes_host.specs import DaemonSpec

__all__ = ["CronDaemon", "connect", "missing"]


def missing(context: PluginContext) -> str:
    """Why it is not to run; empty when it is."""
    return "" if context.section(CronSettings).enabled else "It is switched off (cron.enabled)."


async def connect(context: PluginContext, spec: DaemonSpec) -> CronDaemon:
    """The daemon of a host."""
    jobs = await context.services.get(Jobs)
    assert isinstance(jobs, CronJobs), "this plugin offers them"
    return CronDaemon(context, jobs)


class CronDaemon:
    """See `hermes_host.protocols.Daemon`."""

    def __init__(self, context: PluginContext, jobs: CronJobs) -> None:
        self._context = context
        self._jobs = jobs

    async def run(self, started: Callable[[], None]) -> None:
        """Run jobs until cancelled."""
        await Scheduler(self._context, self._jobs.store, kind="gateway").run(started)
