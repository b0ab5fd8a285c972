"""Bodies within limits: unpacked piece by piece, and named by what they are rather than by what is claimed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from hermes_network.errors import FetchFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["PACKINGS", "Unpacking", "accepts", "content_type_of", "unpacking_of"]

PACKINGS = "gzip, deflate"
"""What requests accept. Another packing is refused unread."""
_PIECE = 1 << 16
_RATIO = 200
"""How many times its size packed data may become; text rarely gets to 30, a bomb to 1,000."""
_RATIO_FROM = 1 << 20
"""Bytes from which the ratio counts."""

_BINARY = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ\x90", "application/x-executable"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown", "unknown/unknown"})


class Unpacking:
    """Unpacks one body. Raises `FetchFailed` for what cannot be unpacked, or grows without measure."""

    def __init__(self, packing: str, host: str) -> None:
        self._host = host
        self._raw_tried = packing != "deflate"
        self._unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        self._came = 0
        self._made = 0

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """The unpacked bytes of a piece, at most 64 KiB at a time."""
        self._came += len(data)
        while data:
            piece = self._step(data)
            data = self._unpack.unconsumed_tail
            if self._unpack.eof:
                # What follows the end, another member or padding, is not read.
                data = b""
            self._made += len(piece)
            if self._made > _RATIO_FROM and self._made > _RATIO * self._came:
                raise FetchFailed(
                    f"{self._host} sent data that unpacks to more than {_RATIO} times its size.",
                    kind="packing",
                    host=self._host,
                )
            if piece:
                yield piece

    def check_end(self) -> None:
        """Raise `FetchFailed` when the packed data was cut off."""
        if self._came and not self._unpack.eof:
            raise FetchFailed(f"{self._host} sent packed data that was cut off.", kind="packing", host=self._host)

    def _step(self, data: bytes) -> bytes:
        try:
            return self._unpack.decompress(data, _PIECE)
        except zlib.error:
            if self._raw_tried or self._made:
                raise FetchFailed(
                    f"{self._host} sent data that cannot be unpacked.", kind="packing", host=self._host
                ) from None
        # Some servers call it deflate and leave its frame out.
        self._raw_tried = True
        self._unpack = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        return self._step(data)


def unpacking_of(header: str, host: str) -> Unpacking | None:
    """How to unpack a body by its Content-Encoding. Raises `FetchFailed` for what was not asked for."""
    packing = header.strip().lower()
    if packing in ("", "identity"):
        return None
    if packing in ("gzip", "x-gzip", "deflate"):
        return Unpacking(packing, host)
    raise FetchFailed(
        f"{host} sent data packed as {packing[:40]!r}, which was not asked for.", kind="packing", host=host
    )


def content_type_of(declared: str, beginning: bytes) -> str:
    """The type of a body, lower case, without parameters.

    What is declared holds, unless it says nothing, or calls text what is not: then the first bytes decide. Nothing ever
    becomes HTML or a script by its looks.
    """
    kind = declared.partition(";")[0].strip().lower()
    textual = kind.startswith("text/") or kind.endswith(("json", "xml", "javascript"))
    if kind not in _VAGUE and not textual:
        return kind
    found = _magic(beginning)
    if found:
        return found
    if textual and _binary(beginning):
        return "application/octet-stream"
    if kind in _VAGUE:
        return "application/octet-stream" if not beginning or _binary(beginning) else "text/plain"
    return kind


def accepts(accept: Sequence[str], kind: str) -> bool:
    """Whether a type is one of those a caller reads, such as `text/*` or `application/json`."""
    if not accept:
        return True
    names = {name.partition(";")[0].strip().lower() for name in accept}
    return bool(names & {kind, f"{kind.partition('/')[0]}/*", "*/*"})


def _magic(beginning: bytes) -> str:
    for start, kind in _BINARY:
        if beginning.startswith(start):
            return kind
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        return "image/webp"
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WAVE":
        return "audio/wav"
    return "video/mp4" if beginning[4:8] == b"ftyp" else ""


def _binary(beginning: bytes) -> bool:
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    # Control characters that no text has; the list of the WHATWG's MIME Sniffing standard.
    return any(byte <= 0x08 or byte == 0x0B or 0x0E <= byte <= 0x1A or 0x1C <= byte <= 0x1F for byte in beginning)
