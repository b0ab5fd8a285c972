"""What other plugins can do with jobs: `await context.services.get(Jobs)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from hermes_cron.records import JobState, Run
from hermes_cron.settings import Missed, OnInterrupt
from hermes_host.messages import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Author", "JobView", "JobWish", "Jobs", "Status"]


class JobWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a job is to be. What is unset keeps its value, or its default in a new one."""

    schedule: str | UnsetType = UNSET
    """In words, as a cron expression, or as an ISO time."""
    timezone: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    skills: tuple[str, ...] | UnsetType = UNSET
    script: str | UnsetType = UNSET
    deliver: tuple[str, ...] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    toolsets: tuple[str, ...] | None | UnsetType = UNSET
    directory: str | UnsetType = UNSET
    terminal: str | UnsetType = UNSET
    repeat: int | UnsetType = UNSET
    timeout: float | None | UnsetType = UNSET
    retries: int | None | UnsetType = UNSET
    missed: Missed | None | UnsetType = UNSET
    grace: float | None | UnsetType = UNSET
    on_interrupt: OnInterrupt | None | UnsetType = UNSET
    max_cost: float | None | UnsetType = UNSET


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes or changes a job, and where. The default is the owner at the machine."""

    provenance: Provenance = "owner"
    chat: str = ""
    """The address of the chat."""
    user: str = ""
    tools: tuple[str, ...] | None = None
    """The only tools the job's runs may have; None for no such limit."""


class JobView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job for people and programs to look at. Times are ISO, in the job's time zone."""

    id: str
    name: str
    state: JobState
    schedule: str
    """As its owner said it."""
    meaning: str
    """How it was understood."""
    timezone: str
    next_runs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """How what was not clear was understood; what should be known when it was just made."""
    prompt: str = ""
    skills: tuple[str, ...] = ()
    script: str = ""
    deliver: tuple[str, ...] = ()
    origin: str = ""
    model: str = ""
    provider: str = ""
    toolsets: tuple[str, ...] | None = None
    directory: str = ""
    terminal: str = ""
    repeat: int = 0
    completed: int = 0
    timeout: float | None = None
    retries: int | None = None
    missed: Missed | None = None
    grace: float | None = None
    on_interrupt: OnInterrupt | None = None
    max_cost: float | None = None
    reason: str = ""
    """Why it is paused."""
    created: str = ""
    last_run: str = ""
    last_state: str = ""
    last_error: str = ""
    last_delivery: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something runs jobs, and how they fare. Times are seconds since the epoch."""

    will_run: bool
    by: str
    """What runs them: `gateway`, `system` (`run-due` was seen lately), or empty."""
    detail: str
    remedy: str = ""
    pid: int = 0
    seen: float = 0.0
    active: int = 0
    paused: int = 0
    running: int = 0
    next_due: float | None = None
    next_job: str = ""
    failed_lately: int = 0
    undelivered: int = 0
    problems: tuple[str, ...] = ()


class Jobs(Protocol):
    """Jobs and their runs. `reference` is an id, a name, or a unique beginning of one.

    Methods raise `JobError` (`ScheduleError`) for a wish that cannot be, `NotFound` for a job or a place there is not,
    `SessionError` where the store cannot be used; nothing is changed then. `user` limits what is found to one person's.
    """

    async def create(self, wish: JobWish, author: Author = ...) -> JobView:
        """Make a job; `schedule` and one of `prompt` and `skills` are needed."""
        ...

    async def update(self, reference: str, wish: JobWish, author: Author = ..., *, user: str | None = None) -> JobView:
        """Change a job. A new schedule counts from now on."""
        ...

    async def jobs(self, *, everything: bool = False, user: str | None = None) -> Sequence[JobView]:
        """The jobs, the next one first; with `everything` those too that are completed."""
        ...

    async def show(self, reference: str, *, user: str | None = None) -> JobView:
        """One job."""
        ...

    async def pause(self, reference: str, reason: str = "", *, user: str | None = None) -> JobView:
        """Run it by its schedule no more. A run under way ends as it would."""
        ...

    async def resume(self, reference: str, *, user: str | None = None) -> JobView:
        """Go on from now; what was due meanwhile is not made up for."""
        ...

    async def remove(self, reference: str, *, user: str | None = None) -> JobView:
        """Take it out. A run under way is stopped; the history stays."""
        ...

    async def trigger(self, reference: str, *, user: str | None = None) -> Run:
        """Have it run once now. Neither a pause nor its repetitions are touched; while it runs, it runs once more."""
        ...

    async def history(self, reference: str = "", *, limit: int = 20, user: str | None = None) -> Sequence[Run]:
        """Runs, the newest first: of one job, or of all."""
        ...

    async def status(self) -> Status:
        """Whether something runs jobs."""
        ...
