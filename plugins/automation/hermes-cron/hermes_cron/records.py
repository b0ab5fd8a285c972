"""What is kept of a job and of each of its due instants."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_cron.schedule import Schedule
from hermes_cron.settings import Missed, OnInterrupt
from hermes_host.messages import Provenance

__all__ = ["Delivered", "Job", "JobState", "Row", "Run", "RunState", "Trigger"]

JobState = Literal["active", "paused", "completed", "removed"]

RunState = Literal[
    "queued", "running", "ok", "silent", "failed", "timed_out", "interrupted", "cancelled", "skipped", "missed"
]
"""Waiting to begin; running; done; done and nothing to say; failed; out of time; its process died or was ended; its job
was removed; not run because of another run or a pause; not run because nobody was there."""

Trigger = Literal["schedule", "manual"]


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be done, and when: as its owner wishes it. What became of it is in its `Row` and its runs."""

    id: str
    """12 hex digits."""
    name: str
    schedule: Schedule
    said: str
    """The schedule in the owner's words."""
    prompt: str = ""
    skills: tuple[str, ...] = ()
    script: str = ""
    """Shell commands that run first; what they print comes with the prompt, as words from outside. Their owner agreed
    to exactly these."""
    deliver: tuple[str, ...] = ("local",)
    """Where the answer goes: `origin`, `local`, or what `Outbox.resolve` takes."""
    origin: str = ""
    """The address of the chat it was made in."""
    user: str = ""
    """Who made it, as `Chat.user`; empty for the owner at the machine."""
    author: Provenance = "owner"
    model: str = ""
    provider: str = ""
    toolsets: tuple[str, ...] | None = None
    """Toolsets and tools of its runs; None: those configured for `cron`."""
    directory: str = ""
    terminal: str = ""
    repeat: Annotated[int, Meta(ge=0)] = 0
    """Runs by schedule until it is completed; 0: without end."""
    timeout: Annotated[float, Meta(ge=0)] | None = None
    retries: Annotated[int, Meta(ge=0, le=10)] | None = None
    missed: Missed | None = None
    grace: Annotated[float, Meta(ge=0)] | None = None
    on_interrupt: OnInterrupt | None = None
    max_cost: Annotated[float, Meta(ge=0)] | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it stands in the store."""

    job: Job
    state: JobState
    next: float | None
    """When it is due, in seconds since the epoch."""
    completed: int
    """Runs by schedule that came to an end."""
    created: float
    updated: float
    reason: str = ""
    """Why it is paused."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an answer on its way to one place."""

    target: str
    state: Literal["pending", "sending", "sent", "failed", "unknown"] = "pending"
    address: str = ""
    ids: tuple[int, ...] = ()
    error: str = ""
    attempts: int = 0
    due: float = 0.0


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One due instant of a job, or one run somebody asked for, and what became of it."""

    id: int
    job: str
    name: str
    """The job's name at that time."""
    due: float
    trigger: Trigger
    state: RunState
    reason: str = ""
    """Why it was skipped or missed, or what was wrong."""
    late: str = ""
    """How late it was, where that is worth a word."""
    attempt: int = 0
    not_before: float = 0.0
    holder: str = ""
    queued: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    session: str = ""
    output: str = ""
    """The file with the answer, below the home directory."""
    text: str = ""
    notes: tuple[str, ...] = ()
    cost: float | None = None
    message: str = ""
    """What is delivered."""
    delivery: tuple[Delivered, ...] = ()
    count: int = 1
    """Of missed instants: how many this row stands for; 0 where nobody counted."""
