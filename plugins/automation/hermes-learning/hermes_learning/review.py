"""One review: a conversation of its own, on the tools for memory and skills alone, about a part of another one."""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import HermesError, NotFound
from hermes_host.events import TurnFinished
from hermes_host.messages import Message, Provenance, user_message
from hermes_host.records import SessionInfo
from hermes_learning.changes import calls_made, changes, said_by_review
from hermes_learning.experience import Kind
from hermes_learning.prompts import review_prompt
from hermes_learning.signals import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_host.agent.session import Session
    from hermes_host.protocols import SessionStore
    from hermes_host.records import SessionRecord
    from hermes_host.services import Conversations

__all__ = ["ABOUT", "SOURCE", "About", "Earlier", "Job", "Report", "about_of", "earlier", "run"]

log = logging.getLogger(__name__)

SOURCE = "learning"
"""The surface of reviews, one of `hermes_host.records.BACKGROUND_SOURCES`."""

ABOUT = "learning.about"
"""The state record of a review that says what it is about."""

_TOOLSETS: dict[Kind, str] = {"memory": "memory", "skills": "skills"}
_TIME = 240.0
"""Seconds for a review."""

_LOOKED_AT = 60
"""Reviews among which one that was cut off is looked for."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a review looks at."""

    session: str
    kinds: tuple[Kind, ...]
    through: str
    """The id of the last record it was shown."""
    reason: str = ""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A review to be made. `models` are tried in order: provider and model, empty for what is configured."""

    about: About
    messages: tuple[Message, ...]
    provenance: Provenance
    models: tuple[tuple[str, str], ...]
    directory: str = ""
    troubles: tuple[Trouble, ...] = ()
    done: tuple[str, ...] = ()
    prompt: str = ""
    """In place of the usual one."""
    max_steps: int = 8


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a review ended."""

    session: str
    changed: tuple[str, ...] = ()


async def run(conversations: Conversations, job: Job) -> Report:
    """Make a review. Raises `HermesError` where it did not come to its end."""
    session = await _start(conversations, job)
    try:
        session.context.record(ABOUT, msgspec.to_builtins(job.about))
        prompt = job.prompt or review_prompt(job.about.kinds, job.troubles, job.done)
        before = len(session.messages)
        finished = await _turn(session, user_message(prompt, provenance=job.provenance))
        changed = tuple(changes(session.messages[before:]))
        if finished is None or finished.outcome in ("failed", "interrupted"):
            raise HermesError((finished.error if finished else "") or "The review was interrupted.")
        return Report(session=session.id, changed=changed)
    finally:
        await session.close()


async def _turn(session: Session, prompt: Message) -> TurnFinished | None:
    finished: TurnFinished | None = None
    async with aclosing(session.run(prompt, deadline=_TIME)) as events:  # type: ignore[type-var]
        async for event in events:
            if isinstance(event, TurnFinished):
                finished = event
    return finished


async def _start(conversations: Conversations, job: Job) -> Session:
    error: NotFound | None = None
    for provider, model in job.models:
        try:
            return await conversations.start(
                provider=provider,
                model=model,
                toolsets=[_TOOLSETS[kind] for kind in job.about.kinds],
                source=SOURCE,
                directory=job.directory,
                parent=job.about.session,
                messages=job.messages,
                memory="read",
                max_turns=job.max_steps,
            )
        except NotFound as missing:
            error = missing
    raise error or NotFound("There is no model for a review.")


# -------------------------------------------------------------------------------------------------- earlier reviews


def about_of(records: Sequence[SessionRecord]) -> About | None:
    """What a review is about, from its log; None for a conversation that is none."""
    data: dict[str, Any] = next((r.data for r in records if r.kind == "state" and r.name == ABOUT), {})
    try:
        return msgspec.convert(data, About)
    except msgspec.ValidationError:
        return None


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """A review of the same part that a process did not live to note down."""

    about: About
    info: SessionInfo
    finished: bool
    changed: tuple[str, ...]
    calls: tuple[str, ...]


def earlier(store: SessionStore, session_id: str, unnoted: Callable[[About], bool]) -> Earlier | None:
    """The latest review of a conversation that `unnoted` says no mark tells of; None where there is none."""
    for info in store.list(limit=_LOOKED_AT, source=SOURCE):
        if info.parent != session_id:
            continue
        try:
            records = store.load(info.id)
        except HermesError:
            continue  # deleted meanwhile, or unreadable: then nothing is known of it
        about = about_of(records)
        if about is None or not unnoted(about):
            continue
        said = list(said_by_review(records))
        ended = any(record.kind == "turn_finished" and record.outcome == "completed" for record in records)
        return Earlier(
            about=about, info=info, finished=ended, changed=tuple(changes(said)), calls=tuple(calls_made(said))
        )
    return None
