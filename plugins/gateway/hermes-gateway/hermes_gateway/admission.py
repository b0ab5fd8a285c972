"""The door: what comes in is judged cheaply, written down once, and only then worked on.

Many updates share one commit: while one is written to the disk the next ones gather. What is not for the agent (unknown
people, talk in groups that is not addressed to it, edits, other bots, forwarded commands) leaves no row and costs no
work beyond a look-up.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

import msgspec

from hermes_gateway.keys import conversation_key
from hermes_host.protocols import Inbound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_gateway.database import Database
    from hermes_gateway.people import People, Standing
    from hermes_gateway.settings import Settings
    from hermes_host.protocols import Place
    from hermes_host.specs import AdapterSpec

__all__ = ["Admission", "Admitted", "ChatInbox"]

log = logging.getLogger(__name__)

_encoder = msgspec.json.Encoder()
T = TypeVar("T")

Judgement = Literal["take", "stranger", "drop"]


class Admitted(NamedTuple):
    """An update that is on disk and waits."""

    id: int
    conversation: str
    update: Inbound


class _Delivery(NamedTuple):
    account: str
    updates: Sequence[Inbound]
    written: asyncio.Future[None]


class Admission:
    """Judges updates and writes them down."""

    def __init__(
        self,
        database: Database,
        people: People,
        settings: Settings,
        *,
        spec: Callable[[str], AdapterSpec | None],
        admitted: Callable[[Admitted], None],
        stranger: Callable[[Inbound], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`admitted` is told of every new update once it is on disk, in order; `stranger` of direct messages by people
        who are nobody here."""
        self._database = database
        self._people = people
        self._settings = settings
        self._spec = spec
        self._admitted = admitted
        self._stranger = stranger
        self._clock = clock
        self._waiting: deque[_Delivery] = deque()
        self._writer: asyncio.Task[None] | None = None
        self.count = 0

    async def put(self, account: str, updates: Sequence[Inbound]) -> None:
        """Returns when they are on disk. Raises `SessionError` when the disk refuses."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Delivery(account, updates, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="gateway-admission")
        await written

    async def settle(self) -> None:
        """Wait until nothing is being written."""
        if self._writer is not None:
            await asyncio.wait({self._writer})

    async def _write(self) -> None:
        while self._waiting:
            batch = list(self._waiting)
            self._waiting.clear()
            try:
                taken, strangers = await asyncio.to_thread(self._commit, batch)
            except Exception as error:  # noqa: BLE001 - told to every one who waits, whatever it was
                for delivery in batch:
                    if not delivery.written.done():
                        delivery.written.set_exception(error)
                continue
            # On disk: from here on nothing may keep it from being worked on, not even a caller that went away.
            for delivery in batch:
                if not delivery.written.done():
                    delivery.written.set_result(None)
            self.count += len(taken)
            for item in taken:
                self._tell(self._admitted, item)
            for update in strangers:
                self._tell(self._stranger, update)

    @staticmethod
    def _tell(listener: Callable[[T], None], value: T) -> None:
        try:
            listener(value)
        except Exception:  # one update that cannot be worked on must not stop the door
            log.exception("an update could not be passed on")

    def _commit(self, batch: Sequence[_Delivery]) -> tuple[list[Admitted], list[Inbound]]:
        taken: list[Admitted] = []
        strangers: list[Inbound] = []
        known: dict[tuple[str, str], Standing] = {}
        now = self._clock()
        with self._database.transaction() as connection:
            for account, updates, _ in batch:
                for raw in updates:
                    update, body = _clean(raw)
                    sender = (update.address.platform, update.sender.id if update.sender.verified else "")
                    if sender not in known:
                        known[sender] = self._people.of(update)
                    judgement = self._judge(update, known[sender])
                    if judgement == "take":
                        key = conversation_key(update, known[sender], self._settings)
                        row = self._insert(connection, account, update, key, body, now)
                        if row is not None:
                            taken.append(Admitted(row, key, update))
                    elif judgement == "stranger":
                        strangers.append(update)
        return taken, strangers

    def _insert(
        self, connection: sqlite3.Connection, account: str, update: Inbound, key: str, body: bytes, now: float
    ) -> int | None:
        done = connection.execute(
            "INSERT OR IGNORE INTO updates (platform, account, update_id, conversation, body, admitted, state) "
            "VALUES (?, ?, ?, ?, ?, ?, 'waiting')",
            (update.address.platform, update.address.account or account, update.update, key, body, now),
        )
        return done.lastrowid if done.rowcount == 1 else None

    def _judge(self, update: Inbound, standing: Standing) -> Judgement:
        spec = self._spec(update.address.platform)
        if spec is not None and "external" in spec.features:
            return "take"  # the adapter has made sure itself of where it comes from
        if update.edited:
            return "drop"
        if update.sender.bot and not self._settings.access(update.address.platform).bots:
            return "drop"
        if update.forwarded and update.text.lstrip().startswith("/"):
            return "drop"
        if not standing.role:
            known = update.sender.id and update.sender.verified
            return "stranger" if known and update.kind == "direct" and not update.action else "drop"
        if update.kind != "direct" and not update.addressed and not update.action:
            return "drop"
        return "take"


class ChatInbox:
    """The inbox of one adapter."""

    def __init__(self, platform: str, admission: Admission, database: Database) -> None:
        self._platform = platform
        self._admission = admission
        self._database = database
        self._account = self.recall("gateway.account")

    async def put(self, *updates: Inbound) -> None:
        """Take updates."""
        if updates:
            await self._admission.put(self._account, updates)

    def connected(self, account: str = "", *, name: str = "") -> None:
        """The platform is reached as `account`: ids of updates count for it alone."""
        if account and account != self._account:
            self._account = account
            self.remember("gateway.account", account)

    def trouble(self, text: str) -> None:
        """Something is wrong that the adapter deals with itself."""
        log.info("%s: %s", self._platform, text)

    def places(self, places: Sequence[Place]) -> None:
        """Keep what chats there are."""
        now = time.time()
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT INTO places (address, platform, name, kind, seen) VALUES (?, ?, ?, ?, ?) ON CONFLICT (address) "
                "DO UPDATE SET name = excluded.name, kind = excluded.kind, seen = excluded.seen",
                [(str(place.address), self._platform, place.name, place.kind, now) for place in places],
            )

    def remember(self, name: str, value: str) -> None:
        """Keep a word."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO words (platform, name, value) VALUES (?, ?, ?)", (self._platform, name, value)
            )

    def recall(self, name: str) -> str:
        """A word that was kept."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT value FROM words WHERE platform = ? AND name = ?", (self._platform, name)
            ).fetchone()
        return "" if row is None else str(row["value"])


def _clean(update: Inbound) -> tuple[Inbound, bytes]:
    """The update and its JSON; half characters, which no file can hold, are replaced."""
    try:
        return update, _encoder.encode(update)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(update), ensure_ascii=False).encode("utf-8", "replace")
        return msgspec.json.decode(text, type=Inbound), text
