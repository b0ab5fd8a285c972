"""Codes by which people are let in, and by which two accounts are shown to be one person's.

A code is shown once, kept as a salted hash, compared in constant time against every code that is open, and used once.
All limits are counted in the database, inside the transaction that uses them, so that they hold among processes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

from hermes_gateway.people import RANK
from hermes_host.errors import Denied, NotFound
from hermes_host.visible import one_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_gateway.database import Database
    from hermes_gateway.people import People
    from hermes_gateway.settings import Settings
    from hermes_host.protocols import Inbound, Role

__all__ = ["ALPHABET", "LINK_SECONDS", "Pairing", "Pending"]

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
LENGTH = 8

LINK_SECONDS = 600.0
_LINK_ATTEMPTS = 5
_LINK_ATTEMPTS_OF_ALL = 50
_HOUR = 3600.0
_REFUSALS = 10
"""How many people are told within one interval that too many ask."""


class Pending(NamedTuple):
    """Somebody who waits to be let in."""

    platform: str
    user: str
    name: str
    address: str
    made: float


class Pairing:
    """Open codes."""

    def __init__(
        self, database: Database, people: People, settings: Settings, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._people = people
        self._settings = settings.gateway.pairing
        self._clock = clock

    # --------------------------------------------------------------------------------------------- being let in

    def request(self, connection: sqlite3.Connection, update: Inbound) -> str:
        """What an unknown person is told, within the caller's transaction; empty for nothing."""
        platform, user, now = update.address.platform, update.sender.id, self._clock()
        subject = f"{platform}:{user}"
        self._forget_old(connection, now)
        if self._tries(connection, "code", subject, now - self._settings.interval):
            return ""
        others = connection.execute(
            "SELECT user, made FROM pairing WHERE platform = ? AND purpose = 'pair' AND user <> ? ORDER BY made",
            (platform, user),
        ).fetchall()
        if len(others) >= self._settings.pending:
            if others[0]["made"] > now - self._settings.interval:
                return self._refuse(connection, platform, subject, now)
            # Strangers must not lock the door for all others: after a while the oldest makes room.
            connection.execute(
                "DELETE FROM pairing WHERE platform = ? AND user = ? AND purpose = 'pair'",
                (platform, others[0]["user"]),
            )
        self._note(connection, "code", subject, now)
        code = self._keep(connection, platform, user, update.sender.name, str(update.address), "pair", now)
        return (
            f"I do not know you yet. Your code is `{code}`, good for {_minutes(self._settings.seconds)}.\n\n"
            f"Whoever runs me lets you in with `hermes pairing approve {platform} {code}` "
            f"(and `--owner`, if that is you)."
        )

    def _refuse(self, connection: sqlite3.Connection, platform: str, subject: str, now: float) -> str:
        self._note(connection, "code", subject, now)
        if self._tries(connection, "refused", platform, now - self._settings.interval) >= _REFUSALS:
            return ""
        self._note(connection, "refused", platform, now)
        return f"Too many people ask to be let in just now. Write again in {_minutes(self._settings.interval)}."

    def approve(self, platform: str, code: str, role: Role = "member") -> Pending:
        """Let in whoever was shown the code. Raises `NotFound` for a wrong one, `Denied` after too many of those."""
        now = self._clock()
        with self._database.transaction() as connection:
            self._forget_old(connection, now)
            if self._tries(connection, "wrong", platform, now - self._settings.lock_seconds) >= self._settings.attempts:
                raise Denied(
                    f"Too many wrong codes were given for {platform}.",
                    remedy=f"Approving is locked for {_minutes(self._settings.lock_seconds)} after the last of them.",
                )
            found = self._match(connection, "platform = ? AND purpose = 'pair'", (platform,), code)
            if found is None:
                self._note(connection, "wrong", platform, now)
            else:
                self._people.let_in(platform, found.user, role, found.name)
                connection.execute("DELETE FROM pairing WHERE platform = ? AND user = ?", (platform, found.user))
        if found is None:
            raise NotFound(
                f"No code {one_line(code, 20)!r} is open on {platform}.",
                remedy="Codes are good for a short time; `hermes pairing list` shows who waits.",
            )
        return found

    def pending(self) -> Sequence[Pending]:
        """Who waits, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT platform, user, name, address, made FROM pairing WHERE purpose = 'pair' AND made > ? "
                "ORDER BY made",
                (self._clock() - self._settings.seconds,),
            ).fetchall()
        return [Pending(**dict(row)) for row in rows]

    def clear(self, platform: str = "") -> int:
        """Forget who waits, on one platform or on all; gives how many."""
        with self._database.transaction() as connection:
            return connection.execute(
                "DELETE FROM pairing WHERE purpose = 'pair' AND (? = '' OR platform = ?)", (platform, platform)
            ).rowcount

    # ------------------------------------------------------------------------------------------------- linking

    def offer_link(self, update: Inbound) -> str:
        """A code that links whichever account enters it to the sender's."""
        now = self._clock()
        with self._database.transaction() as connection:
            self._forget_old(connection, now)
            return self._keep(
                connection,
                update.address.platform,
                update.sender.id,
                update.sender.name,
                str(update.address),
                "link",
                now,
            )

    def link(self, update: Inbound, code: str) -> str:
        """Link the sender's account to the one that was shown the code; gives what the sender is told."""
        now = self._clock()
        entered = (update.address.platform, update.sender.id)
        subject = ":".join(entered)
        with self._database.transaction() as connection:
            self._forget_old(connection, now)
            if (
                self._tries(connection, "link", subject, now - _HOUR) >= _LINK_ATTEMPTS
                or self._tries(connection, "link", "*", now - _HOUR) >= _LINK_ATTEMPTS_OF_ALL
            ):
                return "Too many wrong codes. Try again in an hour."
            found = self._match(connection, "purpose = 'link'", (), code)
            shown = (found.platform, found.user) if found is not None else entered
            if found is None or shown == entered:
                self._note(connection, "link", subject, now)
                self._note(connection, "link", "*", now)
                return "That code is not open. `/link` in the other chat shows a new one."
            showing = self._people.standing(*shown)
            if RANK[showing.role] < max(1, RANK[self._people.standing(*entered).role]):
                # Otherwise a guest could talk an owner into giving their rights away.
                return "Show the code in this chat with `/link`, and enter it in the other one."
            self._people.link(shown, entered, update.sender.name)
            connection.execute("DELETE FROM pairing WHERE platform = ? AND user = ? AND purpose = 'link'", shown)
        return f"This account and {found.platform} are one person from now on."

    # ------------------------------------------------------------------------------------------------ the rows

    def _keep(
        self,
        connection: sqlite3.Connection,
        platform: str,
        user: str,
        name: str,
        address: str,
        purpose: str,
        now: float,
    ) -> str:
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        salt = secrets.token_bytes(16)
        connection.execute(
            "INSERT OR REPLACE INTO pairing (platform, user, name, code, salt, address, made, purpose) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (platform, user, name, _hash(code, salt), salt, address, now, purpose),
        )
        return code

    def _match(self, connection: sqlite3.Connection, where: str, values: tuple[str, ...], code: str) -> Pending | None:
        wanted = code.strip().upper()
        found = None
        for row in connection.execute(
            f"SELECT platform, user, name, address, made, code, salt FROM pairing WHERE {where}", values
        ).fetchall():
            if hmac.compare_digest(_hash(wanted, row["salt"]), row["code"]):
                found = Pending(row["platform"], row["user"], row["name"], row["address"], row["made"])
        return found

    def _forget_old(self, connection: sqlite3.Connection, now: float) -> None:
        for purpose, seconds in (("pair", self._settings.seconds), ("link", LINK_SECONDS)):
            # A time in the future comes from a clock that was set back; such a code would live too long.
            connection.execute(
                "DELETE FROM pairing WHERE purpose = ? AND (made <= ? OR made > ?)", (purpose, now - seconds, now + 60)
            )

    def _tries(self, connection: sqlite3.Connection, what: str, subject: str, since: float) -> int:
        return int(
            connection.execute(
                "SELECT COUNT(*) FROM attempts WHERE what = ? AND subject = ? AND time > ?", (what, subject, since)
            ).fetchone()[0]
        )

    def _note(self, connection: sqlite3.Connection, what: str, subject: str, now: float) -> None:
        connection.execute("INSERT INTO attempts (what, subject, time) VALUES (?, ?, ?)", (what, subject, now))


def _hash(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.encode("utf-8", "replace"), salt=salt, n=4096, r=8, p=1)


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return "an hour" if minutes == 60 else f"{minutes} minutes" if minutes > 1 else "a minute"
