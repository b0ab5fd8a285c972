"""Processes that run jobs: each holds a lock that ends with it, so that what it left behind is known at once.

A lease by the clock alone would be taken from a process that was only put to sleep with its machine; a lock is not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_cron.database import folder
from hermes_host.context import private_directory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hermes_cron.database import Database

__all__ = ["Holder", "HolderInfo", "Holders"]

Kind = Literal["gateway", "run-due", "run"]

_KEPT = 20


class HolderInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A process that runs or ran jobs."""

    id: str
    kind: Kind
    pid: int
    began: float
    seen: float
    alive: bool
    trouble: str = ""


class Holder:
    """This process, as long as it runs jobs."""

    def __init__(self, holders: Holders, identity: str, descriptor: int) -> None:
        self.id = identity
        self._holders = holders
        self._descriptor = descriptor

    def seen(self, now: float, trouble: str = "") -> None:
        """Say that it is there, and what is wrong."""
        self._holders.write(self.id, now, trouble)

    def release(self, now: float) -> None:
        """Give the lock up. May be called twice."""
        if self._descriptor >= 0:
            with contextlib.suppress(Exception):  # the lock counts, not the note
                self._holders.end(self.id, now)
            self._holders.path(self.id).unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


class Holders:
    """All of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._folder = folder(database.home) / "holders"

    def path(self, identity: str) -> Path:
        """The file of a holder's lock."""
        return self._folder / identity

    def take(self, kind: Kind, now: float) -> Holder:
        """Become one."""
        identity = secrets.token_hex(8)
        private_directory(self._folder)
        descriptor = os.open(self.path(identity), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO holders (id, kind, pid, began, seen) VALUES (?, ?, ?, ?, ?)",
                (identity, kind, os.getpid(), now, now),
            )
            connection.execute(
                "DELETE FROM holders WHERE ended IS NOT NULL AND id NOT IN"
                " (SELECT id FROM holders ORDER BY began DESC LIMIT ?)",
                (_KEPT,),
            )
        return Holder(self, identity, descriptor)

    def alive(self, identity: str) -> bool:
        """Whether the process of that holder is still there."""
        try:
            descriptor = os.open(self.path(identity), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def list(self) -> Sequence[HolderInfo]:
        """The last ones, the latest first."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM holders ORDER BY began DESC LIMIT ?", (_KEPT,)).fetchall()
        return [
            HolderInfo(
                id=row["id"],
                kind=row["kind"],
                pid=row["pid"],
                began=row["began"],
                seen=row["seen"],
                alive=row["ended"] is None and self.alive(row["id"]),
                trouble=row["trouble"],
            )
            for row in rows
        ]

    def write(self, identity: str, now: float, trouble: str) -> None:
        """Note that a holder was there."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE holders SET seen = ?, trouble = ? WHERE id = ?", (now, trouble, identity))

    def end(self, identity: str, now: float) -> None:
        """Note that a holder is gone."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE holders SET ended = ?, seen = ? WHERE id = ?", (now, now, identity))

    def settle(self, now: float) -> None:
        """Note of holders whose lock is free that they are gone, and remove what is left of them."""
        with self._database.transaction() as connection:
            rows = connection.execute("SELECT id FROM holders WHERE ended IS NULL").fetchall()
            for row in rows:
                if not self.alive(row["id"]):
                    connection.execute("UPDATE holders SET ended = ? WHERE id = ?", (now, row["id"]))
                    with contextlib.suppress(OSError):
                        os.unlink(self.path(row["id"]))
