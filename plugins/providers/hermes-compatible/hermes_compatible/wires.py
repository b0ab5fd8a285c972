"""The two formats on the wire. Each is imported for the endpoints that speak it and for no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermes_compatible.endpoint import Endpoint
    from hermes_host.protocols import ModelRequest
    from hermes_host.stream import ProviderEvent

__all__ = ["AnswerReader", "WireFormat", "wire_format"]

_VERSION = "2023-06-01"


class AnswerReader(Protocol):
    """Reads one answer."""

    done: bool
    """Whether the message is over, though the body may not be."""

    @property
    def began(self) -> bool:
        """Whether any content has come."""
        ...

    def feed(self, piece: bytes) -> Iterable[ProviderEvent]:
        """The events that more bytes give rise to. Raises `ProviderError`."""
        ...

    def close(self) -> Iterable[ProviderEvent]:
        """The last events, when the body is over. Raises `ProviderError` where the answer is not complete."""
        ...


class WireFormat(Protocol):
    """How an endpoint is spoken to."""

    @property
    def path(self) -> str:
        """What is added to the base URL to ask for an answer."""
        ...

    @property
    def models_path(self) -> str:
        """What is added to it to ask for the list of models."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The key's header and others the format demands, their names in lower case."""
        ...

    def body(self, request: ModelRequest) -> bytes:
        """The body of a request."""
        ...

    def answer(self, model: str) -> AnswerReader:
        """A reader for the answer of a model."""
        ...


def wire_format(endpoint: Endpoint) -> WireFormat:
    """The format an endpoint speaks."""
    return _Messages(endpoint) if endpoint.wire == "messages" else _ChatCompletions(endpoint)


class _ChatCompletions:
    path = "/chat/completions"
    models_path = "/models"

    def __init__(self, endpoint: Endpoint) -> None:
        from hermes_compatible.answer import Answer
        from hermes_compatible.body import BodyBuilder

        self.headers = _bearer(endpoint)
        self._endpoint = endpoint
        self._answer = Answer
        self._bodies = BodyBuilder(endpoint.provider, endpoint.quirks)

    def body(self, request: ModelRequest) -> bytes:
        return self._bodies.build(request)

    def answer(self, model: str) -> AnswerReader:
        return self._answer(self._endpoint, model)


class _Messages:
    path = "/v1/messages"
    models_path = "/v1/models"

    def __init__(self, endpoint: Endpoint) -> None:
        from hermes_compatible.messages.answer import Answer
        from hermes_compatible.messages.body import BodyBuilder
        from hermes_compatible.messages.generation import BINDING_BETA

        self.headers = {"anthropic-version": _VERSION, **_key(endpoint)}
        if endpoint.quirks.drops_unbound_thinking:
            names = (value for name, value in endpoint.headers.items() if name.lower() == "anthropic-beta")
            self.headers["anthropic-beta"] = ",".join([*names, BINDING_BETA])
        self._endpoint = endpoint
        self._answer = Answer
        self._bodies = BodyBuilder(endpoint.quirks)

    def body(self, request: ModelRequest) -> bytes:
        return self._bodies.build(request)

    def answer(self, model: str) -> AnswerReader:
        return self._answer(self._endpoint, model)


def _key(endpoint: Endpoint) -> dict[str, str]:
    if not endpoint.key or endpoint.quirks.key_header == "bearer":
        return _bearer(endpoint)
    return {"x-api-key": endpoint.key}


def _bearer(endpoint: Endpoint) -> dict[str, str]:
    return {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
