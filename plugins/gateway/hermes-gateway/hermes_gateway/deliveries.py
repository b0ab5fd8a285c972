"""Sending what is in the outbox: each chat's messages in order, chats side by side, failures by what is known."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_gateway.keeping import Keeping
from hermes_gateway.outbox import Rows, Waiting
from hermes_gateway.presenting import Showing
from hermes_gateway.quiet import end_of_quiet
from hermes_gateway.waking import Waker
from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConfigError,
    ConnectionLost,
    DeliveryRefused,
    DeliveryUncertain,
    Overloaded,
    RateLimited,
)
from hermes_host.protocols import Receipt

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_gateway.database import Database
    from hermes_gateway.parts import Adapters
    from hermes_gateway.settings import Settings
    from hermes_host.host import Host
    from hermes_host.messages import Media
    from hermes_host.protocols import Adapter, Address, Button

__all__ = ["Deliveries"]

log = logging.getLogger(__name__)

_SEND_SECONDS = 120.0
_ABSENT_SECONDS = 30.0
"""How long one attempt may take; when to look again for a platform that is not there."""

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 300.0
_KEPT_SECONDS = 7 * 86400.0

UNKNOWN = (
    "An earlier answer may not have arrived here: the connection broke while it was sent. `/resend` sends it again."
)


class Deliveries:
    """Everything that goes out. Messages are rows before they are sent; each chat's are sent in order."""

    def __init__(self, host: Host, database: Database, adapters: Adapters, settings: Settings) -> None:
        self.rows = Rows(database)
        self._database = database
        self._adapters = adapters
        self._settings = settings
        self._keeping = Keeping(host.home)
        self._waker = Waker(host.home)
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Condition()
        self._last: dict[str, float] = {}

    # ------------------------------------------------------------------------------------------------ taking in

    def enqueue(
        self,
        connection: sqlite3.Connection,
        to: Address,
        text: str,
        *,
        key: str,
        media: Sequence[Media] = (),
        buttons: Sequence[Sequence[Button]] = (),
        reply_to: str = "",
        instead_of: Receipt | None = None,
        source: str = "",
        turn: int | None = None,
        silent: bool = False,
        subject: str = "",
    ) -> Sequence[int]:
        """Put a message of any length into the outbox, within the caller's transaction.

        Gives the ids of the messages it becomes. A `key` that is there already takes nothing and gives those of the
        first time. `instead_of` is edited into the first of them.
        """
        return self.rows.add(
            connection,
            to,
            text,
            key=key,
            adapter=self._adapters.get(to.platform),
            media=[self._keeping.keep(item) for item in media],
            buttons=buttons,
            reply_to=reply_to,
            instead_of=instead_of,
            source=source,
            turn=turn,
            silent=silent,
            subject=subject,
            due=0.0 if turn is not None or source == "gateway" else self._quiet_until(),
        )

    def _quiet_until(self) -> float:
        try:
            return end_of_quiet(self._settings.gateway.quiet_hours, time.time())
        except ConfigError as error:
            log.warning("%s", error)
            return 0.0

    def wake(self) -> None:
        """Say that something was put in."""
        self._waker.wake()

    async def say(self, to: Address, text: str, *, key: str = "", **options: Any) -> Sequence[int]:
        """`enqueue` in a transaction of its own, and `wake`."""
        with self._database.transaction() as connection:
            ids = self.enqueue(connection, to, text, key=key or f"say:{time.time_ns()}:{to}", **options)
        self.wake()
        return ids

    def presenter(self, to: Address, *, reply_to: str = "", turn: int) -> Showing:
        """Shows a turn."""
        adapter, spec = self._adapters.get(to.platform), self._adapters.spec(to.platform)
        features = spec.features if spec is not None else frozenset()

        def sent(receipt: Receipt) -> None:
            with self._database.transaction(forced=False) as connection:
                connection.execute(
                    "UPDATE turns SET shown = ? WHERE id = ?", (msgspec.json.encode(receipt).decode(), turn)
                )

        return Showing(adapter, features, to, self._settings, reply_to=reply_to, sent=sent, receipt=self.shown(turn))

    def shown(self, turn: int) -> Receipt | None:
        """The message that showed a turn of a process that is gone: its answer takes the place of that."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT shown FROM turns WHERE id = ?", (turn,)).fetchone()
        return msgspec.json.decode(row["shown"], type=Receipt) if row is not None and row["shown"] else None

    async def settled(self, ids: Sequence[int], timeout: float) -> None:
        """Wait until none of these rows is on its way, or time is up."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                while any(item.state in ("pending", "sending") for item in self.rows.deliveries(ids)):
                    await self._changed.wait()
        except TimeoutError:
            return

    # --------------------------------------------------------------------------------------------------- sending

    async def run(self, started: Callable[[], None]) -> None:
        """Send what is due until cancelled; what is being sent then may end."""
        self._settle_interrupted()
        self.rows.forget(time.time() - _KEPT_SECONDS)
        async with self._waker:
            started()
            try:
                while True:
                    due, later = self.rows.addresses(time.time())
                    for address in due:
                        self._work_on(address)
                    await self._waker.wait(None if later is None else max(0.01, later - time.time()))
            finally:
                await self._let_end()

    def _settle_interrupted(self) -> None:
        """Decide about what was being sent when the last process died."""
        for row in self.rows.interrupted():
            if row.edits is not None or self._deduplicates(row.address.platform):
                self.rows.later(row.id, 0.0, "", counts=False)
            else:
                self._lose(row, "The gateway ended while it was sent.")

    def _work_on(self, address: str) -> None:
        worker = self._workers.get(address)
        if worker is None or worker.done():
            task = asyncio.create_task(self._send_all(address), name=f"gateway-send-{address}")
            task.add_done_callback(lambda _: self._done_with(address))
            self._workers[address] = task

    def _done_with(self, address: str) -> None:
        self._workers.pop(address, None)
        self._waker.wake()  # something may have been put in at the last moment

    async def _let_end(self) -> None:
        workers = list(self._workers.values())
        if workers:
            _, late = await asyncio.wait(workers, timeout=5.0)
            for worker in late:
                worker.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)

    async def _send_all(self, address: str) -> None:
        """Send a chat's messages, one after another, until none is due."""
        while True:
            row, due = self.rows.next(address)
            if row is None or due > time.time():
                return
            adapter = self._adapters.get(row.address.platform)
            if adapter is None:
                self.rows.later(row.id, _ABSENT_SECONDS, f"There is no {row.address.platform} here now.", counts=False)
                return
            if self.rows.divide_again(row, adapter):
                continue
            await self._keep_distance(address, adapter.limits.send_interval)
            if self.rows.begin(row.id):
                await self._attempt(row, adapter)
            async with self._changed:
                self._changed.notify_all()

    async def _keep_distance(self, address: str, seconds: float) -> None:
        if seconds:
            wait = self._last.get(address, 0.0) + seconds - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self._last[address] = time.monotonic()

    async def _attempt(self, row: Waiting, adapter: Adapter) -> None:
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                if row.edits is None:
                    receipt = await adapter.send(row.address, row.message)
                else:
                    receipt = row.edits
                    await adapter.edit(receipt, row.message)
        except asyncio.CancelledError:
            self._uncertain(row, "The gateway ended while it was sent.")
            raise
        except (DeliveryUncertain, TimeoutError) as error:
            self._uncertain(row, str(error) or f"The platform did not answer within {_SEND_SECONDS:.0f} s.")
        except (DeliveryRefused, BadRequest) as error:
            if row.edits is not None:
                self.rows.anew(row.id)  # the message it was to change is gone
            else:
                self._fail(row, str(error))
        except RateLimited as error:
            self._again(row, str(error), error.retry_after)
        except (ConnectionLost, Overloaded, AuthFailed) as error:
            if isinstance(error, ConnectionLost) and error.partial:
                self._uncertain(row, str(error))
            else:
                self._again(row, str(error), getattr(error, "retry_after", None))
        except Exception as error:
            log.exception("the adapter %r failed to send", row.address.platform)
            self._again(row, f"{type(error).__name__}: {error}", None)
        else:
            self.rows.sent(row.id, receipt)
            self._keeping.forget(row.message.media)

    def _again(self, row: Waiting, error: str, seconds: float | None, *, perhaps: bool = False) -> None:
        """Try again later, or give it up; `perhaps` it has arrived."""
        gateway = self._settings.gateway
        tried = row.attempts + 1
        if time.time() - row.created > gateway.send_hours * 3600 or tried >= max(gateway.send_attempts, 1):
            (self._lose if perhaps else self._fail)(row, error)
            return
        pause = seconds if seconds is not None else min(_FIRST_PAUSE * 2 ** (tried - 1), _LONGEST_PAUSE)
        # Being told to wait is no failure of the message: only the time it has counts then.
        self.rows.later(row.id, pause * random.uniform(1.0, 1.1), error, counts=seconds is None)

    def _uncertain(self, row: Waiting, error: str) -> None:
        if row.edits is not None or self._deduplicates(row.address.platform):
            self._again(row, error, None, perhaps=row.edits is None)
        else:
            self._lose(row, error)

    def _lose(self, row: Waiting, error: str) -> None:
        """Nobody knows whether it arrived: that is said in the chat, where one can ask for it again."""
        self.rows.lose(row.id, error)
        log.warning("message %d to %s may have arrived: %s", row.id, row.address.platform, error)
        if not row.key.startswith("unknown:"):
            with self._database.transaction() as connection:
                self.rows.add(connection, row.address, UNKNOWN, key=f"unknown:{row.id}", adapter=None)

    def _fail(self, row: Waiting, error: str) -> None:
        self.rows.fail(row, error)
        log.warning("message %d to %s cannot be delivered: %s", row.id, row.address.platform, error)

    def _deduplicates(self, platform: str) -> bool:
        spec = self._adapters.spec(platform)
        return spec is not None and "deduplicate" in spec.features
