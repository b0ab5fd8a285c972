"""Puts together what the session store and the ledger tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hermes_host.cli.listing import count
from hermes_host.errors import NotFound
from hermes_host.protocols import SessionStore
from hermes_host.services import Accounts
from hermes_insights.conversations import Conversation, Conversations, read_conversations
from hermes_insights.period import WEEKDAYS, MomentReader, streaks
from hermes_insights.report import Activity, Amounts, Group, Notable, Report, ToolUse
from hermes_insights.spending import Spent, read_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hermes_host.context import Services
    from hermes_insights.period import Period

__all__ = ["NO_CONVERSATION", "gather"]

NO_CONVERSATION = "(no conversation)"
DELETED = "(deleted)"

_NO_LEDGER = (
    "Which models were called and what they cost is not known, because no plugin keeps a ledger: "
    "`pip install hermes-accounting`."
)


async def gather(
    services: Services, period: Period, *, source: str = "", progress: Callable[[int, int], None] | None = None
) -> Report:
    """Everything that is known of a period, of all conversations or of those of one surface.

    Raises `NotFound` for a surface on which there never was a conversation, and what store and ledger raise.
    """
    store: Any = await services.get(SessionStore)
    accounts: Any = await services.find(Accounts)
    moments = MomentReader()
    conversations = await read_conversations(store, period, source=source, progress=progress)
    if source and source not in conversations.sources.values():
        known = ", ".join(sorted(set(conversations.sources.values()))) or "none yet"
        raise NotFound(f"There is no conversation of the source {source!r}.", remedy=f"There are: {known}.")

    def counts(session_id: str) -> bool:
        return not source or conversations.sources.get(conversations.root_of.get(session_id, "")) == source

    spent = await read_calls(accounts.calls(period.since, period.until), moments, counts) if accounts else []
    report = Report(
        days=period.days,
        source=source,
        since=period.since,
        until=period.until,
        time_zone=period.time_zone,
        accounts=accounts is not None,
        notes=_notes(conversations, accounts is not None),
    )
    _count_conversations(report, conversations)
    _count_calls(report, conversations, spent)
    _count_activity(report, conversations.found.values(), spent, moments)
    report.notable = _notable(conversations, spent)
    return report


def _notes(conversations: Conversations, accounts: bool) -> list[str]:
    notes = [] if accounts else [_NO_LEDGER]
    if conversations.unreadable:
        notes.append(f"{count(conversations.unreadable, 'conversation')} could not be read: see `hermes doctor`.")
    return notes


def _count_conversations(report: Report, conversations: Conversations) -> None:
    tools: Counter[str] = Counter()
    for conversation in conversations.found.values():
        report.sessions += 1
        report.user_messages += conversation.user
        report.assistant_messages += conversation.assistant
        report.tool_messages += conversation.tool
        report.active_seconds += conversation.active
        tools.update(conversation.tools)
    report.background_sessions = conversations.background
    report.messages = report.user_messages + report.assistant_messages + report.tool_messages
    report.tool_calls = tools.total()
    report.tools = [
        ToolUse(name=name, calls=calls, share=calls / report.tool_calls)
        for name, calls in sorted(tools.items(), key=lambda item: (-item[1], item[0]))
    ]


def _count_calls(report: Report, conversations: Conversations, spent: Sequence[Spent]) -> None:
    if not report.accounts:
        report.amounts.input = sum(each.input for each in conversations.found.values())
        report.amounts.output = sum(each.output for each in conversations.found.values())
    for each in spent:
        report.amounts.add(each.amounts)

    def root(each: Spent) -> str:
        return conversations.root_of.get(each.session_id, each.session_id)

    def surface(each: Spent) -> str:
        return conversations.sources.get(root(each), DELETED) if each.session_id else NO_CONVERSATION

    report.models = _groups(spent, lambda each: each.model, root)
    report.purposes = _groups(spent, lambda each: each.purpose, root)
    sources = {group.name: group for group in _groups(spent, surface, root)}
    found: Counter[str] = Counter()
    for conversation in conversations.found.values():
        name = conversation.info.source
        found[name] += 1
        sources.setdefault(name, Group(name=name, amounts=Amounts())).messages += conversation.messages
    for name, number in found.items():
        sources[name].sessions = number
    report.sources = sorted(sources.values(), key=lambda group: (-group.sessions, -group.amounts.tokens, group.name))


def _groups(spent: Iterable[Spent], name_of: Callable[[Spent], str], session_of: Callable[[Spent], str]) -> list[Group]:
    """Calls by what they have in common, those that used most tokens first."""
    amounts: dict[str, Amounts] = {}
    sessions: dict[str, set[str]] = {}
    for each in spent:
        name = name_of(each)
        amounts.setdefault(name, Amounts()).add(each.amounts)
        sessions.setdefault(name, set()).add(session_of(each))
    groups = [Group(name=name, amounts=sums, sessions=len(sessions[name] - {""})) for name, sums in amounts.items()]
    return sorted(groups, key=lambda group: (-group.amounts.tokens, -group.amounts.calls, group.name))


def _count_activity(
    report: Report, conversations: Iterable[Conversation], spent: Iterable[Spent], moments: MomentReader
) -> None:
    days: dict[str, Activity] = {}
    weekdays = {name: Activity(name=name) for name in WEEKDAYS}
    hours = {f"{hour:02}": Activity(name=f"{hour:02}") for hour in range(24)}
    for conversation in conversations:
        for time in conversation.prompts:
            moment = moments.read(time)
            day = days.setdefault(moment.day, Activity(name=moment.day))
            for activity in (day, weekdays[moment.weekday], hours[moment.hour]):
                activity.prompts += 1
    for each in spent:
        moment = each.moment
        day = days.setdefault(moment.day, Activity(name=moment.day))
        for activity in (day, weekdays[moment.weekday], hours[moment.hour]):
            activity.calls += each.amounts.calls
            activity.tokens += each.amounts.tokens
            activity.cost += each.amounts.cost
    report.by_day = [days[name] for name in sorted(days)]
    report.by_weekday, report.by_hour = list(weekdays.values()), list(hours.values())
    report.active_days = len(days)
    report.longest_streak, report.current_streak = streaks(days, moments.read(report.until).day)


def _notable(conversations: Conversations, spent: Iterable[Spent]) -> list[Notable]:
    tokens: Counter[str] = Counter()
    cost: Counter[str] = Counter()
    for each in spent:
        root = conversations.root_of.get(each.session_id, "")
        tokens[root] += each.amounts.tokens
        cost[root] += each.amounts.cost  # type: ignore[assignment]
    measures: dict[str, Callable[[Conversation], float]] = {
        "longest": lambda each: each.active,
        "messages": lambda each: each.messages,
        "tokens": lambda each: tokens[each.info.id] or each.input + each.output,
        "tool_calls": lambda each: each.tools.total(),
        "cost": lambda each: cost[each.info.id],
    }
    found = []
    for what, measure in measures.items():
        best = max(conversations.found.values(), key=measure, default=None)
        if best is not None and measure(best) > 0:
            title = best.info.title or best.info.preview
            found.append(
                Notable(what=what, session=best.info.id, title=title, value=measure(best), started=best.info.started)
            )
    return found
