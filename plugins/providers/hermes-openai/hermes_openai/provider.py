"""The provider: OpenAI or Azure through the official SDK, by Responses or chat completions."""

from __future__ import annotations

import asyncio
import contextlib
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

from hermes_compatible.answer import Answer

from hermes_host.errors import ConnectionLost, Unsupported
from hermes_openai.answer import ResponsesAnswer
from hermes_openai.body import BodyBuilder
from hermes_openai.chat import ChatBodies
from hermes_openai.client import Client, transport_errors
from hermes_openai.endpoint import Access, resolve
from hermes_openai.failures import request_failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    import httpx2

    from hermes_host.context import PluginContext
    from hermes_host.protocols import ModelInfo, ModelRequest
    from hermes_host.specs import ProviderSpec
    from hermes_host.stream import ProviderEvent

__all__ = ["OpenAIProvider", "connect"]

_DRAIN_SECONDS = 1.0


def connect(context: PluginContext, spec: ProviderSpec) -> OpenAIProvider:
    """Make the provider of a spec. Raises `AuthFailed` without a key, `ConfigError` without a usable setting."""
    return OpenAIProvider(resolve(context, spec.name))


class OpenAIProvider:
    """OpenAI's models at one address."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._client = Client(access)
        self._responses = BodyBuilder(access)
        self._chat = ChatBodies(access)

    def __repr__(self) -> str:
        return f"<OpenAIProvider {self.access.endpoint.provider} at {self.access.endpoint.base_url}>"

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The answer as it comes. `request.timeout` bounds each wait and the whole, `request.limits` each wait.

        No request is sent twice.
        """
        deadline = None if request.timeout is None else time.monotonic() + request.timeout
        answer: Answer | ResponsesAnswer
        if self.access.speaks_chat(request.model, tools=bool(request.tools)):
            answer = Answer(self.access.endpoint, request.model)
            path, body = self._chat.path(request.model), self._chat.build(request)
        else:
            answer = ResponsesAnswer(self.access, request.model)
            path, body = "/responses", self._responses.build(request)
        response: httpx2.Response | None = None
        try:
            response = await self._client.post(path, body, timeout=request.timeout, limits=request.limits)
            async with aclosing(_pieces(response)) as pieces:
                async for piece in pieces:
                    for event in answer.feed(piece):
                        yield event
                    if answer.done:
                        await _drain(pieces)
                        break
                    if deadline is not None and time.monotonic() > deadline:
                        raise ConnectionLost("The time for this answer is over.", partial=answer.began)
            # Freed before the last event: a consumer may stop there and ask again at once.
            await response.aclose()
            for event in answer.close():
                yield event
        except transport_errors() as error:
            raise request_failure(self.access, request.model, error, path=path, partial=answer.began) from error
        finally:
            if response is not None:
                await response.aclose()

    async def models(self) -> Sequence[ModelInfo]:
        """The models the address lists, those for chat first; on Azure the deployments the user named."""
        from hermes_compatible.catalogue import listed, parse

        if self.access.deployments:
            return listed((name, 0) for name in self.access.deployments)
        if self.access.endpoint.provider == "azure":
            raise Unsupported(
                "Azure does not list deployments to a key.",
                remedy="Name them below `azure.deployments`, each with its model.",
            )
        try:
            body = await self._client.get("/models")
        except transport_errors() as error:
            raise request_failure(self.access, "", error, path="/models", partial=False) from error
        return parse(self.access.endpoint, body)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _pieces(response: httpx2.Response) -> AsyncGenerator[bytes]:
    """The body as it comes, unpacked where it is packed."""
    packed = response.headers.get("content-encoding", "identity") != "identity"
    async for piece in response.aiter_bytes() if packed else response.aiter_raw():
        yield piece


async def _drain(pieces: AsyncGenerator[bytes]) -> None:
    """Read what follows the end of the message, so that the connection can be used again; a moment at the most."""
    with contextlib.suppress(TimeoutError, *transport_errors()):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in pieces:
                pass
