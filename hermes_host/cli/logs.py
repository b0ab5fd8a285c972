"""Where log records and tracebacks go: `logs/hermes.log` in the home directory, readable by its owner alone.

They never go to the terminal by themselves: that belongs to the conversation. Known secrets are cut out.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from hermes_host.context import private_directory
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermes_host.host import Host

__all__ = ["append", "redacted", "set_up"]

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_ROTATED_AT = 5_000_000


def redacted(host: Host, text: str) -> str:
    """`text` without the secrets the host knows."""
    try:
        return host.secrets.redact(text)
    except (HermesError, OSError):
        return text  # the secrets cannot be read, so none of them is known


def append(host: Host, text: str) -> Path:
    """Add `text` to the log file. Raises `OSError`."""
    path = private_directory(host.home / "logs") / "hermes.log"
    if path.exists() and path.stat().st_size > _ROTATED_AT:
        path.replace(path.with_suffix(".log.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(redacted(host, text))
    return path


class _Handler(logging.Handler):
    """Gives each record as text to a function."""

    def __init__(self, write: Callable[[str], object], level: int) -> None:
        super().__init__(level)
        self.setFormatter(logging.Formatter(_FORMAT))
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(f"{self.format(record)}\n")
        except OSError:
            pass  # a full disk must not end what is being logged about


def set_up(host: Host, *, verbose: bool, show: Callable[[str], object] | None = None) -> None:
    """Send warnings and errors to the file; with `verbose`, everything from INFO on also to `show`.

    `show` defaults to standard error.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _Handler):
            root.removeHandler(handler)
    root.addHandler(_Handler(lambda text: append(host, text), logging.WARNING))
    if verbose:
        root.setLevel(logging.INFO)
        root.addHandler(_Handler(lambda text: (show or sys.stderr.write)(redacted(host, text)), logging.INFO))
