"""The provider: requests through the official SDK, every body read to its end, no request sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from hermes_anthropic.answer import Answer, FailedInStream
from hermes_anthropic.body import BodyBuilder
from hermes_anthropic.effort import betas_of
from hermes_anthropic.endpoint import Endpoint, resolve
from hermes_anthropic.failures import failed_answer, failed_in_stream, transport_failure
from hermes_anthropic.sdk import ClientMaker
from hermes_host.errors import ConnectionLost, InvalidResponse
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

_DRAIN_SECONDS = 1.0
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
        settings = endpoint.settings
        # Only the vendor itself is sure to know a beta; gateways refuse what they do not know.
        self._bodies = BodyBuilder(cache=settings.cache, display=settings.thinking_display, bind=endpoint.is_vendor)
        self._clients = ClientMaker(endpoint)

    def __repr__(self) -> str:
        return f"<AnthropicProvider at {self.endpoint.base_url}>"

    def warm(self) -> None:
        """Begin to import the SDK, in a thread, so that the first request finds it there."""
        self._clients.begin()

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The answer as it comes. `request.timeout` bounds each wait and the whole."""
        answer = Answer(request.model)
        deadline = None if request.timeout is None else time.monotonic() + request.timeout
        body = self._bodies.build(request)
        for pauses in range(_MOST_PAUSES + 1):
            async with aclosing(self._exchange(request, body, answer, deadline)) as events:
                async for event in events:
                    yield event
            if not answer.paused or pauses == _MOST_PAUSES:
                break
            body = self._bodies.build(request, answer.resume())
        for event in answer.end():
            yield event

    async def models(self) -> Sequence[ModelInfo]:
        """The models the API lists, the newest first."""
        import anthropic

        client = await self._clients.client()
        try:
            return [_info(model) async for model in client.models.list()]
        except anthropic.APIStatusError as error:
            raise self._failed(error, "") from error
        except anthropic.APIConnectionError as error:
            raise transport_failure(self.endpoint, error, partial=False) from error
        except (anthropic.APIError, ValueError, AttributeError, TypeError) as error:
            # The SDK checks nothing of an answer with status 200 and fails where the first field is missing.
            raise InvalidResponse(
                f"{self.endpoint.base_url} answered with something that is no list of models.",
                remedy="Check anthropic.base_url and any proxy on the way.",
            ) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._clients.aclose()

    async def _exchange(
        self, request: ModelRequest, body: bytes, answer: Answer, deadline: float | None
    ) -> AsyncGenerator[ProviderEvent]:
        """One request and the events of its answer."""
        client = await self._clients.client()
        import anthropic
        import httpx2

        response: httpx2.Response | None = None
        try:
            response = await self._send(client, request.model, body, _left(deadline))
            async with aclosing(response.aiter_bytes()) as pieces:
                async for piece in pieces:
                    for event in answer.feed(piece):
                        yield event
                    if answer.done:
                        await _drain(pieces)
                        break
                    if deadline is not None and time.monotonic() > deadline:
                        raise ConnectionLost("The time for this answer is over.", partial=answer.begun)
            for event in answer.close():
                yield event
        except FailedInStream as error:
            raise failed_in_stream(self.endpoint, request.model, error.error) from None
        except anthropic.APIStatusError as error:
            raise self._failed(error, request.model) from error
        except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
            raise transport_failure(self.endpoint, error, partial=answer.begun) from error
        finally:
            if response is not None:
                await response.aclose()

    async def _send(self, client: anthropic.AsyncAnthropic, model: str, body: bytes, seconds: float) -> httpx2.Response:
        """Post a body that is encoded already: the SDK's own method would encode the whole conversation each time."""
        import anthropic
        import httpx2

        settings = self.endpoint.settings
        timeout = httpx2.Timeout(
            min(seconds, settings.read_timeout), connect=min(seconds, settings.connect_timeout), write=min(seconds, 60)
        )
        response: Any = await client.post(
            "/v1/messages",
            content=body,
            cast_to=httpx2.Response,
            options={"headers": self._headers(model), "timeout": timeout},
            stream=True,
            stream_cls=anthropic.AsyncStream[Any],
        )
        return cast("httpx2.Response", response)

    def _headers(self, model: str) -> dict[str, str]:
        headers = {"accept": "text/event-stream", "accept-encoding": "identity"}
        betas = betas_of(model, self.endpoint.settings.betas, bind=self.endpoint.is_vendor)
        return {**headers, "anthropic-beta": ",".join(betas)} if betas else headers

    def _failed(self, error: anthropic.APIStatusError, model: str) -> Exception:
        response = error.response
        return failed_answer(self.endpoint, model, response.status_code, response.headers, response.content)


def _info(model: anthropic.types.ModelInfo) -> ModelInfo:
    """The vendor's entry in the host's terms. Gateways list little more than the id."""
    return ModelInfo(
        id=model.id,
        name=getattr(model, "display_name", None) or "",
        context=getattr(model, "max_input_tokens", None) or 0,
        max_output=getattr(model, "max_tokens", None) or 0,
    )


def _left(deadline: float | None) -> float:
    return float("inf") if deadline is None else max(0.001, deadline - time.monotonic())


async def _drain(pieces: AsyncGenerator[bytes]) -> None:
    """Read what follows the end of the message, so that the connection can be used again; a moment at the most."""
    import httpx2

    with contextlib.suppress(TimeoutError, httpx2.HTTPError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in pieces:
                pass
