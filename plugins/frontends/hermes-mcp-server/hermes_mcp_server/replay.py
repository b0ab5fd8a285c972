"""What was sent to one HTTP client, kept for a while, so that a broken connection loses nothing."""

# ruff: noqa: TID253 - nothing here is imported before a client is served

from __future__ import annotations

import secrets
from collections import deque
from typing import TYPE_CHECKING, Any

from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

if TYPE_CHECKING:
    from mcp.server.streamable_http import EventCallback

__all__ = ["Replay", "SessionManager"]

_EVENTS = 1_000
_BYTES = 2_000_000


class Replay(EventStore):
    """The last events of one client, by unguessable ids: at most 1,000 of them and 2 MB."""

    def __init__(self) -> None:
        self._events: deque[tuple[str, str, Any, int]] = deque()
        self._size = 0

    async def store_event(self, stream_id: str, message: Any) -> str:
        """Keep an event of a stream; gives its id."""
        event_id = secrets.token_urlsafe(12)
        size = len(message.model_dump_json()) if message is not None else 0
        self._events.append((event_id, stream_id, message, size))
        self._size += size
        while len(self._events) > _EVENTS or (self._size > _BYTES and len(self._events) > 1):
            self._size -= self._events.popleft()[3]
        return event_id

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send again what followed on the same stream; gives the stream, None where the event is not known any more."""
        events = list(self._events)
        place = next((index for index, event in enumerate(events) if event[0] == last_event_id), None)
        if place is None:
            return None
        stream = events[place][1]
        for event_id, stream_id, message, _ in events[place + 1 :]:
            if stream_id == stream and message is not None:
                await send_callback(EventMessage(message, event_id))
        return stream


class SessionManager(StreamableHTTPSessionManager):
    """Gives every client events of its own: ids of streams are only unique within one client."""

    @property
    def event_store(self) -> EventStore | None:
        """A new one each time; the SDK asks once for each client."""
        return Replay()

    @event_store.setter
    def event_store(self, value: EventStore | None) -> None:
        """The SDK's own is not used."""
