"""Everything of one home that has to do with jobs: the store's tables, the settings, the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_cron.clock import SystemClock
from hermes_cron.database import Database
from hermes_cron.holders import Holders
from hermes_cron.jobs_table import JobsTable
from hermes_cron.runs_table import RunsTable
from hermes_cron.settings import CronSettings, configured_zone

if TYPE_CHECKING:
    from hermes_cron.clock import Clock
    from hermes_host.context import PluginContext

__all__ = ["Store"]


class Store:
    """One for each host."""

    def __init__(self, context: PluginContext, clock: Clock | None = None) -> None:
        self.home = context.home
        self.settings = context.section(CronSettings)
        self.clock: Clock = clock or SystemClock()
        self.database = Database(context.home)
        self.jobs = JobsTable(self.database)
        self.runs = RunsTable(self.database, self.settings)
        self.holders = Holders(self.database)
        self._context = context

    @property
    def zone(self) -> str:
        """The time zone of schedules that name none. Raises `ScheduleError`."""
        return configured_zone(self._context)
