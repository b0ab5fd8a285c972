"""The provider: requests through the official SDK, every body read to its end, no request sent twice."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from hermes_compatible.clock import Clock, TimeUp
from hermes_compatible.failures import transport_failure
from hermes_compatible.messages.answer import Answer
from hermes_compatible.messages.body import BodyBuilder
from hermes_compatible.reading import drain
from hermes_compatible.sending import PIECE, Pieces

from hermes_anthropic.dialect import betas_of, wire_endpoint
from hermes_anthropic.endpoint import Endpoint, resolve
from hermes_anthropic.failures import request_errors, request_failure
from hermes_anthropic.sdk import ClientMaker
from hermes_host.errors import InvalidResponse
from hermes_host.protocols import ModelInfo

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    import anthropic
    import httpx2

    from hermes_host.context import PluginContext
    from hermes_host.protocols import ModelRequest
    from hermes_host.specs import ProviderSpec
    from hermes_host.stream import ProviderEvent

__all__ = ["AnthropicProvider", "connect"]

_MOST_PAUSES = 10
"""How often a paused answer is continued; the vendor pauses after ten rounds of its own tools."""


async def connect(context: PluginContext, spec: ProviderSpec) -> AnthropicProvider:
    """Make the provider and begin to import the SDK in the background.

    Raises `AuthFailed` without a key, `ConfigError` without a usable address.
    """
    provider = AnthropicProvider(resolve(context))
    provider.warm()
    return provider


class AnthropicProvider:
    """Anthropic's Messages API at one address."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._wire = wire_endpoint(endpoint)
        self._bodies = BodyBuilder(self._wire.quirks)
        self._clients = ClientMaker(endpoint)

    def __repr__(self) -> str:
        return f"<AnthropicProvider at {self.endpoint.base_url}>"

    def warm(self) -> None:
        """Begin to import the SDK, in a thread, so that the first request finds it there."""
        self._clients.begin()

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The answer as it comes, within `request.limits` and `request.timeout`."""
        clock = Clock(self._wire, request)
        answer = Answer(self._wire, request.model)
        body = self._bodies.build(request)
        for pauses in range(_MOST_PAUSES + 1):
            async with self._exchange(request.model, body, answer, clock) as pieces:
                async for piece in pieces:
                    for event in answer.feed(piece):
                        yield event
                    if answer.done:
                        await drain(pieces, *request_errors())
                        break
            for event in answer.end_body():
                yield event
            if not answer.paused or pauses == _MOST_PAUSES:
                break
            body = self._bodies.build(request, answer.resume())
        for event in answer.end():
            yield event

    async def models(self) -> Sequence[ModelInfo]:
        """The models the API lists, the newest first."""
        clock = Clock(self._wire)
        client = await self._clients.client()
        import anthropic

        try:
            return [_info(model) async for model in client.models.list()]
        except request_errors() as error:
            raise request_failure(self._wire, "", error, clock) from error
        except (anthropic.APIError, ValueError, AttributeError, TypeError) as error:
            # The SDK checks nothing of an answer with status 200 and fails where the first field is missing.
            raise InvalidResponse(
                f"{self.endpoint.base_url} answered with something that is no list of models.",
                remedy="Check anthropic.base_url and any proxy on the way.",
            ) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._clients.aclose()

    @asynccontextmanager
    async def _exchange(
        self, model: str, body: bytes, answer: Answer, clock: Clock
    ) -> AsyncGenerator[AsyncGenerator[bytes]]:
        """One request, and the pieces of its answer; what reading them raises becomes the host's error."""
        clock.answering = False
        try:
            client = await clock.within(self._clients.client())
        except TimeUp as error:
            raise transport_failure(self._wire, error, clock, partial=answer.began) from error
        response: httpx2.Response | None = None
        try:
            response = await clock.within(self._send(client, model, body, clock))
            clock.answering = True
            async with aclosing(clock.pieces(_pieces(response))) as pieces:
                yield pieces
        except request_errors() as error:
            raise request_failure(self._wire, model, error, clock, partial=answer.began) from error
        finally:
            if response is not None:
                await response.aclose()

    async def _send(self, client: anthropic.AsyncAnthropic, model: str, body: bytes, clock: Clock) -> httpx2.Response:
        """Post a body that is encoded already: the SDK's own method would encode the whole conversation each time."""
        import anthropic
        import httpx2

        headers = {**self._headers(model), "content-length": str(len(body))}
        response: Any = await client.post(
            "/v1/messages",
            content=Pieces(body) if len(body) > PIECE else body,
            cast_to=httpx2.Response,
            options={"headers": headers, "timeout": httpx2.Timeout(**clock.stages)},
            stream=True,
            stream_cls=anthropic.AsyncStream[Any],
        )
        return cast("httpx2.Response", response)

    def _headers(self, model: str) -> dict[str, str]:
        headers = {"accept": "text/event-stream", "accept-encoding": "identity"}
        betas = betas_of(model, self.endpoint.settings.betas, bind=self.endpoint.is_vendor)
        return {**headers, "anthropic-beta": ",".join(betas)} if betas else headers


async def _pieces(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """The body as it comes, unpacked where it is packed."""
    packed = response.headers.get("content-encoding", "identity") != "identity"
    async for piece in response.aiter_bytes() if packed else response.aiter_raw():
        yield piece


def _info(model: anthropic.types.ModelInfo) -> ModelInfo:
    """The vendor's entry in the host's terms. Gateways list little more than the id."""
    return ModelInfo(
        id=model.id,
        name=getattr(model, "display_name", None) or "",
        context=getattr(model, "max_input_tokens", None) or 0,
        max_output=getattr(model, "max_tokens", None) or 0,
    )
