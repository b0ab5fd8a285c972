"""One answer on its way: bytes in, provider events out. Knows no SDK and no HTTP client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_anthropic.assembly import Assembler
from hermes_anthropic.pages import is_page, page_text
from hermes_anthropic.wire import Event, EventReader, decode_event
from hermes_host.errors import ConnectionLost, InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_host.stream import ProviderEvent

__all__ = ["Answer", "FailedInStream"]


class FailedInStream(Exception):
    """The vendor's error object, within an answer of status 200."""

    def __init__(self, error: Any) -> None:
        super().__init__(error)
        self.error = error


class Answer:
    """A stream of events, or a JSON document in one piece: whichever comes, whatever was asked for and is declared."""

    def __init__(self, model: str) -> None:
        self.done = False
        """Whether the last event has come."""
        self._assembler = Assembler(model)
        self._reader = EventReader()
        self._document: list[bytes] | None = None
        self._started = False

    @property
    def begun(self) -> bool:
        """Whether any content has come."""
        return self._assembler.begun

    def feed(self, piece: bytes) -> Iterable[ProviderEvent]:
        """The events that more bytes give rise to. Raises `InvalidResponse`, `FailedInStream`."""
        if not self._started:
            piece = piece.lstrip()
            if not piece:
                return
            self._started = True
            if piece[:1] in (b"{", b"<"):
                self._document = []
        if self._document is not None:
            self._document.append(piece)
            return
        for data in self._reader.feed(piece):
            yield from self._event(data)
            if self.done:
                return

    @property
    def paused(self) -> bool:
        """Whether the vendor asks for the same request with what there is of the answer, to go on."""
        return self._assembler.paused

    def resume(self) -> Sequence[dict[str, Any]]:
        """Get ready for the next piece of a paused answer; gives the blocks so far."""
        self.done = self._started = False
        self._document = None
        self._reader = EventReader()
        return self._assembler.resume()

    def close(self) -> Iterable[ProviderEvent]:
        """The events of what is left when the body is over: a document, or an event whose line was not ended.

        Raises `ConnectionLost` where the answer is not complete, and what `feed` raises.
        """
        if self._document is not None:
            yield from self._whole(b"".join(self._document))
        elif not self.done:
            for data in self._reader.close():
                yield from self._event(data)
        if not (self.done or self._assembler.stop_reason):
            raise ConnectionLost("The answer of anthropic broke off before its end.", partial=self.begun)

    def end(self) -> Iterable[ProviderEvent]:
        """The last events of the message. Raises `ContentRefused`."""
        return self._assembler.end()

    def _event(self, data: bytes) -> Sequence[ProviderEvent]:
        if not data:
            return ()
        event = self._decoded(data)
        if event.type == "message_stop":
            self.done = True
        return self._assembler.feed(event)

    def _whole(self, body: bytes) -> Sequence[ProviderEvent]:
        if is_page(body):
            raise InvalidResponse(
                f"An HTML page came in place of anthropic's answer: {page_text(body)}",
                remedy="Check anthropic.base_url and any proxy on the way.",
            )
        event = self._decoded(body)
        if event.type != "message":
            raise InvalidResponse(f"anthropic sent something that is no message: {_shown(body)}")
        self.done = True
        return self._assembler.feed(event)

    def _decoded(self, data: bytes) -> Event:
        try:
            event = decode_event(data)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise InvalidResponse(f"anthropic sent something unreadable ({error}): {_shown(data)}") from error
        if event.type == "error" or event.error:
            raise FailedInStream(event.error)
        return event


def _shown(data: bytes) -> str:
    return repr(data[:80].decode("utf-8", "replace"))
