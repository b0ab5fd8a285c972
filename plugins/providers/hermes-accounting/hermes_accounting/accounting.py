"""The middleware that sees every real model call, and the service `Accounts`: one object does both."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from hermes_accounting import history
from hermes_accounting.budgets import limits_of
from hermes_accounting.ledger import Call, Ledger, LedgerError
from hermes_accounting.prices import PriceList, price_list
from hermes_accounting.reports import spending_of_session, spending_since
from hermes_accounting.running import RunningTotals
from hermes_accounting.settings import Budget
from hermes_host.errors import BudgetExceeded
from hermes_host.services import Accounts, Catalog, Conversations, ModelCall, Spending
from hermes_host.stream import MessageEnded, PartDelta, ProviderEvent, ProviderNotice, Usage, UsageReported

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from hermes_host.context import PluginContext, Services
    from hermes_host.protocols import ModelRequest
    from hermes_host.specs import MiddlewareSpec, ServiceSpec

__all__ = ["Accounting", "connect", "middleware"]

UNCHARGED = frozenset({"AuthFailed", "RateLimited", "Overloaded", "ContextTooLong", "BadRequest"})
"""Refusals before anything was generated: no vendor charges for them."""


def connect(context: PluginContext, spec: ServiceSpec) -> Accounting:
    """Make the service `Accounts`."""
    ledger = Ledger(context.state_directory / "ledger.db")
    return Accounting(ledger, context.section(Budget, "budget"), context.services)


async def middleware(context: PluginContext, spec: MiddlewareSpec) -> Accounting:
    """Make the middleware: the service itself, unless another plugin's is used."""
    accounts: Any = await context.services.find(Accounts)
    if isinstance(accounts, Accounting):
        return accounts
    return Accounting(
        Ledger(context.state_directory / "ledger.db"), context.section(Budget, "budget"), context.services
    )


