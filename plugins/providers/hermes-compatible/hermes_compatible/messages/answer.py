"""One answer on its way: bytes in, provider events out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.failures import failed_in_stream, not_json, without_secrets
from hermes_compatible.messages.assembly import Assembler
from hermes_compatible.messages.events import WholeMessage, decode_event, decode_whole
from hermes_compatible.reading import BodyReader
from hermes_host.errors import ConnectionLost, InvalidResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_compatible.endpoint import Endpoint
    from hermes_host.stream import ProviderEvent

__all__ = ["Answer"]

_NOTHING = (b"", b"[DONE]")
"""What says nothing here: gateways end streams of either format as those of chat completions."""


class Answer:
    """A stream of events, or a JSON document in one piece: whichever comes, whatever was asked for and is declared."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self.done = False
        """Whether the event has come that ends the message."""
        self._endpoint = endpoint
        self._model = model
        self._assembler = Assembler(endpoint.provider, model, strict=endpoint.quirks.strict_events)
        self._body = BodyReader(endpoint.provider)

    @property
    def began(self) -> bool:
        """Whether any content has come."""
        return self._assembler.began

    def feed(self, piece: bytes) -> Iterable[ProviderEvent]:
        """The events that more bytes give rise to. Raises `ProviderError`."""
        for data in self._body.feed(piece):
            yield from self._event(data)
            if self.done:
                return

    @property
    def paused(self) -> bool:
        """Whether the vendor asks for the same request with what there is of the answer, to go on."""
        return self._assembler.paused

    def resume(self) -> Sequence[dict[str, Any]]:
        """Get ready for the next piece of a paused answer; gives the blocks so far, as they go back."""
        self.done = False
        self._body = BodyReader(self._endpoint.provider)
        return self._assembler.resume()

    def close(self) -> Iterable[ProviderEvent]:
        """The last events, when the body is over. Raises `ConnectionLost` for an answer that is not complete."""
        yield from self.end_body()
        yield from self.end()

    def end_body(self) -> Iterable[ProviderEvent]:
        """The events of what is left when the body is over; the message may still go on after a pause."""
        name = self._endpoint.provider
        if self._body.is_document:
            yield from self._assembler.whole(self._whole(self._body.document()))
        elif not self.done:
            yield from self._unfinished_event()
        if not (self.done or self._assembler.stop_reason or self._body.is_document):
            raise ConnectionLost(f"The answer of {name} broke off before its end.", partial=self.began)
        if not self._assembler.answered:
            raise InvalidResponse(f"{name} sent an answer without any content.")

    def end(self) -> Iterable[ProviderEvent]:
        """The last events of the message. Raises `ContentRefused`."""
        return self._assembler.end()

    def _event(self, data: bytes) -> Sequence[ProviderEvent]:
        if data in _NOTHING:
            return ()
        try:
            event = decode_event(data)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise self._unreadable(data, error) from error
        if event.type == "message_stop":
            self.done = True
        elif event.type == "error" or event.error:
            raise failed_in_stream(self._endpoint, self._model, event.error)
        return self._assembler.feed(event)

    def _unfinished_event(self) -> Sequence[ProviderEvent]:
        """An event at the end without its empty line, where it is whole: a cut one is part of a cut stream."""
        for data in self._body.close():
            try:
                return self._event(data)
            except InvalidResponse:
                return ()
        return ()

    def _whole(self, body: bytes) -> WholeMessage:
        if body[:1] != b"{":
            raise not_json(self._endpoint, body)
        try:
            message = decode_whole(body)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise self._unreadable(body, error) from error
        if message.type == "error" or message.error:
            raise failed_in_stream(self._endpoint, self._model, message.error)
        if message.content is None:
            raise self._unreadable(body, "it is no message")
        return message

    def _unreadable(self, data: bytes, reason: object) -> InvalidResponse:
        begins = without_secrets(self._endpoint, data[:80].decode("utf-8", "replace"))
        return InvalidResponse(f"{self._endpoint.provider} sent something unreadable ({reason}): {begins!r}")
