"""What is known about a conversation: kept by its writer, and worked out from the end of its file by everybody else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import Message, decode_message
from hermes_host.records import SessionInfo, SessionRecord
from hermes_host.sessions.lines import INFO_START, committed_length, decode_info, is_info
from hermes_host.sessions.titles import printable
from hermes_host.stream import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["INFO_INTERVAL", "Summary", "advance", "read_summary"]

INFO_INTERVAL = 32 * 1024
"""A writer repeats the info line before this many bytes of records lie behind the last one."""

_MODEL_STATE = "host.model"
"""The state in which the host records that a conversation goes on with another model."""

_TAIL = INFO_INTERVAL + 4096
_PREVIEW = 80


class Summary(msgspec.Struct, frozen=True):
    """The info, the keys in it that this host does not know, and where the committed part of the file ends."""

    info: SessionInfo
    extra: dict[str, Any]
    length: int


class _Brief(msgspec.Struct):
    """The part of a record that a summary needs; the message stays undecoded bytes."""

    kind: str
    time: float = 0.0
    message: msgspec.Raw = msgspec.Raw(b"null")
    usage: Usage | None = None
    name: str = ""
    data: dict[str, Any] = {}


class _BriefMessage(msgspec.Struct):
    role: str = ""


_brief = msgspec.json.Decoder(_Brief)
_brief_message = msgspec.json.Decoder(_BriefMessage)


def advance(info: SessionInfo, record: SessionRecord) -> SessionInfo:
    """The info after one more record."""
    message = record.message
    preview = _preview(message) if message is not None and message.role == "user" and not info.preview else ""
    return _advance(info, record.kind, record.time, record.name, record.data, record.usage, preview)


def _advance(
    info: SessionInfo,
    kind: str,
    time: float,
    name: str,
    data: dict[str, Any],
    usage: Usage | None,
    preview: str,
) -> SessionInfo:
    changes: dict[str, Any] = {"updated": max(info.updated, time)}
    if kind == "message":
        changes["messages"] = info.messages + 1
        if preview:
            changes["preview"] = preview
    elif kind == "turn_finished" and usage is not None:
        changes["usage"] = info.usage + usage
    elif kind == "state" and name == _MODEL_STATE and isinstance(data.get("model"), str):
        changes["model"] = data["model"]
    return msgspec.structs.replace(info, **changes)


def _preview(message: Message) -> str:
    # Only the beginning is looked at: a pasted file of megabytes costs no more than a sentence.
    text = printable(message.said[: 4 * _PREVIEW])
    return text if len(text) <= _PREVIEW else text[: _PREVIEW - 1].rstrip() + "…"


def read_summary(descriptor: int, session_id: str) -> Summary | None:
    """The summary of an open session file, or None when nothing was ever committed to it.

    Reads the end of the file; the whole of it only where no info line is found there, which our own writer prevents.
    Raises `SessionError` for a newer file format and `OSError`.
    """
    status = os.fstat(descriptor)
    start = max(0, status.st_size - _TAIL)
    data = os.pread(descriptor, status.st_size - start, start)
    length = committed_length(data)
    at = data.rfind(b"\n" + INFO_START, 0, length) + 1
    if start and not at:
        start, data = 0, _read_all(descriptor, status.st_size)
        length = committed_length(data)
    if not length:
        return None
    info, extra = _fold(data[at:length].split(b"\n"), session_id, status.st_mtime)
    return Summary(info, extra, start + length)


def _read_all(descriptor: int, size: int) -> bytes:
    pieces, position = [], 0
    while position < size and (piece := os.pread(descriptor, size - position, position)):
        pieces.append(piece)
        position += len(piece)
    return b"".join(pieces)


def _fold(lines: Iterable[bytes], session_id: str, modified: float) -> tuple[SessionInfo, dict[str, Any]]:
    # The fallback serves a file whose header was damaged: its records can still be listed and opened.
    info = SessionInfo(id=session_id, started=modified, updated=modified)
    extra: dict[str, Any] = {}
    for line in lines:
        if not line:
            continue
        try:
            if is_info(line):
                info, extra = decode_info(line)
                info = msgspec.structs.replace(info, id=session_id)
            else:
                info = _advance_line(info, line)
        except (ValueError, TypeError):
            continue
    return info, extra


def _advance_line(info: SessionInfo, line: bytes) -> SessionInfo:
    record = _brief.decode(line)
    preview = ""
    if record.kind == "message" and not info.preview and _brief_message.decode(record.message).role == "user":
        preview = _preview(decode_message(msgspec.json.decode(record.message)))
    return _advance(info, record.kind, record.time, record.name, record.data, record.usage, preview)
