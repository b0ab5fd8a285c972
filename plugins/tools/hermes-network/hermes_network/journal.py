"""The log of what left this machine: hosts, sizes and verdicts. No paths, no queries, no headers, no secrets."""

from __future__ import annotations

import logging
import os
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from hermes_host.context import private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Entry", "Journal"]

_logger = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request, or one that was refused. A redirect is a request of its own."""

    time: float
    """When it began, in seconds since the epoch."""
    purpose: str
    verdict: str
    """`ok`, `refused` or `failed`."""
    method: str = "GET"
    scheme: str = ""
    host: str = ""
    port: int = 0
    rule: str = ""
    """Which rule refused, or what failed."""
    status: int = 0
    sent: int = 0
    """Bytes of the body that was sent."""
    received: int = 0
    """Bytes of the body as they came, before unpacking."""
    seconds: float = 0.0


class Journal:
    """Lines of JSON in one file; when it is full it becomes `….1` and a new one is begun."""

    def __init__(self, path: Path, *, size: int = 5_000_000, enabled: bool = True) -> None:
        self.path = path
        self.enabled = enabled
        self._size = size
        self._complained = False

    @property
    def previous(self) -> Path:
        """The file before the present one."""
        return self.path.with_name(f"{self.path.name}.1")

    def write(self, entry: Entry) -> None:
        """Add a line. A failure is said once and stops nothing: the answer is already on its way."""
        if not self.enabled:
            return
        try:
            private_directory(self.path.parent)
            self._append(msgspec.json.encode(entry) + b"\n")
        except OSError as error:
            if not self._complained:
                self._complained = True
                _logger.warning("The network log cannot be written: %s", error.strerror or error)

    def read(self, limit: int, *, host: str = "", verdict: str = "") -> list[Entry]:
        """The newest entries, oldest first; a host also stands for what lies below it. Torn lines are passed over."""
        found: deque[Entry] = deque(maxlen=limit)
        for entry in self._all():
            if verdict and entry.verdict != verdict:
                continue
            if host and entry.host != host and not entry.host.endswith(f".{host}"):
                continue
            found.append(entry)
        return list(found)

    def _all(self) -> Iterator[Entry]:
        decoder = msgspec.json.Decoder(Entry)
        for path in (self.previous, self.path):
            try:
                file = path.open("rb")
            except OSError:
                continue
            with file:
                for line in file:
                    try:
                        yield decoder.decode(line)
                    except msgspec.MsgspecError:
                        continue

    def _append(self, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self.path, flags, 0o600)
        try:
            full = os.fstat(descriptor).st_size + len(line) > self._size
            if not full or not self._rotate(descriptor):
                os.write(descriptor, line)
                return
        finally:
            os.close(descriptor)
        self._append(line)

    def _rotate(self, descriptor: int) -> bool:
        """Put the full file aside, unless another process has just done so. False for a file that is empty."""
        about = os.fstat(descriptor)
        if about.st_size == 0:
            return False
        if about.st_ino == os.stat(self.path).st_ino:
            os.replace(self.path, self.previous)
        return True
