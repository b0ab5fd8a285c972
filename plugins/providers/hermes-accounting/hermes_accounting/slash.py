"""`/usage`. What it gives back is Markdown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hermes_accounting.accounting import Accounting
from hermes_accounting.reports import Group, last_prompt, total_of_session
from hermes_accounting.words import cost_status, cost_text, duration, money, tokens
from hermes_host.errors import Unsupported
from hermes_host.services import Accounts, Catalog

if TYPE_CHECKING:
    import sqlite3

    from hermes_host.frontends import SlashCall
    from hermes_host.host import Host

__all__ = ["accounting_of", "usage"]


async def accounting_of(host: Host) -> Accounting:
    """The service of this plugin. Raises `Unsupported` when another plugin's is used."""
    found: Any = await host.services.get(Accounts)
    if not isinstance(found, Accounting):
        raise Unsupported("Another plugin offers the service Accounts, so hermes-accounting is not in use.")
    return found


async def usage(call: SlashCall) -> str:
    """`/usage`."""
    accounting = await accounting_of(call.host)
    session_id = call.session.id

    def look(ledger: sqlite3.Connection) -> tuple[Group, tuple[str, str, int]]:
        return total_of_session(ledger, session_id), last_prompt(ledger, session_id)

    total, last = await asyncio.wrap_future(accounting.ledger.ask(look))
    if not total.spending.calls:
        return "No model was called yet."
    lines = [*_lines(total), *await _context(call.host, *last), *_budgets(accounting, total)]
    return "\n".join(f"- **{label}:** {value}" for label, value in [("Model", f"`{call.session.model}`"), *lines])


def _lines(total: Group) -> list[tuple[str, str]]:
    spending, used = total.spending, total.spending.usage
    details = [
        f"{tokens(number)} {words}"
        for number, words in (
            (used.cached, "of the input from the cache"),
            (used.cache_write, "written to the cache"),
            (used.reasoning, "of the output for thinking"),
        )
        if number
    ]
    failed = f", {total.failed} failed" if total.failed else ""
    cost = cost_text(spending)
    status = cost_status(spending)
    return [
        (
            "Tokens",
            f"{tokens(used.input)} in, {tokens(used.output)} out" + (f" ({', '.join(details)})" if details else ""),
        ),
        ("Calls", f"{spending.calls}{failed}"),
        ("Cost", cost if status == "unknown" else f"{cost} ({status})"),
        ("Duration", f"{duration(total.last - total.first)}, models answered for {duration(total.seconds)}"),
    ]


async def _context(host: Host, provider: str, model: str, used: int) -> list[tuple[str, str]]:
    catalog = await host.services.find(Catalog)
    if catalog is None or not used:
        return []
    facts = catalog.facts(provider, model)
    if not facts.context:
        return []
    about = "about " if facts.source == "assumed" else ""
    return [("Context", f"{about}{100 * used / facts.context:.0f} % of {tokens(facts.context)} tokens")]


def _budgets(accounting: Accounting, total: Group) -> list[tuple[str, str]]:
    budget = accounting.budget
    said = []
    if budget.session:
        said.append(f"{money(total.spending.cost)} of {money(budget.session)} in this conversation")
    if budget.session_tokens:
        used = total.spending.usage.input + total.spending.usage.output
        said.append(f"{tokens(used)} of {tokens(budget.session_tokens)} tokens in this conversation")
    if budget.day or budget.day_tokens:
        today = accounting.of_today()
        if budget.day:
            said.append(f"{money(today.cost)} of {money(budget.day)} today")
        if budget.day_tokens:
            said.append(f"{tokens(today.usage.input + today.usage.output)} of {tokens(budget.day_tokens)} tokens today")
    return [("Budget", ", ".join(said))] if said else []
