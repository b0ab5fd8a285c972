"""The outbox: messages as rows, before, while and after they are sent.

A row is `held` while nobody is to be disturbed, `pending` until an attempt begins, `sending` while one runs, and then
`sent`, `failed` (it cannot be delivered), `unknown` (it may have arrived, and the platform cannot tell) or `dropped`
(somebody gave it up). What was `sending` when a process died is sent again only where that is harmless: where the
platform lets a key arrive once, or where the message takes the place of another.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_gateway.rendering import divide
from hermes_host.protocols import Adapter, Address, Button, Outbound, Receipt
from hermes_host.services import Delivery

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from hermes_gateway.database import Database
    from hermes_host.messages import Media

__all__ = ["Rows", "Waiting"]

_DEFAULT_LIMIT = 4096

_encode = msgspec.json.Encoder().encode
_decode_outbound = msgspec.json.Decoder(Outbound).decode
_decode_receipt = msgspec.json.Decoder(Receipt).decode


class Waiting(msgspec.Struct, frozen=True):
    """A row that is to be sent."""

    id: int
    key: str
    part: int
    address: Address
    message: Outbound
    edits: Receipt | None
    attempts: int
    created: float
    turn: int | None


class Rows:
    """The table `outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------------------------------------------ putting in

    def add(
        self,
        connection: sqlite3.Connection,
        to: Address,
        text: str,
        *,
        key: str,
        adapter: Adapter | None,
        media: Sequence[Media] = (),
        buttons: Sequence[Sequence[Button]] = (),
        reply_to: str = "",
        instead_of: Receipt | None = None,
        source: str = "",
        turn: int | None = None,
        silent: bool = False,
        subject: str = "",
        due: float = 0.0,
    ) -> Sequence[int]:
        """Put a message of any length in; gives the ids of its rows. The same key again changes nothing.

        It is sent at `due` (seconds since the epoch), or at once.
        """
        known = connection.execute("SELECT id FROM outbox WHERE key = ? ORDER BY part", (key,)).fetchall()
        if known:
            return [row["id"] for row in known]
        messages = _messages(text, media, adapter, apart=instead_of is not None)
        if not messages:
            return []
        first, last = messages[0], messages[-1]
        messages[0] = msgspec.structs.replace(first, reply_to=reply_to)
        messages[-1] = msgspec.structs.replace(
            messages[-1] if last is not first else messages[0], buttons=tuple(tuple(row) for row in buttons)
        )
        common = {"silent": silent, "subject": subject}
        place = connection.execute("SELECT COALESCE(MAX(place), 0) + 1 FROM outbox").fetchone()[0]
        now = time.time()
        ids = []
        for part, message in enumerate(messages):
            edits = _encode(instead_of).decode() if instead_of is not None and part == 0 else ""
            body = _encode(msgspec.structs.replace(message, key=f"{key}#{part}", **common))
            cursor = connection.execute(
                "INSERT INTO outbox (key, part, place, address, body, edits, state, due, created, source, turn)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    key,
                    part,
                    place,
                    str(to),
                    body,
                    edits,
                    "held" if due > now else "pending",
                    max(now, due),
                    now,
                    source,
                    turn,
                ),
            )
            ids.append(int(cursor.lastrowid or 0))
        return ids

    def divide_again(self, row: Waiting, adapter: Adapter) -> bool:
        """Divide a row that was put in while nobody knew the platform's limits; whether that was needed."""
        if adapter.measure(row.message.text) <= adapter.limits.text:
            return False
        pieces = _messages(row.message.text, row.message.media, adapter)
        with self._database.transaction() as connection:
            old = connection.execute("SELECT place, source, created FROM outbox WHERE id = ?", (row.id,)).fetchone()
            last = connection.execute("SELECT MAX(part) FROM outbox WHERE key = ?", (row.key,)).fetchone()[0]
            pieces[0] = msgspec.structs.replace(pieces[0], reply_to=row.message.reply_to)
            pieces[-1] = msgspec.structs.replace(pieces[-1], buttons=row.message.buttons)
            for number, piece in enumerate(pieces):
                part = row.part if number == 0 else last + number
                body = _encode(msgspec.structs.replace(piece, key=f"{row.key}#{part}", silent=row.message.silent))
                if number == 0:
                    connection.execute("UPDATE outbox SET body = ? WHERE id = ?", (body, row.id))
                else:
                    connection.execute(
                        "INSERT INTO outbox (key, part, place, address, body, state, due, created, source, turn)"
                        " VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?, ?)",
                        (
                            row.key,
                            part,
                            old["place"],
                            str(row.address),
                            body,
                            time.time(),
                            old["created"],
                            old["source"],
                            row.turn,
                        ),
                    )
        return True

    # --------------------------------------------------------------------------------------------------- sending

    def addresses(self, now: float) -> tuple[Sequence[str], float | None]:
        """The chats whose next message is due, and when the first of the others is."""
        with self._database.reading() as connection:
            held = connection.execute("SELECT MIN(due) FROM outbox WHERE state = 'held'").fetchone()[0]
        if held is not None and held <= now:
            with self._database.transaction(forced=False) as connection:
                connection.execute("UPDATE outbox SET state = 'pending' WHERE state = 'held' AND due <= ?", (now,))
            held = None
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT address, due FROM outbox o WHERE state = 'pending' AND NOT EXISTS (SELECT 1 FROM outbox e"
                " WHERE e.address = o.address AND e.state IN ('pending', 'sending')"
                " AND (e.place, e.part) < (o.place, o.part))"
            ).fetchall()
        later = [*(row["due"] for row in rows if row["due"] > now), *([held] if held is not None else [])]
        return [row["address"] for row in rows if row["due"] <= now], min(later, default=None)

    def next(self, address: str) -> tuple[Waiting | None, float]:
        """The next message of a chat and when it is due."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT * FROM outbox WHERE address = ? AND state IN ('pending', 'sending')"
                " ORDER BY place, part LIMIT 1",
                (address,),
            ).fetchone()
        if row is None or row["state"] == "sending":
            return None, 0.0
        return _waiting(row), row["due"]

    def begin(self, row_id: int) -> bool:
        """Note that an attempt begins; whether the row still waits for one."""
        with self._database.transaction(forced=False) as connection:
            cursor = connection.execute(
                "UPDATE outbox SET state = 'sending', attempts = attempts + 1 WHERE id = ? AND state = 'pending'",
                (row_id,),
            )
            return cursor.rowcount == 1

    def sent(self, row_id: int, receipt: Receipt) -> None:
        """Note that it arrived."""
        self._end(row_id, "sent", receipt=_encode(receipt).decode())

    def later(self, row_id: int, seconds: float, error: str, *, counts: bool = True) -> None:
        """Try again after `seconds`; the attempt counts or not."""
        with self._database.transaction(forced=False) as connection:
            connection.execute(
                "UPDATE outbox SET state = 'pending', due = ?, error = ?, attempts = attempts - ? WHERE id = ?",
                (time.time() + seconds, error, 0 if counts else 1, row_id),
            )

    def anew(self, row_id: int) -> None:
        """Send it as a message of its own: the one it was to take the place of is gone."""
        with self._database.transaction(forced=False) as connection:
            connection.execute("UPDATE outbox SET state = 'pending', edits = '' WHERE id = ?", (row_id,))

    def fail(self, row: Waiting, error: str) -> None:
        """It cannot be delivered; nor can the rest of its message."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE outbox SET state = 'failed', error = ? WHERE id = ?", (error, row.id))
            connection.execute(
                "UPDATE outbox SET state = 'failed', error = ? WHERE key = ? AND state = 'pending'",
                ("The beginning could not be delivered.", row.key),
            )

    def lose(self, row_id: int, error: str) -> None:
        """It may have arrived."""
        self._end(row_id, "unknown", error=error)

    def _end(self, row_id: int, state: str, *, receipt: str = "", error: str = "") -> None:
        with self._database.transaction(forced=False) as connection:
            connection.execute(
                "UPDATE outbox SET state = ?, receipt = ?, error = ? WHERE id = ?", (state, receipt, error, row_id)
            )

    def interrupted(self) -> Sequence[Waiting]:
        """What was being sent when a process died."""
        with self._database.reading() as connection:
            return [_waiting(row) for row in connection.execute("SELECT * FROM outbox WHERE state = 'sending'")]

    # --------------------------------------------------------------------------------------------------- looking

    def deliveries(self, ids: Sequence[int]) -> Sequence[Delivery]:
        """How rows fare, those of pieces that were added later too."""
        marks = ",".join("?" * len(ids))
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT * FROM outbox WHERE key IN (SELECT key FROM outbox WHERE id IN ({marks}))"
                " ORDER BY place, part",
                tuple(ids),
            ).fetchall()
        return [_delivery(row) for row in rows]

    def open(
        self, *, states: Sequence[str] = ("pending", "held", "sending", "failed", "unknown"), limit: int = 100
    ) -> Any:
        """Rows in these states, the newest first, as mappings for a listing."""
        marks = ",".join("?" * len(states))
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT * FROM outbox WHERE state IN ({marks}) ORDER BY id DESC LIMIT ?", (*states, limit)
            ).fetchall()
        return [
            {
                "id": row["id"],
                "state": row["state"],
                "address": row["address"],
                "attempts": row["attempts"],
                "created": row["created"],
                "due": row["due"],
                "source": row["source"],
                "error": row["error"],
                "text": _decode_outbound(row["body"]).text,
            }
            for row in rows
        ]

    def count(self) -> dict[str, int]:
        """How many rows are in each state that is not an end in order."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT state, COUNT(*) AS n FROM outbox WHERE state NOT IN ('sent', 'dropped') GROUP BY state"
            )
            return {row["state"]: row["n"] for row in found}

    def retry(self, ids: Sequence[int]) -> int:
        """Send what failed, or what nobody knows of, again; gives how many.

        Each has another key then: where the old one arrived after all, this one arrives as well, as was asked for.
        """
        with self._database.transaction() as connection:
            for row_id in ids:
                row = connection.execute("SELECT body FROM outbox WHERE id = ?", (row_id,)).fetchone()
                if row is not None:
                    message = _decode_outbound(row["body"])
                    again = msgspec.structs.replace(message, key=f"{message.key}+{time.time_ns():x}")
                    connection.execute("UPDATE outbox SET body = ? WHERE id = ?", (_encode(again), row_id))
        return self._turn(ids, "state = 'pending', attempts = 0, error = '', created = due", ("failed", "unknown"))

    def drop(self, ids: Sequence[int]) -> int:
        """Give up what is open; gives how many."""
        return self._turn(ids, "state = 'dropped'", ("pending", "held", "failed", "unknown"))

    def _turn(self, ids: Sequence[int], change: str, states: Sequence[str]) -> int:
        marks, allowed = ",".join("?" * len(ids)), ",".join("?" * len(states))
        with self._database.transaction() as connection:
            cursor = connection.execute(
                f"UPDATE outbox SET due = ?, {change} WHERE id IN ({marks}) AND state IN ({allowed})",
                (time.time(), *ids, *states),
            )
            return cursor.rowcount

    def forget(self, before: float) -> None:
        """Remove what ended before a time."""
        with self._database.transaction(forced=False) as connection:
            connection.execute("DELETE FROM outbox WHERE state IN ('sent', 'dropped') AND created < ?", (before,))


def _messages(text: str, media: Sequence[Media], adapter: Adapter | None, *, apart: bool = False) -> list[Outbound]:
    """A message of any length as those it becomes: text first, unless it is short and no `apart` is asked for: then it
    stands below a file."""
    limit = adapter.limits.text if adapter else _DEFAULT_LIMIT
    measure = adapter.measure if adapter else len
    caption = adapter.limits.caption if adapter else 0
    together = adapter.limits.media_per_message if adapter else 1
    groups = [tuple(media[start : start + together]) for start in range(0, len(media), together)]
    if adapter is None:
        messages = [Outbound(text=text)] if text.strip() else []
    elif groups and text.strip() and not apart and measure(text) <= caption:
        messages = [Outbound(text=text, media=groups.pop(0))]
    else:
        messages = [Outbound(text=piece) for piece in divide(text, measure, limit)]
    return [*messages, *(Outbound(media=group) for group in groups)]


def _waiting(row: sqlite3.Row) -> Waiting:
    return Waiting(
        id=row["id"],
        key=row["key"],
        part=row["part"],
        address=Address.parse(row["address"]),
        message=_decode_outbound(row["body"]),
        edits=_decode_receipt(row["edits"]) if row["edits"] else None,
        attempts=row["attempts"],
        created=row["created"],
        turn=row["turn"],
    )


def _delivery(row: sqlite3.Row) -> Delivery:
    messages = _decode_receipt(row["receipt"]).messages if row["receipt"] else ()
    return Delivery(
        id=row["id"],
        state="pending" if row["state"] == "held" else row["state"],
        address=row["address"],
        error=row["error"],
        messages=messages,
    )
