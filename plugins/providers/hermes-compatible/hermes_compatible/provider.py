"""The provider: one endpoint, whichever wire it speaks."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from hermes_compatible.clock import Clock
from hermes_compatible.connections import Connections, Received, transport_errors
from hermes_compatible.endpoint import Endpoint, resolve
from hermes_compatible.failures import failed_answer, transport_failure
from hermes_compatible.reading import drain
from hermes_compatible.wires import wire_format
from hermes_host.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.protocols import ModelInfo, ModelRequest
    from hermes_host.specs import ProviderSpec
    from hermes_host.stream import ProviderEvent

__all__ = ["CompatibleProvider", "connect"]

_LARGEST_ERROR = 64 * 1024
_LARGEST_CATALOGUE = 64 * 1024 * 1024
_MOST_PAGES = 100


def connect(context: PluginContext, spec: ProviderSpec) -> CompatibleProvider:
    """Make the provider of a spec. Raises `AuthFailed` without a key, `ConfigError` without a usable address."""
    return CompatibleProvider(resolve(context, spec))


class CompatibleProvider:
    """Models behind one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._wire = wire_format(endpoint)
        self._connections = Connections(endpoint)

    def __repr__(self) -> str:
        return f"<CompatibleProvider {self.endpoint.provider} at {self.endpoint.base_url}>"

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The answer as it comes, within `request.limits` and `request.timeout`. No request is sent twice."""
        clock = Clock(self.endpoint, request)
        answer = self._wire.answer(request.model)
        received = await self._ask(request, clock)
        try:
            if received.status != 200:
                body = await clock.within(received.read(_LARGEST_ERROR))
                raise failed_answer(self.endpoint, request.model, received.status, received.headers, body)
            async with aclosing(clock.pieces(received.pieces())) as pieces:
                async for piece in pieces:
                    for event in answer.feed(piece):
                        yield event
                    if answer.done:
                        await drain(pieces, *transport_errors())
                        break
            # Freed before the last event: a consumer may stop there and ask again at once.
            await received.aclose()
            for event in answer.close():
                yield event
        except transport_errors() as error:
            raise transport_failure(self.endpoint, error, clock, partial=answer.began) from error
        finally:
            await received.aclose()

    async def models(self) -> Sequence[ModelInfo]:
        """The models the endpoint lists, those for chat first; the configured ones where the user listed some.

        Raises `Unsupported` where an endpoint that speaks messages has no list.
        """
        from hermes_compatible.catalogue import by_name, listed, next_page, parse

        if self.endpoint.models:
            return listed(self.endpoint.models)
        special = self.endpoint.quirks.models_path
        if special:
            origin = "/".join(self.endpoint.base_url.split("/", 3)[:3])
            status, _, body = await self._get(origin + special)
            if status == 200:
                return parse(self.endpoint, body)
        found: list[ModelInfo] = []
        query = ""
        for _ in range(_MOST_PAGES):
            status, headers, body = await self._get(self.endpoint.base_url + self._wire.models_path + query)
            if status in (404, 405) and self.endpoint.wire == "messages":
                # Vendors that speak messages beside another format mostly list their models in that one only.
                raise Unsupported(
                    f"{self.endpoint.provider} has no list of its models at {self.endpoint.base_url}.",
                    remedy=f"Name one: `-m {self.endpoint.provider}:MODEL`.",
                )
            if status != 200:
                raise failed_answer(self.endpoint, "", status, headers, body)
            found += parse(self.endpoint, body)
            query = next_page(body)
            if not query:
                break
        return by_name(found)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()

    async def _ask(self, request: ModelRequest, clock: Clock) -> Received:
        headers = {"content-type": "application/json", "accept": "text/event-stream", **self._headers()}
        url = self.endpoint.base_url + self._wire.path
        return await self._connections.send("POST", url, clock, headers=headers, body=self._wire.body(request))

    async def _get(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        clock = Clock(self.endpoint)
        received = await self._connections.send("GET", url, clock, headers=self._headers())
        try:
            return received.status, received.headers, await received.read(_LARGEST_CATALOGUE)
        except transport_errors() as error:
            raise transport_failure(self.endpoint, error, clock, partial=False) from error
        finally:
            await received.aclose()

    def _headers(self) -> dict[str, str]:
        return {**{name.lower(): value for name, value in self.endpoint.headers.items()}, **self._wire.headers}
