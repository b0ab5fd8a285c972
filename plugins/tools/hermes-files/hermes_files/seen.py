"""What the model last saw or wrote of each file, so that it does not write over changes it does not know of."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hermes_host.context import SessionContext

__all__ = ["Seen", "seen"]

_KEY = "files.seen"


class Seen:
    """Hashes of file contents by resolved path, of one conversation."""

    def __init__(self) -> None:
        self._digests: dict[str, bytes] = {}

    def note(self, path: str, data: bytes) -> None:
        """The model knows `data` as the content of `path`."""
        self._digests[path] = _digest(data)

    def forget(self, path: str) -> None:
        """The file is gone."""
        self._digests.pop(path, None)

    def state(self, path: str, data: bytes) -> Literal["never", "current", "changed"]:
        """Whether the model knows `path`, and whether `data` is still what it knows."""
        known = self._digests.get(path)
        if known is None:
            return "never"
        return "current" if known == _digest(data) else "changed"


def seen(session: SessionContext) -> Seen:
    """The conversation's own record."""
    record = session.memory.get(_KEY)
    if not isinstance(record, Seen):
        record = session.memory[_KEY] = Seen()
    return record


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
