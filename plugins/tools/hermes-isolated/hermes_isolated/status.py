"""What runs, for `hermes plugins top`: a small file for each host process, held against `/proc` when it is read."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.context import private_directory
from hermes_isolated.measure import begun, memory_bytes, processor_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Running", "Status", "running"]


class _Row(msgspec.Struct):
    plugin: str
    version: str
    workspace: str
    pid: int
    begun: int
    since: float
    calls: int
    restarts: int


class _File(msgspec.Struct):
    host: int
    begun: int
    rows: list[_Row]


class Running(msgspec.Struct):
    """A running isolated plugin."""

    plugin: str
    version: str
    workspace: str
    host: int
    """The process id of its host."""
    pid: int
    memory: int
    """Bytes of resident memory, of all its processes."""
    cpu_seconds: float
    calls: int
    """Of this host, also before restarts."""
    restarts: int
    uptime: float
    """Seconds since this process was started."""


class Status:
    """The file of this host."""

    def __init__(self, home: Path) -> None:
        self._path = _folder(home) / f"{os.getpid()}.json"

    def write(self, rows: Sequence[dict[str, Any]]) -> None:
        """Say what runs; without anything that runs there is no file. Never raises."""
        try:
            if not rows:
                self._path.unlink(missing_ok=True)
                return
            found = [_Row(begun=begun(row["pid"]), **row) for row in rows]
            private_directory(self._path.parent)
            temporary = self._path.with_suffix(".tmp")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(_File(os.getpid(), begun(os.getpid()), found)))
            temporary.replace(self._path)
        except OSError:
            pass  # a listing is not worth a call


def running(home: Path) -> list[Running]:
    """What runs now, of all hosts of this home. Files of hosts that are gone are removed."""
    found = [
        _measured(file, row) for file in _files(home) for row in file.rows if row.pid and begun(row.pid) == row.begun
    ]
    return sorted(found, key=lambda each: (each.plugin, each.host, each.workspace))


def _measured(file: _File, row: _Row) -> Running:
    return Running(
        plugin=row.plugin,
        version=row.version,
        workspace=row.workspace,
        host=file.host,
        pid=row.pid,
        memory=memory_bytes(row.pid),
        cpu_seconds=round(processor_seconds(row.pid), 2),
        calls=row.calls,
        restarts=row.restarts,
        uptime=round(max(0.0, time.time() - row.since), 1),
    )


def _files(home: Path) -> Iterator[_File]:
    for path in sorted(_folder(home).glob("*.json")):
        try:
            file = msgspec.json.decode(path.read_bytes(), type=_File)
        except (OSError, msgspec.DecodeError):
            continue
        if begun(file.host) == file.begun:
            yield file
        else:
            path.unlink(missing_ok=True)


def _folder(home: Path) -> Path:
    return home / "cache" / "isolated" / "running"
