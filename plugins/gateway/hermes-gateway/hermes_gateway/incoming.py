"""What people wrote, as one message for the agent: their words as they are, and around them, marked as attached, who
spoke, what they answered, and the files that came along."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hermes_gateway.attachments import Attachments
from hermes_gateway.keys import is_shared
from hermes_host.messages import ATTACHED, Message, Part, Provenance, Text
from hermes_host.visible import one_line, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_gateway.admission import Admitted
    from hermes_gateway.people import Standing
    from hermes_gateway.shared import Shared
    from hermes_host.protocols import Address, Inbound

__all__ = ["Incoming", "read"]

QUOTE_LIMIT = 500
"""Characters of a quoted message the agent gets."""


class Incoming(NamedTuple):
    """A message for the agent, and what its sender is to be told about it."""

    message: Message
    notices: Sequence[str]
    hints: Sequence[str] = ()
    """What they are told once in a while only."""


async def read(shared: Shared, items: Sequence[Admitted], standing: Standing, turn: int) -> Incoming:
    """One message of what one person wrote in one go. Files are fetched."""
    first = items[0].update
    attachments = Attachments(shared, shared.adapters.get(first.address.platform))
    parts: list[Part] = []
    outside = shared.external(first.address.platform)
    for item in items:
        update = item.update
        outside = outside or update.forwarded or update.provenance == "external" or _quotes_others(shared, update)
        written = _written(update, named=is_shared(update, shared.settings))
        for attachment in update.attachments:
            written += await attachments.parts(attachment)
        if parts and written:
            parts.append(Text(text="\n\n"))
        parts += written
    if mirrored := _mirrored(shared, first.address):
        parts.insert(0, _attached(f"[Sent into this chat from elsewhere meanwhile:\n{mirrored}]\n\n"))
    outside = outside or attachments.read_file
    whose: Provenance = "external" if outside else "owner" if standing.role == "owner" else "member"
    message = Message(
        role="user",
        parts=tuple(parts) or (Text(text="(an empty message)", meta={ATTACHED: "gateway"}),),
        provenance=whose,
        meta={"gateway": {"updates": [item.id for item in items], "turn": turn}},
    )
    return Incoming(message, attachments.notices, attachments.hints)


def _written(update: Inbound, *, named: bool) -> list[Part]:
    parts: list[Part] = []
    if named:
        parts.append(_attached(f"[{speaker(update)}] "))
    if update.subject:
        parts.append(_attached(f"Subject: {one_line(update.subject, 200)}\n"))
    if update.quote:
        parts.append(_attached(f"[In answer to: “{one_line(update.quote, QUOTE_LIMIT)}”]\n"))
    if update.forwarded:
        parts.append(_attached("[Forwarded:]\n"))
    if update.prompt:
        parts.append(Text(text=update.prompt))
        if update.text and update.text not in update.prompt:
            parts.append(_attached(f"\n\n[What came in:]\n{visible(update.text)}"))
    elif update.text:
        # A message that begins with a slash is written with two.
        parts.append(Text(text=update.text[1:] if update.text.startswith("//") else update.text))
    return parts


def speaker(update: Inbound) -> str:
    """The name of who wrote, so that it cannot be taken for anything else."""
    name = one_line(update.sender.name or update.sender.id, 40)
    return name.translate(str.maketrans("[]:", "()·")) or "somebody"


def _mirrored(shared: Shared, address: Address) -> str:
    """What was sent into a chat by another conversation or a program since its last message, once."""
    with shared.database.reading() as connection:
        if connection.execute("SELECT 1 FROM mirrored WHERE address = ?", (str(address),)).fetchone() is None:
            return ""
    with shared.database.transaction(forced=False) as connection:
        rows = connection.execute("SELECT text FROM mirrored WHERE address = ? ORDER BY id", (str(address),)).fetchall()
        connection.execute("DELETE FROM mirrored WHERE address = ?", (str(address),))
    return "\n\n".join(str(row["text"])[:2000] for row in rows[-10:])


def _quotes_others(shared: Shared, update: Inbound) -> bool:
    """Whether it quotes words that are not the agent's own. What the agent said in the chat is known to the outbox."""
    if not update.quote:
        return False
    if not update.reply_to:
        return True
    with shared.database.reading() as connection:
        rows = connection.execute(
            "SELECT receipt FROM outbox WHERE address = ? AND receipt <> '' ORDER BY id DESC LIMIT 500",
            (str(update.address),),
        ).fetchall()
    return not any(f'"{update.reply_to}"' in row["receipt"] for row in rows)


def _attached(text: str) -> Text:
    return Text(text=text, meta={ATTACHED: "gateway"})
