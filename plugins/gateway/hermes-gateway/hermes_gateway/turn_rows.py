"""The rows behind turns: who works on what, until when, and how it ended.

A turn is claimed in one transaction with the messages it answers, and ended in one transaction with the answer that is
put into the outbox. Every write names the fence it was claimed with: once somebody else has taken the turn over, it
changes nothing.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_gateway.admission import Admitted
from hermes_host.protocols import Inbound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_gateway.database import Database

__all__ = ["Claim", "TurnRows"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right to work on a turn."""

    id: int
    conversation: str
    fence: int
    session: str = ""
    resumes: int = 0


class TurnRows:
    """Turns and the updates they answer, as `holder` works on them."""

    def __init__(self, database: Database, holder: str, lease: float, clock: Callable[[], float]) -> None:
        self._database = database
        self._holder = holder
        self._lease = lease
        self._clock = clock

    def begin(self) -> None:
        """Be a new holder: what was held before counts as left behind."""
        self._holder = f"{self._holder.partition('#')[0]}#{secrets.token_hex(4)}"

    def claim(self, conversation: str, updates: Sequence[int]) -> Claim | None:
        """A new turn for these updates; None when one of them is not waiting any more."""
        now = self._clock()
        with self._database.transaction(forced=False) as connection:
            if not _all_in(connection, updates, "waiting"):
                return None
            fence = 1 + int(
                connection.execute(
                    "SELECT COALESCE(MAX(fence), 0) FROM turns WHERE conversation = ?", (conversation,)
                ).fetchone()[0]
            )
            turn = connection.execute(
                "INSERT INTO turns (conversation, session, state, fence, holder, lease, began) "
                "VALUES (?, '', 'running', ?, ?, ?, ?)",
                (conversation, fence, self._holder, now + self._lease, now),
            ).lastrowid
            assert turn is not None
            connection.executemany(
                "UPDATE updates SET state = 'claimed', turn = ? WHERE id = ?", [(turn, update) for update in updates]
            )
        return Claim(id=turn, conversation=conversation, fence=fence)

    def began(self, claim: Claim, session: str, person: str) -> bool:
        """Note the session a turn runs in, and whose it is; false when the turn is not ours any more."""
        # Not forced to the disk, as the session's own log is not: what a power cut takes, it takes of both.
        with self._database.transaction(forced=False) as connection:
            ours = connection.execute(
                "UPDATE turns SET session = ? WHERE id = ? AND fence = ? AND state = 'running'",
                (session, claim.id, claim.fence),
            ).rowcount
            if ours:
                connection.execute("UPDATE conversations SET session = ? WHERE key = ?", (session, claim.conversation))
                connection.execute(
                    "INSERT OR IGNORE INTO owned_sessions (session, conversation, person, began) VALUES (?, ?, ?, ?)",
                    (session, claim.conversation, person, self._clock()),
                )
        return bool(ours)

    def join(self, claim: Claim, update: int) -> bool:
        """Have a waiting update answered by a turn that runs already."""
        with self._database.transaction() as connection:
            return bool(
                connection.execute(
                    "UPDATE updates SET state = 'claimed', turn = ? WHERE id = ? AND state = 'waiting' "
                    "AND EXISTS (SELECT 1 FROM turns WHERE id = ? AND fence = ? AND state = 'running')",
                    (claim.id, update, claim.id, claim.fence),
                ).rowcount
            )

    def end(
        self,
        claim: Claim,
        *,
        state: Literal["finished", "failed"] = "finished",
        returned: Sequence[int] = (),
        also: Callable[[sqlite3.Connection], None] = lambda connection: None,
    ) -> bool:
        """End a turn: its updates are done (those `returned` wait again), and `also` is part of the transaction.

        False, and nothing happens, when the turn is not ours any more.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            ours = connection.execute(
                "UPDATE turns SET state = ?, ended = ? WHERE id = ? AND fence = ? AND state = 'running'",
                (state, now, claim.id, claim.fence),
            ).rowcount
            if not ours:
                return False
            connection.executemany(
                "UPDATE updates SET state = 'waiting', turn = NULL WHERE id = ? AND turn = ?",
                [(update, claim.id) for update in returned],
            )
            connection.execute("UPDATE updates SET state = 'done' WHERE turn = ? AND state = 'claimed'", (claim.id,))
            connection.execute("UPDATE conversations SET used = ? WHERE key = ?", (now, claim.conversation))
            also(connection)
        return True

    def release(self, claim: Claim) -> bool:
        """Give a turn up before anything came of it: its updates wait again."""
        return self.end(claim, state="failed", returned=[item.id for item in self.updates(claim.id)])

    def quarantine(self, claim: Claim, also: Callable[[sqlite3.Connection], None]) -> bool:
        """Lay a turn aside that cannot be brought to an end; its updates stay with it."""
        with self._database.transaction() as connection:
            ours = connection.execute(
                "UPDATE turns SET state = 'quarantined', ended = ? WHERE id = ? AND fence = ? AND state = 'running'",
                (self._clock(), claim.id, claim.fence),
            ).rowcount
            if ours:
                also(connection)
        return bool(ours)

    def renew(self, claims: Sequence[Claim]) -> Sequence[int]:
        """Hold these turns longer; gives the ids of those that are not ours any more."""
        until = self._clock() + self._lease
        lost = []
        with self._database.transaction() as connection:
            for claim in claims:
                ours = connection.execute(
                    "UPDATE turns SET lease = ? WHERE id = ? AND fence = ? AND state = 'running'",
                    (until, claim.id, claim.fence),
                ).rowcount
                if not ours:
                    lost.append(claim.id)
        return lost

    # ------------------------------------------------------------------------------------------------- recovery

    def left_behind(self) -> Sequence[Claim]:
        """The running turns of other holders, oldest first, taken over: what those still write counts no more.

        The right to be the only gateway of a state directory is the process's lock; whoever has it knows that every
        other holder is dead.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT id FROM turns WHERE state = 'running' AND holder <> ? ORDER BY id", (self._holder,)
            ).fetchall()
            for row in rows:
                connection.execute(
                    "UPDATE turns SET fence = fence + 1, holder = ?, lease = ? WHERE id = ?",
                    (self._holder, now + self._lease, row["id"]),
                )
            return [_claim(connection, row["id"]) for row in rows]

    def count_resume(self, claim: Claim) -> Claim:
        """Note that a turn is taken up once more, before anything is done for it."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE turns SET resumes = resumes + 1 WHERE id = ? AND fence = ?", (claim.id, claim.fence)
            )
            return _claim(connection, claim.id)

    def take_again(self, conversation: str) -> Claim | None:
        """The turn of a conversation that was laid aside last, to be tried once more."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT id FROM turns WHERE conversation = ? AND state = 'quarantined' ORDER BY id DESC LIMIT 1",
                (conversation,),
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE turns SET state = 'running', fence = fence + 1, holder = ?, lease = ?, resumes = 0, "
                "ended = NULL WHERE id = ?",
                (self._holder, self._clock() + self._lease, row["id"]),
            )
            return _claim(connection, row["id"])

    def quarantined(self) -> Sequence[Claim]:
        """The turns that were laid aside, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT id FROM turns WHERE state = 'quarantined' ORDER BY id").fetchall()
            return [_claim(connection, row["id"]) for row in rows]

    # -------------------------------------------------------------------------------------------------- updates

    def updates(self, turn: int) -> Sequence[Admitted]:
        """What a turn answers, in order."""
        with self._database.reading() as connection:
            return _updates(connection, "turn = ?", (turn,))

    def waiting(self, conversation: str = "") -> Sequence[Admitted]:
        """What waits, in order; of one conversation or of all."""
        with self._database.reading() as connection:
            return _updates(connection, "state = 'waiting' AND (? = '' OR conversation = ?)", (conversation,) * 2)

    def settle(self, updates: Sequence[int], state: Literal["done", "refused"] = "done") -> None:
        """Say that waiting updates need no turn."""
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE updates SET state = ? WHERE id = ? AND state = 'waiting'",
                [(state, update) for update in updates],
            )

    def count_waiting(self) -> int:
        """How many updates wait or are worked on."""
        with self._database.reading() as connection:
            found = connection.execute("SELECT COUNT(*) FROM updates WHERE state IN ('waiting', 'claimed')")
            return int(found.fetchone()[0])

    def forget(self, before: float) -> None:
        """Forget what was done before a moment."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM updates WHERE state IN ('done', 'refused') AND admitted < ?", (before,))
            connection.execute(
                "DELETE FROM turns WHERE state IN ('finished', 'failed') AND ended < ? "
                "AND NOT EXISTS (SELECT 1 FROM updates WHERE updates.turn = turns.id)",
                (before,),
            )
            connection.execute("DELETE FROM attempts WHERE time < ?", (min(before, self._clock() - 86_400),))


def _all_in(connection: sqlite3.Connection, updates: Sequence[int], state: str) -> bool:
    return all(
        connection.execute("SELECT state FROM updates WHERE id = ?", (update,)).fetchone()["state"] == state
        for update in updates
    )


def _claim(connection: sqlite3.Connection, turn: int) -> Claim:
    row = connection.execute(
        "SELECT id, conversation, fence, session, resumes FROM turns WHERE id = ?", (turn,)
    ).fetchone()
    return Claim(**dict(row))


def _updates(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> Sequence[Admitted]:
    rows = connection.execute(
        f"SELECT id, conversation, body FROM updates WHERE {where} ORDER BY id", values
    ).fetchall()
    return [Admitted(row["id"], row["conversation"], msgspec.json.decode(row["body"], type=Inbound)) for row in rows]
