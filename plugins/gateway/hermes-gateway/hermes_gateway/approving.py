"""Asking people from within a turn: whether a call may run, and what the agent wants to know.

A question bears an id nobody can guess, is good for one answer, only in the chat where it was asked, and only from
somebody who may answer it. Silence is no. A question that a restart cut off is said to be void.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hermes_host.protocols import Button, Decision
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_gateway.people import Standing
    from hermes_gateway.shared import Shared
    from hermes_host.protocols import Address, ApprovalChoice, ApprovalRequest, Inbound, Question

__all__ = ["Asker", "Asks", "Starter"]

log = logging.getLogger(__name__)

SHOWN_LIMIT = 3_000
"""Characters of an action that a chat shows; a longer one can only be denied there."""

_LABELS: dict[str, str] = {"once": "Allow once", "session": "For this conversation", "always": "Always", "deny": "Deny"}


@dataclass(kw_only=True, slots=True)
class Starter:
    """The turn from within which somebody is asked."""

    conversation: str
    address: Address
    user: str
    """The platform's id of whoever began the turn."""
    standing: Standing
    direct: bool
    reachable: bool = True
    """Whether anybody reads what is sent to `address`."""


@dataclass(kw_only=True, slots=True)
class _Ask:
    id: str
    kind: str
    starter: Starter
    choices: Sequence[str]
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    made: float = field(default_factory=time.monotonic)


