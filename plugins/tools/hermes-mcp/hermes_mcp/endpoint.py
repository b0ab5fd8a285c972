"""The HTTP client for a server that has an address: its headers, its sign-in, and a bound on what it sends."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2  # noqa: TID253 - this module is imported with the first address

from hermes_mcp.child import LARGEST_MESSAGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hermes_mcp.settings import ServerSettings

__all__ = ["TooLarge", "http_streams"]


class TooLarge(httpx2.TransportError):
    """A body is larger than any message may be."""


class _Bounded(httpx2.AsyncByteStream):
    """Counts a body as it arrives. An event stream begins anew with every event."""

    def __init__(self, inner: Any, *, events: bool) -> None:
        self._inner = inner
        self._events = events

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._inner:
            size += len(chunk)
            if self._events and (end := max(chunk.rfind(b"\n\n"), chunk.rfind(b"\r\n\r\n"))) >= 0:
                size = len(chunk) - end
            if size > LARGEST_MESSAGE:
                raise TooLarge(f"The server sent more than {LARGEST_MESSAGE // 1_000_000} MB in one message.")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _bound(response: httpx2.Response) -> None:
    events = response.headers.get("content-type", "").startswith("text/event-stream")
    response.stream = _Bounded(response.stream, events=events)


@asynccontextmanager
async def http_streams(settings: ServerSettings, auth: httpx2.Auth | None) -> AsyncIterator[tuple[Any, Any]]:
    """The two streams of messages the SDK wants. Redirects stay on the server's own origin (the SDK sees to it)."""
    from mcp.client.streamable_http import streamable_http_client

    client = httpx2.AsyncClient(
        # Without compression: the bound on what arrives is then also the bound on what is held.
        headers={"Accept-Encoding": "identity", **settings.headers},
        timeout=httpx2.Timeout(30.0, read=max(300.0, settings.timeout)),
        auth=auth,
        event_hooks={"response": [_bound]},
    )
    async with client, streamable_http_client(settings.url, http_client=client) as (incoming, outgoing):
        yield incoming, outgoing
