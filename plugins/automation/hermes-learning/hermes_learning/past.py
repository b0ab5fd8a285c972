"""Reviews that were made, read back from their own conversations, with what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import HermesError
from hermes_host.services import Accounts
from hermes_learning.changes import changes, said_by_review
from hermes_learning.review import SOURCE, about_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.records import SessionRecord

__all__ = ["Past", "past_reviews"]


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A review that was made. Times are seconds since the epoch."""

    id: str
    """Its own conversation."""
    session: str
    """The conversation it looked at; empty where it was about none."""
    time: float
    kinds: tuple[str, ...]
    reason: str
    outcome: str
    """As of `TurnFinished`; empty for one that was cut off by the end of a process."""
    changed: tuple[str, ...]
    tokens: int
    cost: float | None
    """US dollars; None where no plugin keeps accounts or a price is not known."""


async def past_reviews(host: Host, limit: int) -> Sequence[Past]:
    """The latest reviews, newest first."""
    accounts = await host.services.find(Accounts)
    found = []
    for info in host.sessions.list(limit=limit, source=SOURCE):
        try:
            records = host.sessions.load(info.id)
        except HermesError:
            continue  # deleted meanwhile
        about = about_of(records)
        if about is None:
            continue
        spending = accounts.of_session(info.id) if accounts is not None else None
        usage = spending.usage if spending is not None else info.usage
        found.append(
            Past(
                id=info.id,
                session=about.session,
                time=info.started,
                kinds=about.kinds,
                reason=about.reason,
                outcome=_outcome(records),
                changed=tuple(changes(said_by_review(records))),
                tokens=usage.input + usage.output,
                cost=spending.cost if spending is not None and not spending.unpriced else None,
            )
        )
    return found


def _outcome(records: Sequence[SessionRecord]) -> str:
    return next((record.outcome for record in reversed(records) if record.kind == "turn_finished"), "")
