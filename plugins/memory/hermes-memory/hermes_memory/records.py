"""What is kept beside the two files: who stood behind each entry, what was changed, and what waits for consent.

Beside and not in them, because the files belong to the user, are edited by hand, and are read by other programs. JSON
is written in ASCII: an entry may hold surrogates for bytes that are no UTF-8.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from hermes_host.messages import Provenance
from hermes_memory import files
from hermes_memory.entries import Target, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Action", "Edit", "History", "Origins", "Pending", "Stamp", "Waiting", "changes"]

Action = Literal["add", "replace", "remove"]

T = TypeVar("T")

_HISTORY_BYTES = 512_000
"""When the history is longer, its older half goes."""

_RECORD_BYTES = 64_000_000
"""What is read of a file at most; these files stay far below it."""


class Stamp(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who stood behind an entry."""

    origin: Provenance
    time: float
    """Seconds since the epoch."""
    by: Literal["tool", "hand"] = "tool"
    session: str = ""
    consent: bool = False
    """The owner was asked and agreed to words that were not theirs."""


class Edit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of one file: which entries went and came, each with its place before or after the change."""

    number: int
    action: str
    target: Target
    stamp: Stamp
    removed: tuple[tuple[int, str], ...] = ()
    added: tuple[tuple[int, str], ...] = ()
    stamps: dict[str, Stamp] = {}
    """The stamps of the entries that went, by fingerprint, for when they come back."""
    undoes: int = 0
    """The number of the edit this one takes back."""


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A write that waits for the owner's consent. It is shown to people and never to a model."""

    number: int
    action: Action
    target: Target
    stamp: Stamp
    content: str = ""
    old_text: str = ""


class Origins:
    """The stamps of the entries, by the hash of their text: they survive whatever is done to the files by hand."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Stamp]:
        """All stamps. A damaged file is an empty one: entries then count as written by hand."""
        return _read(self._path, dict[str, Stamp]) or {}

    def note(self, new: Mapping[str, Stamp], kept: Iterable[str]) -> None:
        """Keep new stamps, by fingerprint, and forget those of all entries but `kept`. Hold the lock."""
        known = self.read()
        wanted = {fingerprint(entry) for entry in kept}
        stamps = {key: value for key, value in {**known, **new}.items() if key in wanted}
        if stamps != known:
            files.replace(self._path, _encode(stamps), durable=False)


class History:
    """Every edit, one JSON object a line; written before the file is changed, so an edit may not have taken effect."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Edit]:
        """The edits, oldest first, without lines that cannot be read."""
        found = (_decode(line, Edit) for line in files.read(self._path, _RECORD_BYTES).split(b"\n") if line)
        return [edit for edit in found if edit is not None]

    def next_number(self) -> int:
        """The number of the next edit. Hold the lock."""
        for line in reversed(files.read(self._path, _RECORD_BYTES).split(b"\n")):
            edit = _decode(line, Edit) if line else None
            if edit is not None:
                return edit.number + 1
        return 1

    def append(self, edit: Edit) -> None:
        """Add the next edit. Hold the lock."""
        if self._path.exists() and self._path.stat().st_size > _HISTORY_BYTES:
            files.replace(self._path, self._newer_half(), durable=False)
        files.append(self._path, _encode(edit))

    def _newer_half(self) -> bytes:
        kept: list[bytes] = []
        length = 0
        for edit in reversed(self.read()):
            line = _encode(edit) + b"\n"
            length += len(line)
            if kept and length > _HISTORY_BYTES // 2:
                break
            kept.append(line)
        return b"".join(reversed(kept))


class _WaitingFile(msgspec.Struct, kw_only=True):
    next: int = 1
    items: list[Pending] = []


class Waiting:
    """The writes that wait for consent."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Pending]:
        """All of them, oldest first."""
        return self._file().items

    def add(self, *, action: Action, target: Target, stamp: Stamp, content: str = "", old_text: str = "") -> Pending:
        """Keep one more; the same write twice is kept once. Hold the lock."""
        kept = self._file()
        for item in kept.items:
            if (item.action, item.target, item.content, item.old_text) == (action, target, content, old_text):
                return item
        item = Pending(number=kept.next, action=action, target=target, stamp=stamp, content=content, old_text=old_text)
        kept.items.append(item)
        kept.next += 1
        files.replace(self._path, _encode(kept))
        return item

    def remove(self, number: int) -> None:
        """Let one go. Hold the lock."""
        kept = self._file()
        kept.items = [item for item in kept.items if item.number != number]
        files.replace(self._path, _encode(kept))

    def _file(self) -> _WaitingFile:
        return _read(self._path, _WaitingFile) or _WaitingFile()


def _encode(value: Any) -> bytes:
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=True).encode("ascii")


def _decode(data: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.convert(json.loads(data), kind)
    except (ValueError, msgspec.ValidationError):
        return None


def _read(path: Path, kind: type[T]) -> T | None:
    data = files.read(path, _RECORD_BYTES)
    return _decode(data, kind) if data else None


def changes(before: Sequence[str], after: Sequence[str]) -> tuple[Sequence[tuple[int, str]], Sequence[tuple[int, str]]]:
    """What went from `before` and what came into `after`, with places. Entries never repeat within a file."""
    old, new = set(before), set(after)
    removed = [(place, entry) for place, entry in enumerate(before) if entry not in new]
    added = [(place, entry) for place, entry in enumerate(after) if entry not in old]
    return removed, added