class Accounting:
    """Implements `ModelMiddleware` and `hermes_host.services.Accounts`."""

    def __init__(
        self,
        ledger: Ledger,
        budget: Budget,
        services: Services,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives seconds since the epoch; it decides which day it is."""
        self.ledger = ledger
        self.budget = budget
        self._services = services
        self._clock = clock
        self._limits = limits_of(budget)
        self._totals = RunningTotals()
        self._catalog: Catalog | None = None
        self._looked_for_catalog = False
        self._conversations: Conversations | None = None
        self._warned: set[tuple[str, str]] = set()
        self._told_fault = ""

    # ------------------------------------------------------------------------------------------------- the service

    def of_session(self, session_id: str) -> Spending:
        """All calls of a session; see `Accounts.of_session`. Raises `LedgerError`."""
        return self.ledger.ask(lambda ledger: spending_of_session(ledger, session_id)).result()

    def calls(self, since: float, until: float) -> Iterator[ModelCall]:
        """The calls that began in a period; see `Accounts.calls`. Read from the ledger page by page."""
        return history.calls(self.ledger, since, until)

    def of_today(self) -> Spending:
        """All calls of all sessions since midnight of this machine's time. Raises `LedgerError`."""
        since = self._midnight()
        return self.ledger.ask(lambda ledger: spending_since(ledger, since)).result()

    def days_ago(self, days: int) -> float:
        """The beginning of a period of so many days that ends with today, in seconds since the epoch."""
        today = datetime.fromtimestamp(self._clock()).replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            return (today - timedelta(days=days - 1)).timestamp()
        except (OverflowError, ValueError):
            return 0.0

    def _midnight(self) -> float:
        return self.days_ago(1)

    async def aclose(self) -> None:
        """Write what is still to be written. May be called twice."""
        await asyncio.to_thread(self.ledger.close)

    # ---------------------------------------------------------------------------------------------- the middleware

    async def __call__(
        self, request: ModelRequest, call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
    ) -> AsyncIterator[ProviderEvent]:
        """Answer `request` and write it down, whatever becomes of it. Raises `BudgetExceeded` before anything is sent.

        When the answer has been read to its end its row is committed; the row of one that broke off is committed
        before the next call begins.
        """
        account = await self._account(request.session_id)
        for notice in await self._admit(account):
            yield notice
        began, clock = self._clock(), time.perf_counter()
        first: float | None = None
        usage: Usage | None = None
        outcome = "cancelled"
        events: Any = call_next(request)
        try:
            try:
                async for event in events:
                    if first is None:
                        first = time.perf_counter() - clock
                    if type(event) is not PartDelta:
                        if type(event) is MessageEnded:
                            usage, outcome = event.usage, "ok"
                        elif type(event) is UsageReported:
                            usage = event.usage
                    yield event
                if outcome != "ok":
                    outcome = "InvalidResponse"
            except Exception as error:
                outcome = type(error).__name__
                raise
            finally:
                seconds = time.perf_counter() - clock
                self.ledger.add(self._call(request, account, began, outcome, usage, first, seconds))
        finally:
            await events.aclose()
        await self._settled()

    async def _account(self, session_id: str) -> str:
        """The session in front of all that this one works for."""
        if self._conversations is None:
            self._conversations = await self._services.find(Conversations)
        live = self._conversations.session(session_id) if self._conversations is not None else None
        while live is not None and live.leader is not None:
            live = live.leader
        return live.id if live is not None else session_id

    def _call(
        self,
        request: ModelRequest,
        account: str,
        began: float,
        outcome: str,
        usage: Usage | None,
        first: float | None,
        seconds: float,
    ) -> Call:
        used = usage or Usage()
        prices = self._prices(request, used)
        cost = prices.cost(used) if usage is not None else 0.0 if first is None and outcome in UNCHARGED else None
        return Call(
            time=began,
            session_id=request.session_id,
            purpose=request.purpose,
            provider=request.provider,
            model=request.model,
            credential=request.credential,
            outcome=outcome,
            counted=usage is not None,
            input=used.input,
            output=used.output,
            cached=used.cached,
            cache_write=used.cache_write,
            reasoning=used.reasoning,
            input_price=prices.input,
            output_price=prices.output,
            cached_price=prices.cached,
            cache_write_price=prices.cache_write,
            price_source=prices.source,
            cost=cost,
            first_event=first,
            seconds=seconds,
            account=account,
        )

    def _prices(self, request: ModelRequest, usage: Usage) -> PriceList:
        if self._catalog is None:
            return PriceList()
        return price_list(self._catalog.facts(request.provider, request.model), usage.input)

    # -------------------------------------------------------------------------------------------------- admission

    async def _admit(self, account: str) -> Sequence[ProviderNotice]:
        """What the user should know before this call. Raises `BudgetExceeded`, or `LedgerError` when a budget is set
        and what was used cannot be told."""
        if self.ledger.fault:
            self.ledger.retry()
        await self._settled()
        if not self._looked_for_catalog:
            self._catalog = await self._services.find(Catalog)
            self._looked_for_catalog = True
        notices = self._fault_notice()
        if self._limits:
            notices += await self._check(account)
        return notices

    async def _settled(self) -> None:
        pending = self.ledger.pending
        if pending is not None:
            # Shielded: a cancelled wait must not take the row out of the queue.
            await asyncio.shield(asyncio.wrap_future(pending))

    def _fault_notice(self) -> list[ProviderNotice]:
        fault = self.ledger.fault
        if not fault:
            self._told_fault = ""
            return []
        if self._limits:
            raise LedgerError(
                f"A budget is set, but the ledger {self.ledger.path} cannot be written: {fault}.",
                remedy="Repair it, or set the limits of `budget` to 0.",
            )
        if fault == self._told_fault:
            return []
        self._told_fault = fault
        return [ProviderNotice(f"Model calls cannot be written into the ledger {self.ledger.path}: {fault}.", "ledger")]

    async def _check(self, session_id: str) -> list[ProviderNotice]:
        midnight = self._midnight()
        keys = {"session": session_id, "day": str(midnight)}
        wanted = {limit.of for limit in self._limits if keys[limit.of]}

        def look(ledger: sqlite3.Connection) -> dict[str, Spending]:
            found = {}
            if "session" in wanted:
                found["session"] = self._totals.of_account(ledger, session_id)
            if "day" in wanted:
                found["day"] = self._totals.since(ledger, midnight)
            return found

        used = await asyncio.wrap_future(self.ledger.ask(look))
        notices = []
        for limit in self._limits:
            spending = used.get(limit.of)
            if spending is None:
                continue
            if limit.reached(spending):
                raise BudgetExceeded(limit.refusal(spending), remedy=limit.remedy)
            key = (limit.setting, keys[limit.of])
            if limit.nearly_reached(spending) and key not in self._warned:
                self._warned.add(key)
                notices.append(ProviderNotice(limit.warning(spending), "budget"))
        return notices
