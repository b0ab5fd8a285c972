"""Answers: their beginning, their body in pieces within limits, and answers that were read to the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from hermes_network.bodies import accepts, content_type_of, unpacking_of
from hermes_network.errors import FetchFailed, Kind

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from hermes_network.journal import Entry, Journal
    from hermes_network.targets import Target

__all__ = ["Fetched", "Response"]

_PIECE = 1 << 16
_LOOK = 512
"""Bytes from which the type is told."""


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was read to its end, or to the limit where it was to be cut."""

    url: str
    """Where it came from, after redirects."""
    status: int
    headers: Mapping[str, str]
    """Names in lower case; without cookies."""
    content_type: str
    """What it is, such as `text/html`; see `hermes_network.bodies.content_type_of`."""
    charset: str
    """As the server declares it, empty where it does not. Decoding is the caller's: pages declare their own."""
    body: bytes
    redirects: tuple[str, ...] = ()
    """Scheme, host and port of every server that sent the request on."""
    truncated: bool = False

    @property
    def ok(self) -> bool:
        """Whether the server says that it worked."""
        return 200 <= self.status < 300

    def raise_for_status(self) -> None:
        """Raise `FetchFailed` of the kind `status` for an answer that is not a success."""
        if not self.ok:
            host = self.url.split("://", 1)[-1].split("/", 1)[0]
            raise FetchFailed(f"{host} answered {self.status}.", kind="status", host=host, status=self.status)


class Response:
    """The beginning of an answer. Read `pieces` once, within the `async with` that gave it."""

    def __init__(
        self,
        response: ClientResponse,
        target: Target,
        *,
        limit: int,
        cut: bool,
        redirects: Sequence[str],
        entry: Entry,
        journal: Journal | None,
        clock: Callable[[], float],
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = _joined(response)
        self.url = str(target.url)
        """Where it came from, after redirects."""
        self.redirects = tuple(redirects)
        self.charset = (response.charset or "").lower()
        self.content_type = ""
        self.truncated = False
        """Set where the body was cut at the limit, once it has been read."""
        self._response = response
        self._host = target.host
        self._limit = limit
        self._cut = cut
        self._received = 0
        self._entry = entry
        self._journal = journal
        self._clock = clock
        self._failed = ""
        self._unpacked = self._unpack()
        self._beginning = b""

    async def begin(self, accept: Sequence[str]) -> None:
        """Read enough of the body to tell its type. Raises `FetchFailed` when the caller does not accept it."""
        length = self._response.content_length or 0
        if length > self._limit and not self._cut and self._response.method != "HEAD":
            raise self._fail(f"{self._host} would send {length:,} bytes, more than {self._limit:,}.", "size")
        while len(self._beginning) < _LOOK:
            piece = await anext(self._unpacked, b"")
            if not piece:
                break
            self._beginning += piece
        self.content_type = content_type_of(self.headers.get("content-type", ""), self._beginning[:_LOOK])
        if 200 <= self.status < 300 and self._beginning and not accepts(accept, self.content_type):
            raise self._fail(
                f"{self._host} sent {self.content_type}, and only {', '.join(accept)} can be used here.", "type"
            )

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, unpacked. Raises `FetchFailed` where it breaks a limit or ends too early."""
        beginning, self._beginning = self._beginning, b""
        if beginning:
            yield beginning
        async for piece in self._unpacked:
            yield piece

    async def read(self) -> bytes:
        """The whole body, at most as large as the limit."""
        return b"".join([piece async for piece in self.pieces()])

    async def aclose(self) -> None:
        """Free the connection: for the next request after a whole body, by closing it otherwise. Writes the log."""
        await self._unpacked.aclose()
        if not self._response.content.at_eof():
            self._response.close()
        else:
            self._response.release()
        if self._journal is not None:
            self._journal.write(
                msgspec.structs.replace(
                    self._entry,
                    verdict="failed" if self._failed else "ok",
                    rule=self._failed,
                    status=self.status,
                    received=self._received,
                    seconds=round(self._clock() - self._entry.time, 3),
                )
            )
            self._journal = None

    async def _unpack(self) -> AsyncGenerator[bytes]:
        from aiohttp import ClientError

        if self._response.method == "HEAD":
            return
        unpacking = unpacking_of(self.headers.get("content-encoding", ""), self._host)
        size = 0
        try:
            async for raw in self._response.content.iter_chunked(_PIECE):
                self._received += len(raw)
                for piece in unpacking.pieces(raw) if unpacking is not None else (raw,):
                    room = self._limit - size
                    size += len(piece)
                    if size <= self._limit:
                        yield piece
                        continue
                    if not self._cut:
                        raise self._fail(f"{self._host} sent more than {self._limit:,} bytes.", "size")
                    self.truncated = True
                    yield piece[:room]
                    return
            if unpacking is not None:
                unpacking.check_end()
        except TimeoutError as error:
            raise self._fail(f"{self._host} stopped sending.", "timeout") from error
        except ClientError as error:
            raise self._fail(f"{self._host} broke its answer off.", "protocol") from error
        except FetchFailed as error:
            self._failed = error.kind
            raise

    def _fail(self, message: str, kind: Kind) -> FetchFailed:
        self._failed = kind
        return FetchFailed(message, kind=kind, host=self._host, status=self.status)


def _joined(response: ClientResponse) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        if key != "set-cookie":
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found
