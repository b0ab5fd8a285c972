"""Records as lines of JSON, and what counts as written.

Lines of an unknown kind, or that do not fit this host's structures, load as a `state` record named `UNKNOWN_RECORD`
whose data is the whole line; written back, they are what they were. Unknown keys of known records travel in
`data[UNKNOWN_KEYS]`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import SessionError
from hermes_host.messages import ToolResult, Unknown, decode_message, encode_message
from hermes_host.records import SessionInfo, SessionRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "FORMAT",
    "INFO_START",
    "UNKNOWN_KEYS",
    "UNKNOWN_RECORD",
    "committed_length",
    "decode_info",
    "decode_line",
    "decode_record",
    "encode_commit",
    "encode_info",
    "encode_record",
    "is_info",
    "record_of",
    "without_continuation",
]

FORMAT = 1
"""The file format. A file of a higher one is not touched."""

UNKNOWN_RECORD = "hermes.unknown_record"
UNKNOWN_KEYS = "hermes.unknown_keys"

INFO_START = b'{"kind":"info",'
_HEADER_START = b'{"kind":"session",'
_CONTINUES = b',"continues":true}'
_RECORD_KEYS = frozenset(SessionRecord.__struct_fields__)
_INFO_KEYS = frozenset(SessionInfo.__struct_fields__)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


def is_info(line: bytes) -> bool:
    """Whether the line says something about the conversation and is no record of it."""
    return line.startswith((INFO_START, _HEADER_START))


def encode_commit(records: Iterable[SessionRecord]) -> bytes:
    """The lines of one commit. Raises `SessionError` for a record that cannot be JSON."""
    lines = [encode_record(record) for record in records]
    for index, line in enumerate(lines[:-1]):
        lines[index] = line[:-1] + _CONTINUES
    lines.append(b"")
    return b"\n".join(lines)


def without_continuation(line: bytes) -> bytes:
    """The line as the last one of its commit."""
    return line.removesuffix(_CONTINUES) + b"}" if line.endswith(_CONTINUES) else line


def committed_length(data: bytes) -> int:
    """How many bytes of `data` belong to whole commits; 0 when none ends in it."""
    end = data.rfind(b"\n") + 1
    while end and data.endswith(_CONTINUES, 0, end - 1):
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end


def decode_line(line: bytes) -> dict[str, Any]:
    """The JSON object in `line`. Raises `ValueError` where there is none."""
    try:
        data = _decoder.decode(line)
    except msgspec.DecodeError:
        # The standard library's decoder takes lone surrogates, which bytes of unknown encoding in tool output become.
        data = json.loads(line)
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    data.pop("continues", None)
    return data


def decode_record(line: bytes) -> SessionRecord:
    """The record in `line`. Raises `ValueError` when it is not a JSON object."""
    return record_of(decode_line(line))


def record_of(data: dict[str, Any]) -> SessionRecord:
    """The record in a line that was decoded."""
    known = {key: value for key, value in data.items() if key in _RECORD_KEYS}
    message = known.pop("message", None)
    try:
        record = msgspec.convert(known, SessionRecord)
        changes: dict[str, Any] = {} if message is None else {"message": decode_message(message)}
    except (msgspec.ValidationError, AttributeError, TypeError):
        return _unknown(data)
    if len(known) + (message is not None) < len(data):
        extra = {key: value for key, value in data.items() if key not in _RECORD_KEYS}
        changes["data"] = {**record.data, UNKNOWN_KEYS: extra}
    return msgspec.structs.replace(record, **changes) if changes else record


def _unknown(data: dict[str, Any]) -> SessionRecord:
    identity, time = data.get("id"), data.get("time")
    return SessionRecord(
        kind="state",
        id=identity if isinstance(identity, str) else "",
        time=float(time) if isinstance(time, (int, float)) else 0.0,
        name=UNKNOWN_RECORD,
        data=data,
    )


def encode_record(record: SessionRecord) -> bytes:
    """One line without its newline. Raises `SessionError` for a record that cannot be JSON."""
    if record.name == UNKNOWN_RECORD:
        return _encode(record.data, record)
    if _is_plain(record):
        return _encode(record, record)
    fields: dict[str, Any] = {"kind": record.kind, "id": record.id, "time": record.time}
    for name in ("turn_id", "call_id", "outcome", "usage", "name"):
        value = getattr(record, name)
        if value or value is not None and name == "usage":
            fields[name] = value
    if record.message is not None:
        fields["message"] = encode_message(record.message)
    if record.data:
        data = dict(record.data)
        extra = data.pop(UNKNOWN_KEYS, {})
        if data:
            fields["data"] = data
        fields.update(extra)
    return _encode(fields, record)


def _is_plain(record: SessionRecord) -> bool:
    """Whether the record can be written as it stands: nothing in it came from a newer host."""
    message = record.message
    if UNKNOWN_KEYS in record.data or (message is not None and UNKNOWN_KEYS in message.meta):
        return False
    return message is None or all(map(_is_plain_part, message.parts))


def _is_plain_part(part: Any) -> bool:
    if type(part) is Unknown or UNKNOWN_KEYS in part.meta:
        return False
    return type(part) is not ToolResult or all(map(_is_plain_part, part.content))


def _encode(fields: Any, record: SessionRecord) -> bytes:
    try:
        return _encoder.encode(fields)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(fields), separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise SessionError(
            f"The {record.kind} record {record.name or record.id!r} cannot be written as JSON: {error}.",
            remedy="Record plain JSON values only.",
        ) from error


def encode_info(info: SessionInfo, extra: dict[str, Any], *, header: bool = False) -> bytes:
    """The line about the conversation, with its newline; `extra` are the keys this host does not know."""
    data: dict[str, Any] = {"kind": "session", "format": FORMAT} if header else {"kind": "info"}
    data["info"] = {**msgspec.to_builtins(info), **extra}
    return _encoder.encode(data) + b"\n"


def decode_info(line: bytes) -> tuple[SessionInfo, dict[str, Any]]:
    """What `encode_info` wrote, and the keys this host does not know. Raises `ValueError`.

    `SessionError` for a file format of a newer host.
    """
    data = decode_line(line)
    if data.get("format", FORMAT) != FORMAT:
        raise SessionError(
            f"The session file has the format {data['format']!r}; this host reads {FORMAT}.",
            remedy="Update with `pip install -U hermes-host`.",
        )
    fields: dict[str, Any] = data.get("info", {})
    info = msgspec.convert(fields, SessionInfo)
    return info, {key: value for key, value in fields.items() if key not in _INFO_KEYS}
