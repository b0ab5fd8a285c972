"""What plugins do for each other, as protocols: found by `await context.services.get(Protocol)`.

The host offers `Conversations` and `Auxiliary` itself; the others come from plugins (`hermes_services`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from hermes_host.stream import MessageEnded, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.agent.session import Session
    from hermes_host.context import SessionContext
    from hermes_host.messages import Message
    from hermes_host.protocols import ModelSettings

__all__ = [
    "NOTICES",
    "Accounts",
    "Auxiliary",
    "Catalog",
    "Conversations",
    "ModelFacts",
    "PromptExpander",
    "Spending",
]


class Conversations(Protocol):
    """The live sessions of this process. Offered by the host."""

    def session(self, session_id: str) -> Session | None:
        """The live session of that id, or None."""
        ...


class Auxiliary(Protocol):
    """Models for side work: summaries, titles, searching, looking at images. Offered by the host.

    Which model serves a task is set in `auxiliary.<task>`; without a setting it is the session's own. The request
    passes through the same middleware as every other, so it is retried, accounted and bounded like them.
    """

    async def ask(
        self,
        task: str,
        messages: Sequence[Message],
        *,
        system: str = "",
        session_id: str = "",
        settings: ModelSettings | None = None,
        timeout: float | None = None,
    ) -> MessageEnded:
        """One answer without tools. `timeout` is in seconds; the default is `auxiliary.<task>.timeout`, else 120.

        Raises `ProviderError`, `NotFound` or `BudgetExceeded`.
        """
        ...


class ModelFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known about a model. Token counts are 0 and prices None where unknown."""

    provider: str
    model: str
    name: str = ""
    context: int = 0
    max_output: int = 0
    input_price: float | None = None
    """US dollars per million input tokens; the other prices likewise."""
    output_price: float | None = None
    cached_price: float | None = None
    cache_write_price: float | None = None
    inputs: frozenset[str] = frozenset({"text"})
    """Of `text`, `image`, `audio`, `video`, `file`."""
    reasoning: bool = False
    tools: bool = True
    source: str = ""
    """Where this is from: `user`, `vendor`, `snapshot 2026-11-01`, or `assumed`."""


class Catalog(Protocol):
    """Facts about models."""

    def facts(self, provider: str, model: str) -> ModelFacts:
        """What is known; for an unknown model, stated assumptions (`source` is then `assumed`). Never fails, no I/O
        beyond the first read of the snapshot."""
        ...

    def models(self, provider: str = "") -> Sequence[ModelFacts]:
        """The known models of a provider, or of all."""
        ...


NOTICES = "hermes.notices"
"""The key of a message's `meta` under which an expander leaves sentences for the person who sent it. The host shows
them as `Notice` events and stores the message without them."""


class PromptExpander(Protocol):
    """Completes what a user says before a turn begins with it. The host asks it for every message."""

    async def expand(self, message: Message, session: SessionContext) -> Message:
        """The message with what it refers to attached; the same object where there is nothing to add.

        Its own parts come first and are unchanged. Raises `HermesError` to refuse the message: nothing is then stored
        or sent.
        """
        ...


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """What was used. `cost` is in US dollars and counts only calls with a known price; `unpriced` counts the others."""

    calls: int = 0
    usage: Usage = Usage()
    cost: float = 0.0
    unpriced: int = 0


class Accounts(Protocol):
    """What model calls used and cost."""

    def of_session(self, session_id: str) -> Spending:
        """All calls of a session, auxiliary ones and retries included."""
        ...
