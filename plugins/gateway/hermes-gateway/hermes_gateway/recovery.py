"""What a session's log says about a turn that a dead process left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from hermes_host.errors import NotFound
from hermes_host.messages import ATTACHED, Message, Provenance, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_gateway.admission import Admitted
    from hermes_gateway.turn_rows import Claim
    from hermes_host.host import Host
    from hermes_host.records import SessionRecord

__all__ = ["Found", "look", "resumption"]


class Found(NamedTuple):
    """How far a turn came."""

    state: Literal["not begun", "begun", "over"]
    text: str = ""
    """Its answer, when it is over."""
    outcome: str = ""
    provenance: Provenance = "owner"
    unread: Sequence[Admitted] = ()
    """Updates that were to join the turn but are not in the log."""
    unsaid: bool = False
    """Whether an answer was cut off in the middle."""
    later: bool = False
    """Whether the conversation has gone on since."""


def look(host: Host, claim: Claim, items: Sequence[Admitted]) -> Found:
    """Read the log of the turn's session."""
    try:
        records = host.sessions.load(claim.session) if claim.session else ()
    except NotFound:
        records = ()
    asked = [place for place, record in enumerate(records) if _turn_of(record) == claim.id]
    if not asked:
        return Found("not begun")
    first, last = asked[0], asked[-1]
    # A turn that was laid aside is taken up when others have followed it.
    following = (place for place in range(last, len(records)) if _turn_of(records[place]) not in (None, claim.id))
    over = next(following, len(records))
    later, records = over < len(records), records[:over]
    after = records[first:]
    message = records[last].message
    assert message is not None
    seen = {number for place in asked for number in _updates_of(records[place])}
    said = [record.message.said for record in after if record.message is not None and record.message.role == "user"]
    unread = [item for item in items if item.id not in seen and item.update.text not in said]
    ends = [
        record
        for record in records[last:]
        if record.kind == "turn_finished" and record.turn_id == records[last].turn_id
    ]
    if not ends or ends[-1].outcome == "interrupted":
        # A person's interrupt ends the turn's row at once: one that still runs was cut off together with the process.
        final = _final(records[last:])
        if final is not None and final.text and not final.incomplete and not final.tool_calls:
            return Found("over", final.text, "completed", message.provenance, unread)
        if later:
            return Found("begun", provenance=message.provenance, unread=items, later=True)
        unsaid = final is not None and final.incomplete
        return Found("begun", provenance=message.provenance, unread=unread, unsaid=unsaid)
    return Found("over", _answer(records[last:]), ends[-1].outcome, message.provenance, unread)


def resumption(claim: Claim, found: Found) -> Message:
    """What the agent is told when it takes up a turn again."""
    what = "an earlier message, which is repeated here" if found.later else "the last message"
    note = (
        f"[The program was restarted while you worked on {what}. Go on with it now. Do not repeat what is "
        "done already: look at the results above, and check where one is not known."
        + (" The answer you had begun has not been delivered: give it again, whole.]" if found.unsaid else "]")
    )
    parts = [Text(text=note, meta={ATTACHED: "gateway"})]
    parts += [Text(text=f"\n\n{item.update.text}") for item in found.unread]
    return Message(
        role="user",
        parts=tuple(parts),
        provenance=found.provenance,
        meta={
            "gateway": {
                "updates": [item.id for item in found.unread],
                "turn": claim.id,
                "resumed": claim.resumes,
            }
        },
    )


def _answer(records: Sequence[SessionRecord]) -> str:
    final = _final(records)
    return final.text if final is not None else ""


def _final(records: Sequence[SessionRecord]) -> Message | None:
    """The last message, where the agent said it."""
    messages = [record.message for record in records if record.kind == "message" and record.message is not None]
    return messages[-1] if messages and messages[-1].role == "assistant" else None


def _gateway(record: SessionRecord) -> dict[str, object]:
    meta = record.message.meta.get("gateway") if record.kind == "message" and record.message is not None else None
    return meta if isinstance(meta, dict) else {}


def _turn_of(record: SessionRecord) -> object:
    return _gateway(record).get("turn")


def _updates_of(record: SessionRecord) -> Sequence[object]:
    found = _gateway(record).get("updates")
    return found if isinstance(found, list) else ()
