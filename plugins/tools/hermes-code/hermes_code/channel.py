"""What comes back from the terminal backend, cut into frames again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BrokenChannel", "Frames", "framed"]

_NOISE_KEPT = 4096
_LENGTH = 4


class BrokenChannel(Exception):
    """What came is no frame: the script has written into a channel that is not its own."""


def framed(data: bytes) -> bytes:
    """The data with its length before it."""
    return len(data).to_bytes(_LENGTH, "big") + data


class Frames:
    """Cuts one stream into frames: after `word`, a kind of `kind_size` bytes, the length, and the data."""

    def __init__(self, word: bytes, *, kind_size: int, largest: int) -> None:
        """Frames of more than `largest` bytes break the channel."""
        self._word = word
        self._kind_size = kind_size
        self._largest = largest
        self._held = bytearray()
        self.begun = False
        """Whether the word has come."""
        self._noise = b""

    @property
    def noise(self) -> bytes:
        """The end of what came before it, such as a complaint of the interpreter."""
        return self._noise if self.begun else self._noise + self._held

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that are complete now: kind and data. Raises `BrokenChannel`."""
        self._held += data
        if not self.begun and not self._begin():
            return
        head = self._kind_size + _LENGTH
        while len(self._held) >= head:
            size = int.from_bytes(self._held[self._kind_size : head], "big")
            if size > self._largest:
                raise BrokenChannel(f"a frame of {size} bytes")
            if len(self._held) < head + size:
                return
            kind, body = bytes(self._held[: self._kind_size]), bytes(self._held[head : head + size])
            del self._held[: head + size]
            yield kind, body

    def _begin(self) -> bool:
        before, word, rest = self._held.partition(self._word)
        if not word:
            # The word may have come in part.
            before, rest = before[: -len(self._word)], before[-len(self._word) :]
        self._noise = (self._noise + before)[-_NOISE_KEPT:]
        self._held = rest
        self.begun = bool(word)
        return self.begun
