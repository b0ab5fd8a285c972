"""One log file for each server: what it writes to its standard error, what it logs, and what happened to it.

A server that floods is cut off: so many bytes are written per second, the rest is counted. Two files of `SIZE` bytes at
most are kept for each.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["LogFile"]

SIZE = 1_000_000
RATE = 64_000
"""Bytes per second."""
_LINE = 2_000


class LogFile:
    """Where one server's lines go. Secrets are taken out of them first."""

    def __init__(self, path: Path, redact: Callable[[str], str]) -> None:
        self.path = path
        self.redact = redact
        """Takes secrets out of a text."""
        self._window = 0.0
        self._written = 0
        self._dropped = 0
        self.last: list[str] = []
        """The newest lines, for error messages."""

    def write(self, text: str, *, origin: str = "") -> None:
        """Append lines. Never raises: a full disk must not end a call."""
        now = time.time()
        if now - self._window >= 1.0:
            if self._dropped:
                self._append(now, f"[{self._dropped} bytes left out: it writes too much]", "hermes")
            self._window, self._written, self._dropped = now, 0, 0
        if self._written > RATE:
            self._dropped += len(text)
            return
        for line in text[: RATE + _LINE].splitlines():
            if line.strip():
                self._append(now, visible(self.redact(line[:_LINE])), origin)

    def tail(self, lines: int) -> list[str]:
        """The newest lines of both files."""
        found: list[str] = []
        for path in (self._older, self.path):
            try:
                found += path.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                continue
        return found[-lines:]

    @property
    def _older(self) -> Path:
        return self.path.with_name(f"{self.path.name}.1")

    def _append(self, now: float, line: str, origin: str) -> None:
        if origin == "stderr":
            self.last = [*self.last[-4:], line]
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        data = f"{stamp} {origin:<6} {line}\n".encode("utf-8", "replace")
        self._written += len(data)
        try:
            private_directory(self.path.parent)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, data)
                full = os.fstat(descriptor).st_size > SIZE
            finally:
                os.close(descriptor)
            if full:
                self.path.replace(self._older)
        except OSError:
            pass
