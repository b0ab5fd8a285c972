"""One answer on its way: bytes in, provider events out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hermes_compatible.assembly import Assembler
from hermes_compatible.failures import failed_in_stream, not_json, without_secrets
from hermes_compatible.reading import BodyReader
from hermes_compatible.wire import Chunk, decode_chunk
from hermes_host.errors import ConnectionLost, InvalidResponse, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_compatible.endpoint import Endpoint
    from hermes_host.stream import ProviderEvent

__all__ = ["Answer"]

_DONE = b"[DONE]"

_MINIMAX_STATUS = {1002: 429, 1004: 401, 1008: 402, 1039: 400, 2049: 401}
"""MiniMax tells errors by `base_resp.status_code` in an answer of status 200; what is not here counts as 500."""


class Answer:
    """A stream of events, or a JSON document in one piece: whichever comes, whatever was asked for and is declared."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self.done = False
        """Whether `[DONE]` has come."""
        self._endpoint = endpoint
        self._model = model
        self._assembler = Assembler(endpoint.provider, think_tags=endpoint.quirks.think_tags)
        self._body = BodyReader(endpoint.provider)

    @property
    def began(self) -> bool:
        """Whether any content has come."""
        return self._assembler.began

    def feed(self, piece: bytes) -> Iterable[ProviderEvent]:
        """The events that more bytes give rise to. Raises `ProviderError`."""
        feed = self._assembler.feed
        for data in self._body.feed(piece):
            if data == _DONE:
                self.done = True
                return
            yield from feed(self._chunk(data))

    def close(self) -> Iterable[ProviderEvent]:
        """The last events, when the body is over. Raises `ConnectionLost` for an answer that is not complete."""
        if self._body.is_document:
            yield from self._assembler.feed(self._whole(self._body.document()))
        elif not self.done:
            yield from self._unfinished_event()
        if not self._assembler.finish_reason:
            raise self._incomplete()
        if self._assembler.finish_reason == "error":
            # OpenRouter ends an answer like this when the provider behind it fails.
            raise failed_in_stream(self._endpoint, self._model, {"message": "The model failed.", "code": 502})
        yield from self._assembler.end()

    def _unfinished_event(self) -> Sequence[ProviderEvent]:
        """An event at the end without its empty line, where it is whole: a cut one is part of a cut stream."""
        for data in self._body.close():
            if data != _DONE:
                try:
                    return self._assembler.feed(self._chunk(data))
                except InvalidResponse:
                    return ()
        return ()

    def _incomplete(self) -> ProviderError:
        name = self._endpoint.provider
        if self._assembler.chosen or not (self.done or self._body.is_document):
            return ConnectionLost(f"The answer of {name} broke off before its end.", partial=self.began)
        return InvalidResponse(f"{name} sent an answer without any content (no choices).")

    def _whole(self, body: bytes) -> Chunk:
        if body[:1] == b"<":
            raise not_json(self._endpoint, body)
        chunk = self._chunk(body)
        if not chunk.choices:
            raise InvalidResponse(f"{self._endpoint.provider} sent an answer without any content (no choices).")
        return chunk

    def _chunk(self, data: bytes) -> Chunk:
        try:
            chunk = decode_chunk(data)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise self._unreadable(data, error) from error
        if chunk.error or chunk.base_resp is not None or chunk.choices is None:
            self._raise_error(chunk, data)
        return chunk

    def _raise_error(self, chunk: Chunk, data: bytes) -> None:
        """Raise what an answer of status 200 says has failed; some servers put the error in the place of the chunk."""
        error: Any = chunk.error
        if not error and chunk.base_resp is not None and chunk.base_resp.status_code:
            code = chunk.base_resp.status_code
            error = {"message": chunk.base_resp.status_msg, "code": _MINIMAX_STATUS.get(code, 500)}
        if not error and chunk.choices is None and chunk.usage is None:
            try:
                value = msgspec.json.decode(data)  # looks at what the first decoding passed over
            except (msgspec.DecodeError, UnicodeError) as failure:
                raise self._unreadable(data, failure) from failure
            error = value if isinstance(value, dict) and ("message" in value or "detail" in value) else None
        if error:
            raise failed_in_stream(self._endpoint, self._model, error)

    def _unreadable(self, data: bytes, error: Exception) -> InvalidResponse:
        begins = without_secrets(self._endpoint, data[:80].decode("utf-8", "replace"))
        return InvalidResponse(f"{self._endpoint.provider} sent something unreadable ({error}): {begins!r}")
