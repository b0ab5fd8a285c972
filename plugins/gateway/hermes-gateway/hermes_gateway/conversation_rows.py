"""The rows behind conversations: all that is kept of one while nobody talks in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_host.protocols import Address

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_gateway.database import Database
    from hermes_gateway.settings import ResetPolicy
    from hermes_host.protocols import Inbound

__all__ = ["ConversationRow", "ConversationRows", "Details", "OwnedSession", "reset_reason"]


class Details(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is set for one conversation alone."""

    kind: Literal["direct", "group", "channel"] = "direct"
    name: str = ""
    busy: Literal["", "interrupt", "queue", "steer"] = ""
    title: str = ""
    """The title of the session that the next message begins."""


class ConversationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation. Times are seconds since the epoch."""

    key: str
    address: Address
    session: str
    began: float
    used: float
    details: Details


class OwnedSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was held in a chat."""

    session: str
    conversation: str
    person: str


class ConversationRows:
    """All conversations."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def get(self, key: str) -> ConversationRow | None:
        """The conversation of that key."""
        with self._database.reading() as connection:
            return _row(connection, key)

    def meet(self, key: str, update: Inbound) -> ConversationRow:
        """The conversation an update belongs to, made if it is new; its answers go where the update came from."""
        now = self._clock()
        known = self.get(key)
        if known is not None and known.address == update.address:
            return known
        with self._database.transaction(forced=False) as connection:
            row = _row(connection, key)
            if row is None:
                details = Details(kind=update.kind, name=update.chat_name)
                connection.execute(
                    "INSERT INTO conversations (key, address, session, began, used, data) VALUES (?, ?, '', ?, ?, ?)",
                    (key, str(update.address), now, now, msgspec.json.encode(details)),
                )
                _note_place(connection, update, now)
            elif row.address != update.address:
                connection.execute("UPDATE conversations SET address = ? WHERE key = ?", (str(update.address), key))
            found = _row(connection, key)
        assert found is not None
        return found

    def change(self, key: str, **changes: object) -> None:
        """Set fields of `Details`."""
        with self._database.transaction() as connection:
            row = _row(connection, key)
            if row is not None:
                details = msgspec.structs.replace(row.details, **changes)
                connection.execute(
                    "UPDATE conversations SET data = ? WHERE key = ?", (msgspec.json.encode(details), key)
                )

    def begin_anew(self, key: str, *, session: str = "", title: str = "") -> str:
        """Have the conversation go on with another session, or with a new one; gives the one it had."""
        now = self._clock()
        with self._database.transaction() as connection:
            row = _row(connection, key)
            if row is None:
                return ""
            if session:
                connection.execute("UPDATE conversations SET session = '' WHERE session = ?", (session,))
            details = msgspec.structs.replace(row.details, title=title)
            connection.execute(
                "UPDATE conversations SET session = ?, began = ?, used = ?, data = ? WHERE key = ?",
                (session, now, now, msgspec.json.encode(details), key),
            )
            return row.session

    def holding(self, session: str) -> Sequence[str]:
        """The keys of the conversations that go on with a session."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT key FROM conversations WHERE session = ?", (session,)).fetchall()
        return [row["key"] for row in rows]

    def owner_of(self, session: str) -> OwnedSession | None:
        """Whose session it is; None for one that was never held in a chat."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT session, conversation, person FROM owned_sessions WHERE session = ?", (session,)
            ).fetchone()
        return None if row is None else OwnedSession(**dict(row))

    def sessions_of(self, *, person: str = "", conversation: str = "", limit: int = 50) -> Sequence[str]:
        """The sessions of a person or of a conversation, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT session FROM owned_sessions WHERE (? = '' OR person = ?) AND (? = '' OR conversation = ?) "
                "ORDER BY began DESC LIMIT ?",
                (person, person, conversation, conversation, limit),
            ).fetchall()
        return [row["session"] for row in rows]

    def count(self) -> int:
        """How many there are."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT COUNT(*) FROM conversations").fetchone()[0])


def reset_reason(used: float, now: float, policy: ResetPolicy) -> str:
    """Why a conversation that was used last at `used` begins anew at `now`; empty when it goes on.

    A clock that was set back makes nothing older: what was used in the future counts as used now.
    """
    if used >= now:
        return ""
    if policy.mode in ("both", "idle") and policy.idle_minutes and now - used > policy.idle_minutes * 60:
        return f"nothing was said for {_span(policy.idle_minutes)}"
    if policy.mode in ("both", "daily") and policy.at_hour is not None and used < _boundary(now, policy.at_hour):
        return f"a new day began at {policy.at_hour:02}:00"
    return ""


def _boundary(now: float, hour: int) -> float:
    """The latest moment at which the local clock showed that hour."""
    local = datetime.fromtimestamp(now)
    today = local.replace(hour=hour, minute=0, second=0, microsecond=0, fold=0)
    # Naive local times are turned into moments by the rules of that day, so a change of the clocks does no harm.
    return (today if today <= local else today - timedelta(days=1)).timestamp()


def _span(minutes: float) -> str:
    return f"{minutes / 60:g} hours" if minutes >= 120 else f"{minutes:g} minutes"


def _row(connection: sqlite3.Connection, key: str) -> ConversationRow | None:
    row = connection.execute("SELECT * FROM conversations WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    return ConversationRow(
        key=key,
        address=Address.parse(row["address"]),
        session=row["session"],
        began=row["began"],
        used=row["used"],
        details=msgspec.json.decode(row["data"], type=Details),
    )


def _note_place(connection: sqlite3.Connection, update: Inbound, now: float) -> None:
    """Keep a chat somebody writes from, so that it is found by name; what an adapter says of it counts more."""
    name = update.chat_name or (update.sender.name if update.kind == "direct" else "") or update.address.chat
    connection.execute(
        "INSERT INTO places (address, platform, name, kind, seen) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (address) DO UPDATE SET seen = excluded.seen",
        (str(update.address), update.address.platform, name[:200], update.kind, now),
    )
