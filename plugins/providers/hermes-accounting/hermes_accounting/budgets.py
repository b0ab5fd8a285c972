"""Limits on money and tokens, and what is said when they are near or reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_accounting.words import money, tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_accounting.settings import Budget
    from hermes_host.services import Spending

__all__ = ["WARN_AT", "Limit", "limits_of"]

WARN_AT = 0.8
"""The share of a limit at which the user is told, once."""


class Limit(msgspec.Struct, frozen=True):
    """One setting of the section `budget` that is not 0."""

    setting: str
    of: Literal["session", "day"]
    unit: Literal["dollars", "tokens"]
    amount: float

    def used(self, spending: Spending) -> float:
        """How much of it is used, in its unit. Calls without a known price count only for tokens."""
        return spending.cost if self.unit == "dollars" else spending.usage.input + spending.usage.output

    def reached(self, spending: Spending) -> bool:
        """Whether no further call may begin."""
        return self.used(spending) >= self.amount

    def nearly_reached(self, spending: Spending) -> bool:
        """Whether the user should be told."""
        return self.used(spending) >= WARN_AT * self.amount

    def refusal(self, spending: Spending) -> str:
        """Why a call was refused, in one or two plain sentences."""
        return f"{self._whose()} of {self._say(self.amount)} is used up: {self._state(spending)}."

    def warning(self, spending: Spending) -> str:
        """That the limit is near, in one or two plain sentences."""
        share = int(100 * self.used(spending) / self.amount)
        return f"{share} % of {self._whose(middle=True)} of {self._say(self.amount)} is used: {self._state(spending)}."

    @property
    def remedy(self) -> str:
        """How to go on."""
        more = f"{self.amount * 2:g}" if self.unit == "dollars" else str(int(self.amount * 2))
        return f"Raise it with `hermes config set budget.{self.setting} {more}`; 0 means no limit."

    def _whose(self, *, middle: bool = False) -> str:
        words = "this conversation's budget" if self.of == "session" else "today's budget"
        return words if middle else words[0].upper() + words[1:]

    def _state(self, spending: Spending) -> str:
        state = f"{self._say(self.used(spending))} in {spending.calls} call{'' if spending.calls == 1 else 's'}"
        if self.unit == "dollars" and spending.unpriced:
            state += f", of which {spending.unpriced} without a known price are not counted"
        return state

    def _say(self, amount: float) -> str:
        return money(amount) if self.unit == "dollars" else f"{tokens(int(amount))} tokens"


def limits_of(budget: Budget) -> Sequence[Limit]:
    """The limits that are set."""
    limits = (
        Limit("session", "session", "dollars", budget.session),
        Limit("day", "day", "dollars", budget.day),
        Limit("session_tokens", "session", "tokens", budget.session_tokens),
        Limit("day_tokens", "day", "tokens", budget.day_tokens),
    )
    return [limit for limit in limits if limit.amount > 0]
