"""The audit log: one JSON object a line with the digest of the line before it, written by any number of processes.

Beside `approvals.jsonl` stands `approvals.jsonl.lock`: who holds its lock may write, and it holds the number, digest
and file size of the last line, so that an end that was cut off is noticed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hermes_host.context import private_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["AuditLog", "Busy", "Fault"]

NAME = "approvals.jsonl"
_PUT_ASIDE = re.compile(rf"{re.escape(NAME)}\.(\d+)")
_TAIL = 262_144
_FIRST = "0" * 64
_FLAGS = os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Busy(Exception):
    """Another process is writing just now."""


class Fault(msgspec.Struct, frozen=True):
    """Something in the log that is not as it was written."""

    file: str
    line: int
    what: str


class _Head(NamedTuple):
    number: int = 0
    digest: str = _FIRST
    size: int = 0


class AuditLog:
    """The log in one home directory."""

    def __init__(self, home: Path, *, limit: int = 10_000_000) -> None:
        """At `limit` bytes the file is put aside and a new one begun."""
        self.file = home / "logs" / NAME
        self._limit = limit

    def append(self, record: dict[str, Any], *, wait: bool = True) -> None:
        """Write one record. Raises `OSError` when the disk refuses, and `Busy` when it would have to wait and may not;
        nothing is then written."""
        private_directory(self.file.parent)
        with self._locked(wait) as lock:
            descriptor = os.open(self.file, os.O_RDWR | os.O_APPEND | _FLAGS, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                head = self._last(lock, descriptor, size)
                if size and size >= self._limit:
                    self._put_aside()
                    os.close(descriptor)
                    descriptor = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_EXCL | _FLAGS, 0o600)
                    size = 0
                line = msgspec.json.encode({"number": head.number + 1, **record, "previous": head.digest})
                separator = b"\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else b""
                self._write(descriptor, size, separator + line + b"\n")
                written = _Head(head.number + 1, _digest(line), size + len(separator) + len(line) + 1)
                os.pwrite(lock, _encoded(written), 0)
            finally:
                os.close(descriptor)

    @staticmethod
    def _write(descriptor: int, size: int, data: bytes) -> None:
        try:
            written = os.write(descriptor, data)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
        if written != len(data):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, "only a part of the line could be written")

    @contextmanager
    def _locked(self, wait: bool) -> Iterator[int]:
        lock = os.open(self.file.with_name(f"{NAME}.lock"), os.O_RDWR | _FLAGS, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise Busy from None
            yield lock
        finally:
            os.close(lock)

    def _last(self, lock: int, descriptor: int, size: int) -> _Head:
        """The last line: what the lock file says, or the one line more that a killed process got written."""
        head = _decoded(os.pread(lock, 200, 0))
        if head is not None and head.size == size:
            return head
        found = _tail(descriptor, size)
        if found is None:
            return head or _Head()
        number, previous, digest = found
        if head is None or (number == head.number + 1 and previous == head.digest):
            return _Head(number, digest, size)
        return head

    def _put_aside(self) -> None:
        numbers = [number for number, _ in self._put_aside_files()]
        self.file.rename(self.file.with_name(f"{NAME}.{max(numbers, default=0) + 1}"))

    def _put_aside_files(self) -> list[tuple[int, Path]]:
        matches = ((_PUT_ASIDE.fullmatch(path.name), path) for path in self.file.parent.glob(f"{NAME}.*"))
        return sorted((int(match[1]), path) for match, path in matches if match)

    # ------------------------------------------------------------------------------------------------ reading

    def files(self) -> Sequence[Path]:
        """All files of the log, oldest first."""
        files = [path for _, path in self._put_aside_files()]
        return [*files, self.file] if self.file.exists() else files

    def lines(self, *, last: int = 0) -> Iterator[tuple[Path, int, bytes]]:
        """Every line, oldest first, with its file and its number in it; with `last`, of so many files."""
        for path in self.files()[-last:]:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    yield path, number, line.rstrip(b"\n")

    def records(self, *, last: int = 0) -> Iterator[dict[str, Any]]:
        """Every record that can be read, oldest first; with `last`, those of the last so many files."""
        for _, _, line in self.lines(last=last):
            try:
                record = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(record, dict):
                yield record

    def verify(self) -> tuple[int, Sequence[Fault]]:
        """How many lines there are, and what is not as it was written; waits for a process that is writing."""
        if not self.file.parent.is_dir():
            return 0, ()
        with self._locked(wait=True) as lock:
            head = _decoded(os.pread(lock, 200, 0))
            return self._verified(head)

    def _verified(self, head: _Head | None) -> tuple[int, Sequence[Fault]]:
        faults: list[Fault] = []
        count, number, digest = 0, 0, _FIRST
        for path, at, line in self.lines():
            count += 1
            found = _numbers(line)
            if found is None:
                faults.append(Fault(path.name, at, "this is no record"))
            else:
                if found[0] != number + 1:
                    faults.append(Fault(path.name, at, f"record {found[0]} follows record {number}"))
                elif found[1] != digest:
                    faults.append(Fault(path.name, at, "the line before it is not the one that was written"))
                number = found[0]
            digest = _digest(line)
        if count and head is None:
            faults.append(Fault(f"{NAME}.lock", 1, "the number of the last record is missing"))
        elif head is not None and number < head.number:
            faults.append(Fault(NAME, count, f"the end is missing: {head.number} records were written"))
        elif head is not None and number == head.number and digest != head.digest:
            faults.append(Fault(NAME, count, "the last line is not the one that was written"))
        return count, faults


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _encoded(head: _Head) -> bytes:
    return f"{head.number:020d} {head.digest} {head.size:020d}\n".encode()


def _decoded(text: bytes) -> _Head | None:
    match = re.fullmatch(rb"(\d{20}) ([0-9a-f]{64}) (\d{20})\n", text)
    return _Head(int(match[1]), match[2].decode(), int(match[3])) if match else None


def _tail(descriptor: int, size: int) -> tuple[int, str, str] | None:
    """Number, previous digest and own digest of the last line that is a record."""
    data = os.pread(descriptor, min(size, _TAIL), max(0, size - _TAIL))
    for line in reversed(data.split(b"\n")):
        found = _numbers(line)
        if found is not None:
            return *found, _digest(line)
    return None


def _numbers(line: bytes) -> tuple[int, str] | None:
    try:
        record = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    if not isinstance(record, dict):
        return None
    number, previous = record.get("number"), record.get("previous")
    return (number, previous) if isinstance(number, int) and isinstance(previous, str) else None
