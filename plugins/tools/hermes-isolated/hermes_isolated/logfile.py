"""One log file for each plugin: what its process writes, and what happened to it.

A process that floods is cut off: so many bytes are kept for a second, the rest is counted. Two files of `SIZE` bytes
are kept. They lie in this plugin's own folder, where the isolated plugin cannot put a link in their place.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.visible import visible

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["LogFile"]

SIZE = 1_000_000
_RATE = 64_000
"""Bytes per second."""
_LINE = 2_000
_CHUNK = 1 << 18


class LogFile:
    """Where one plugin's lines go. Secrets are taken out of them first."""

    def __init__(self, path: Path, redact: Callable[[str], str]) -> None:
        self.path = path
        self.redact = redact
        """Takes secrets out of a text."""
        self._window = 0.0
        self._written = 0
        self._dropped = 0
        self.last: list[str] = []
        """The newest lines the process wrote, for error messages."""

    async def follow(self, stream: asyncio.StreamReader) -> None:
        """Take in everything a process writes, until it ends."""
        unfinished = b""
        while chunk := await stream.read(_CHUNK):
            if self._full(len(chunk)):
                unfinished = b""
                continue
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            self.write(b"\n".join(lines).decode("utf-8", "replace"), of_plugin=True)
            if len(unfinished) > _LINE:
                self.write(unfinished.decode("utf-8", "replace"), of_plugin=True)
                unfinished = b""
        if unfinished:
            self.write(unfinished.decode("utf-8", "replace"), of_plugin=True)
        self._own_up()

    def write(self, text: str, *, of_plugin: bool = False) -> None:
        """Append lines. Never raises: a full disk must not end a call."""
        now = time.time()
        for line in text.splitlines():
            if of_plugin and self._full(len(line)):
                continue
            if line.strip():
                shown = visible(self.redact(line[:_LINE]))
                self._append(now, "plugin" if of_plugin else "hermes", shown)
                if of_plugin:
                    self.last = [*self.last[-4:], shown]

    def _full(self, size: int) -> bool:
        """Whether what has come this second is enough; then `size` bytes more are counted as left out."""
        now = time.monotonic()
        if now - self._window >= 1.0:
            self._window, self._written = now, 0
            self._own_up()
        if self._written < _RATE:
            return False
        self._dropped += size
        return True

    def _own_up(self) -> None:
        """Say how much was left out."""
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self._append(time.time(), "hermes", f"[{dropped} bytes left out: it writes too much]")

    def _append(self, now: float, origin: str, line: str) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        data = f"{stamp} {origin} {line}\n".encode("utf-8", "replace")
        self._written += len(data)
        try:
            private_directory(self.path.parent)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            try:
                os.write(descriptor, data)
                full = os.fstat(descriptor).st_size > SIZE
            finally:
                os.close(descriptor)
            if full:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        except OSError:
            pass
