"""Bringing answers to people through the `Outbox`: each once, with what became of it written to the run."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import DeliveryRefused, NotFound
from hermes_host.protocols import Address
from hermes_host.services import Outbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_cron.clock import Clock
    from hermes_cron.records import Delivered, Run
    from hermes_cron.runs_table import RunsTable
    from hermes_host.context import PluginContext
    from hermes_host.services import Delivery

__all__ = ["Deliverer"]

log = logging.getLogger(__name__)

_ATTEMPTS = 8
_PAUSE = 15.0
"""Seconds after which handing a message to the outbox is tried again, doubled each time."""


class Deliverer:
    """Hands messages to the outbox and follows them. The outbox itself tries again what a platform refuses for now."""

    def __init__(self, context: PluginContext, runs: RunsTable, clock: Clock) -> None:
        self._context = context
        self._runs = runs
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def deliver(self, *, patience: float = 0.0) -> bool:
        """Send what is to be sent and see how the rest fares, `patience` seconds for each; whether all is settled."""
        async with self._one_at_a_time:
            runs = self._runs.undelivered()
            for run in runs:
                items = [await self._advance(run, item, patience) for item in run.delivery]
                if tuple(items) != run.delivery:
                    self._runs.delivered(run.id, items)
            return not any(self._runs.undelivered()) if runs else True

    async def _advance(self, run: Run, item: Delivered, patience: float) -> Delivered:
        if item.state == "pending" and item.due <= self._clock.now():
            item = await self._send(run, item)
        if item.state == "sending":
            item = await self._follow(item, patience)
        return item

    async def _send(self, run: Run, item: Delivered) -> Delivered:
        outbox = await self._context.services.find(Outbox)
        if outbox is None:
            return _failed(item, "Nothing here delivers messages. `pip install hermes-gateway` and a platform.")
        # The same key at every attempt: a process that dies between sending and writing it down sends nothing twice.
        key = f"cron:{run.job}:{run.due!r}:{run.id}:{item.target}"
        try:
            to = Address.parse(item.address) if item.address else await outbox.resolve(item.target)
            ids = await outbox.send(to, run.message, key=key, source=f"cron {run.name}")
        except (NotFound, DeliveryRefused) as error:
            return _failed(item, str(error))
        except Exception as error:  # noqa: BLE001
            # The outbox is another plugin's: whatever it fails of is tried again, and delays no other answer.
            attempts = item.attempts + 1
            if attempts >= _ATTEMPTS:
                return _failed(item, str(error) or type(error).__name__)
            due = self._clock.now() + _PAUSE * 2 ** (attempts - 1)
            return msgspec.structs.replace(item, attempts=attempts, due=due, error=str(error))
        return msgspec.structs.replace(item, state="sending", address=str(to), ids=tuple(ids), error="")

    async def _follow(self, item: Delivered, patience: float) -> Delivered:
        outbox = await self._context.services.find(Outbox)
        if outbox is None:
            return item
        try:
            found = await outbox.wait(item.ids, timeout=patience)
        except Exception as error:  # noqa: BLE001 - as above
            return msgspec.structs.replace(item, error=str(error) or type(error).__name__)
        return _summed(item, found)


def _summed(item: Delivered, found: Sequence[Delivery]) -> Delivered:
    """One state for all the messages an answer became."""
    states = {each.state for each in found}
    error = next((each.error for each in found if each.error), "")
    if states & {"pending", "sending"}:
        return msgspec.structs.replace(item, error=error)
    if states & {"failed", "dropped"}:
        return _failed(item, error or "It was given up.")
    if "unknown" in states:
        return msgspec.structs.replace(item, state="unknown", error=error)
    return msgspec.structs.replace(item, state="sent", error="")


def _failed(item: Delivered, error: str) -> Delivered:
    log.warning("an answer for %s could not be delivered: %s", item.target, error)
    return msgspec.structs.replace(item, state="failed", error=error)
