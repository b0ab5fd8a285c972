"""The gateway's log file: what happens, without secrets, in files that do not grow without end."""

from __future__ import annotations

import logging
import logging.handlers
import select
import sys
from typing import TYPE_CHECKING, TextIO

from hermes_host.context import private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_host.host import Host

__all__ = ["follow", "log_to_file", "log_to_screen"]

_SIZE, _FILES = 5_000_000, 3


class _Redacting(logging.Formatter):
    def __init__(self, host: Host, form: str, date: str | None = None) -> None:
        super().__init__(form, date)
        self._redact = host.context("gateway").redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def log_to_file(host: Host) -> None:
    """Write records from INFO on of the gateway and its plugins, and warnings of all others, to `logs/gateway.log`."""
    from hermes_gateway.process import LOG

    path = private_directory(host.home / "logs") / LOG
    path.touch(mode=0o600)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_SIZE, backupCount=_FILES, encoding="utf-8")
    handler.setFormatter(_Redacting(host, "%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name.startswith("hermes_"))
    root = logging.getLogger()
    root.addHandler(handler)
    logging.getLogger("hermes_gateway").setLevel(logging.INFO)


def log_to_screen(host: Host) -> None:
    """Show warnings, and records made with `extra={"shown": True}`, to whoever watches the gateway run."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Redacting(host, "%(asctime)s %(message)s", "%H:%M:%S"))
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or getattr(record, "shown", False))
    logging.getLogger().addHandler(handler)


def follow(file: TextIO) -> Iterator[str]:
    """The lines that are added to an open file, until Ctrl+C."""
    waiting = select.poll()
    try:
        while True:
            line = file.readline()
            if line:
                yield line
                sys.stdout.flush()
            else:
                waiting.poll(300)  # regular files cannot be waited for; this is a person's screen
    except KeyboardInterrupt:
        return
