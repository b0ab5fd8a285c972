"""What models are asked, and who answers: providers and the middleware around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import msgspec

from hermes_host.messages import Message

if TYPE_CHECKING:
    from hermes_host.stream import ProviderEvent

__all__ = ["ModelInfo", "ModelMiddleware", "ModelRequest", "ModelSettings", "Provider", "TimeLimits", "ToolDefinition"]


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a request is to be answered. None and empty mean: the vendor's default."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    reasoning: Literal["", "none", "minimal", "low", "medium", "high", "xhigh"] = ""
    tool_choice: Literal["auto", "none", "required"] = "auto"
    response_schema: dict[str, Any] | None = None
    """A JSON schema that the answer's text must follow, for providers whose vendor can hold a model to one."""


class ToolDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the model sees it. `parameters` is a JSON schema of type object."""

    name: str
    summary: str
    parameters: dict[str, Any]


class TimeLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Seconds that the stages of a model call may take; None means the provider's own limit."""

    connect: float | None = None
    read: float | None = None
    """Until the first byte of the answer, and between one piece and the next."""
    write: float | None = None


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model.

    Within a session `system` and `tools` stay equal and `messages` only grows, so that request n+1 begins with the
    bytes of request n. `messages` holds the same objects from request to request: encode each one once.
    """

    model: str
    messages: Sequence[Message]
    provider: str = ""
    """The name of the provider to ask; middleware may change it together with `model`."""
    credential: str = ""
    """The name of the secret to use in place of the provider's own; empty: the provider's choice."""
    purpose: str = "turn"
    """What the answer is for: `turn`, or the name of an auxiliary task such as `compression` or `title`."""
    system: str = ""
    tools: tuple[ToolDefinition, ...] = ()
    settings: ModelSettings = ModelSettings()
    session_id: str = ""
    """The same for all requests of a conversation; vendors use it as a cache key."""
    timeout: float | None = None
    """Seconds left for the whole answer."""
    limits: TimeLimits = TimeLimits()
    stream: bool = True
    """False asks for the whole answer in one piece, where a stream arrived garbled; the events are the same."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A model a provider offers. Token counts are 0 where unknown."""

    id: str
    name: str = ""
    context: int = 0
    max_output: int = 0


@runtime_checkable
class Provider(Protocol):
    """Access to models. Made once per process and configuration; used by many sessions at once."""

    def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The answer, in the grammar of `hermes_host.stream`. Raises `ProviderError`."""
        ...

    async def models(self) -> Sequence[ModelInfo]:
        """What can be asked for, in a useful order. Raises `ProviderError`, or `Unsupported` where it cannot tell."""
        ...

    async def aclose(self) -> None:
        """Release connections. May be called twice."""
        ...


class ModelMiddleware(Protocol):
    """Code around a model call: an async generator that passes events on, adds notices, or asks again."""

    def __call__(
        self, request: ModelRequest, call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
    ) -> AsyncIterator[ProviderEvent]:
        """Answer `request`, by `call_next` as often as it takes."""
        ...
