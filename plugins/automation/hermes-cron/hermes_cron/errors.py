"""What can be wrong with a wish for a job."""

from __future__ import annotations

from hermes_host.errors import HermesError

__all__ = ["JobError", "ScheduleError"]


class JobError(HermesError):
    """A job cannot be as it was asked for. Nothing was changed."""


class ScheduleError(JobError):
    """A schedule cannot be understood, or never comes."""
