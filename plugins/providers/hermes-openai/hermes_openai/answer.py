"""One Responses answer on its way: bytes in, provider events out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from hermes_compatible.failures import not_json, without_secrets
from hermes_compatible.sse import EventReader

from hermes_host.errors import ConnectionLost, InvalidResponse, ProviderError
from hermes_openai.assembly import Assembler
from hermes_openai.failures import failed_response
from hermes_openai.wire import Event, decode_event, error_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.stream import ProviderEvent
    from hermes_openai.endpoint import Access

__all__ = ["ResponsesAnswer"]

_DONE = b"[DONE]"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LARGEST_DOCUMENT = 64 * 1024 * 1024


class ResponsesAnswer:
    """A stream of events, or a JSON document in one piece: whichever comes, whatever was asked for and is declared.

    Used as `hermes_compatible.answer.Answer` is, which reads chat completions.
    """

    def __init__(self, access: Access, model: str) -> None:
        self._access = access
        self._model = model
        self._assembler = Assembler(access, model)
        self._events = EventReader()
        self._document: list[bytes] | None = None
        self._size = 0
        self._started = False

    @property
    def done(self) -> bool:
        """Whether the answer's last event has come."""
        return bool(self._assembler.status)

    @property
    def began(self) -> bool:
        """Whether any content has come."""
        return self._assembler.began

    def feed(self, piece: bytes) -> Iterable[ProviderEvent]:
        """The events that more bytes give rise to. Raises `ProviderError`."""
        if not self._started:
            piece = piece.removeprefix(_BYTE_ORDER_MARK).lstrip()
            if not piece:
                return
            self._started = True
            if piece[:1] in (b"{", b"[", b"<"):
                self._document = []
        if self._document is not None:
            self._document.append(piece)
            self._size += len(piece)
            if self._size > _LARGEST_DOCUMENT:
                raise InvalidResponse(f"{self._access.endpoint.provider} sent an answer without end.")
            return
        for data in self._events.feed(piece):
            if data != _DONE and not self.done:
                yield from self._assembler.feed(self._event(data))

    def close(self) -> Iterable[ProviderEvent]:
        """The last events, when the body is over. Raises `ConnectionLost` for an answer that is not complete."""
        if self._document is not None:
            yield from self._whole(b"".join(self._document))
        elif not self.done:
            yield from self._unfinished_event()
        if not self.done:
            raise ConnectionLost(
                f"The answer of {self._access.endpoint.provider} broke off before its end.", partial=self.began
            )
        yield from self._assembler.end()

    def _unfinished_event(self) -> Iterable[ProviderEvent]:
        """An event at the end without its empty line, where it is whole: a cut one is part of a cut stream."""
        for data in self._events.close():
            if data != _DONE:
                try:
                    event = decode_event(data)
                except (msgspec.DecodeError, UnicodeError):
                    return
                yield from self._assembler.feed(event)

    def _whole(self, body: bytes) -> Iterable[ProviderEvent]:
        if body[:1] == b"<":
            raise not_json(self._access.endpoint, body)
        event = self._event(body)
        if event.output is None and event.status is None:
            raise InvalidResponse(f"{self._access.endpoint.provider} sent an answer without any output.")
        return self._assembler.whole(event)

    def _event(self, data: bytes) -> Event:
        try:
            event = decode_event(data)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise self._unreadable(data, error) from error
        if not event.type and event.object != "response":
            raise self._foreign(event, data)
        return event

    def _foreign(self, event: Event, data: bytes) -> ProviderError:
        """The error for JSON that is no event: an error object, or another wire format."""
        if event.error or event.message:
            return failed_response(self._access, self._model, error_of(event))
        return InvalidResponse(
            f"{self._access.endpoint.base_url} does not answer in the Responses format: {self._begins(data)!r}",
            remedy="Set `openai.api: chat` if it speaks chat completions.",
        )

    def _unreadable(self, data: bytes, error: Exception) -> InvalidResponse:
        provider = self._access.endpoint.provider
        return InvalidResponse(f"{provider} sent something unreadable ({error}): {self._begins(data)!r}")

    def _begins(self, data: bytes) -> str:
        return without_secrets(self._access.endpoint, data[:80].decode("utf-8", "replace"))