class Asks:
    """Everything that waits for a person's answer."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._open: dict[str, _Ask] = {}

    # --------------------------------------------------------------------------------------------------- asking

    async def decide(self, starter: Starter, request: ApprovalRequest) -> Decision:
        """Have an owner say whether a call may run."""
        if not starter.reachable or (starter.direct and not self._may_approve(starter, starter.user, starter.standing)):
            return Decision(choice="deny", by="nobody", note="Only the owner can allow this, and is not in this chat.")
        if len(request.shown) > SHOWN_LIMIT:
            return Decision(choice="deny", by="nobody", note="It is too long to be shown in a chat.")
        ask = _Ask(id=secrets.token_hex(4), kind="approval", starter=starter, choices=request.choices)
        choices = [choice for choice in request.choices if choice != "always" or starter.standing.role == "owner"]
        ask.choices = choices
        more = "".join(f" `{word}` allows it {_MEANINGS[word]}." for word in ("session", "always") if word in choices)
        text = (
            f"**May I?** {request.reason}\n\n{_fenced(request.shown)}\n\n`/approve {ask.id}` or `/deny {ask.id}`.{more}"
        )
        buttons = [
            [
                Button(
                    label=_LABELS[choice],
                    value=f"ap:{ask.id}:{choice}",
                    style="danger" if choice == "deny" else "primary" if choice == "once" else "",
                )
            ]
            for choice in choices
        ]
        try:
            # A little before the gate's own limit, so that the chat hears of it.
            async with asyncio.timeout(min(request.timeout * 0.95, self._shared.settings.gateway.approval_seconds)):
                decision: Decision = await self._wait(ask, text, buttons)
        except TimeoutError:
            await self._say(starter.address, f"Nobody answered in time, so it was denied ({ask.id}).")
            return Decision(choice="deny", by="timeout")
        return decision

    async def ask(self, starter: Starter, question: Question) -> str | None:
        """Have whoever began the turn answer a question; None without an answer."""
        if question.secret or not starter.reachable:
            return None  # a chat keeps what is typed into it
        ask = _Ask(id=secrets.token_hex(4), kind="question", starter=starter, choices=question.choices)
        listed = "".join(f"\n{number}. {choice}" for number, choice in enumerate(question.choices, 1))
        buttons = [
            [Button(label=one_line(choice, 40), value=f"qu:{ask.id}:{number}")]
            for number, choice in enumerate(question.choices)
        ]
        try:
            async with asyncio.timeout(question.timeout):
                answer: str = await self._wait(ask, f"{question.text}{listed}", buttons)
        except TimeoutError:
            await self._say(starter.address, "I go on without an answer.")
            return None
        return answer

    async def _wait(self, ask: _Ask, text: str, buttons: Sequence[Sequence[Button]]) -> Any:
        address = ask.starter.address
        shown = buttons if self._shared.has(address.platform, "buttons") else ()
        with self._shared.database.transaction() as connection:
            connection.execute(
                "INSERT INTO asked (id, kind, conversation, address, made) VALUES (?, ?, ?, ?, ?)",
                (ask.id, ask.kind, ask.starter.conversation, str(address), self._shared.clock()),
            )
            self._shared.deliveries.enqueue(
                connection, address, text, key=f"ask:{ask.id}", buttons=shown, source="gateway"
            )
        self._open[ask.id] = ask
        self._shared.deliveries.wake()
        try:
            return await ask.answer
        finally:
            self._open.pop(ask.id, None)
            with self._shared.database.transaction() as connection:
                connection.execute("DELETE FROM asked WHERE id = ?", (ask.id,))

    # ------------------------------------------------------------------------------------------------ answering

    async def press(self, update: Inbound, standing: Standing) -> str:
        """Take a pressed button; gives what is to be said about it."""
        kind, _, rest = update.action.partition(":")
        identity, _, value = rest.partition(":")
        ask = self._open.get(identity)
        if kind == "ap":
            return self.approve(update, standing, identity, value)
        if kind == "qu" and ask is not None and ask.kind == "question" and value.isdecimal():
            if not self._same_chat(ask, update) or update.sender.id != ask.starter.user:
                return "This question is for somebody else."
            if int(value) < len(ask.choices):
                return self._settle(ask, ask.choices[int(value)], "")
        return "This button is no longer good."

    def approve(self, update: Inbound, standing: Standing, identity: str, choice: str) -> str:
        """Take the answer to an approval; `identity` may be empty where only one waits in the chat."""
        found = [ask for ask in self._open.values() if ask.kind == "approval" and ask.id == identity and identity] or (
            [] if identity else [ask for ask in self._open.values() if self._waits_for(ask, update)]
        )
        if len(found) > 1:
            ids = ", ".join(f"`{ask.id}`" for ask in found)
            return f"Several requests wait: {ids}. Say which."
        if not found:
            return "Nothing waits for that answer any more." if identity else "Nothing waits for an answer here."
        ask = found[0]
        if not self._same_chat(ask, update):
            return "That request was made in another chat; answer it there."
        if not self._may_approve(ask.starter, update.sender.id, standing):
            return "Only the owner may answer that."
        if choice not in ask.choices:
            return f"It can be answered with {', '.join(ask.choices)}."
        said = "Denied." if choice == "deny" else f"Allowed {_MEANINGS[choice]}."
        return self._settle(ask, Decision(choice=_choice(choice), by="person"), said)

    def answer(self, update: Inbound) -> bool:
        """Take a message as the answer to a question; false where none waits for its sender."""
        for ask in list(self._open.values()):
            if (
                ask.kind == "question"
                and self._same_chat(ask, update)
                and update.sender.id == ask.starter.user
                and update.text
                and not ask.answer.done()
            ):
                text = update.text.strip()
                number = int(text) - 1 if text.isdecimal() and len(text) < 4 else -1
                self._settle(ask, ask.choices[number] if 0 <= number < len(ask.choices) else text, "")
                return True
        return False

    def waits(self, update: Inbound) -> bool:
        """Whether an approval waits in the chat of an update."""
        return any(self._waits_for(ask, update) for ask in self._open.values())

    def count(self, conversation: str) -> int:
        """How many answers a conversation waits for."""
        return sum(ask.starter.conversation == conversation for ask in self._open.values())

    def _waits_for(self, ask: _Ask, update: Inbound) -> bool:
        return ask.kind == "approval" and self._same_chat(ask, update) and not ask.answer.done()

    def _settle(self, ask: _Ask, value: object, said: str) -> str:
        if ask.answer.done():
            return "That was answered already."
        ask.answer.set_result(value)
        return said

    def _same_chat(self, ask: _Ask, update: Inbound) -> bool:
        mine, theirs = ask.starter.address, update.address
        return (mine.platform, mine.account, mine.chat) == (theirs.platform, theirs.account, theirs.chat)

    def _may_approve(self, starter: Starter, user: str, standing: Standing) -> bool:
        if standing.role == "owner":
            return True
        return self._shared.settings.gateway.members_approve and standing.role == "member" and user == starter.user

    # ----------------------------------------------------------------------------------------------- after a crash

    async def void(self) -> None:
        """Say of what was asked before a restart that it counts as no."""
        from hermes_host.protocols import Address

        with self._shared.database.transaction() as connection:
            rows = connection.execute("SELECT id, kind, address FROM asked WHERE kind = 'approval'").fetchall()
            for row in rows:
                self._shared.deliveries.enqueue(
                    connection,
                    Address.parse(row["address"]),
                    f"I was restarted while the request {row['id']} waited; it counts as denied.",
                    key=f"void:{row['id']}",
                    source="gateway",
                )
            connection.execute("DELETE FROM asked")
        if rows:
            self._shared.deliveries.wake()

    async def _say(self, to: Address, text: str) -> None:
        await self._shared.deliveries.say(to, text, source="gateway")


class Asker:
    """Approver and questioner of one conversation: whoever is asked is whoever began the running turn."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self.starter: Starter | None = None

    async def decide(self, request: ApprovalRequest) -> Decision:
        """The person's answer."""
        if self.starter is None:
            return Decision(choice="deny", by="nobody")
        return await self._asks.decide(self.starter, request)

    async def ask(self, question: Question) -> str | None:
        """The person's answer, or None."""
        return None if self.starter is None else await self._asks.ask(self.starter, question)


_MEANINGS = {"once": "once", "session": "for this conversation", "always": "always"}


def _choice(word: str) -> ApprovalChoice:
    return "once" if word == "once" else "session" if word == "session" else "always" if word == "always" else "deny"


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"
