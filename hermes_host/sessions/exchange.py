"""Conversations on their way from one store to another: one line of JSON each, whole.

A line is an object with the fields of `SessionInfo` and `records`, each in the form it has in a session file. Read are
such lines, and the JSON-lines store's own session files.
"""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import SessionError
from hermes_host.records import SessionInfo
from hermes_host.sessions.lines import (
    committed_length,
    decode_info,
    decode_line,
    decode_record,
    encode_record,
    is_info,
    record_of,
)
from hermes_host.sessions.summary import advance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_host.records import SessionRecord

__all__ = ["describe", "read_line", "read_lines", "write_line"]

_HEADER = b'{"kind":"session",'


def describe(info: SessionInfo) -> dict[str, Any]:
    """All keys, also those that are empty, so that a program can rely on them."""
    values = {name: getattr(info, name) for name in SessionInfo.__struct_fields__}
    values["usage"] = {name: getattr(info.usage, name) for name in info.usage.__struct_fields__}
    plain: dict[str, Any] = msgspec.to_builtins(values)
    return plain


def write_line(info: SessionInfo, records: Sequence[SessionRecord]) -> bytes:
    """The conversation as one line, with its newline."""
    start = msgspec.json.encode(describe(info))[:-1]
    return start + b',"records":[' + b",".join(encode_record(record) for record in records) + b"]}\n"


def read_lines(file: IO[bytes]) -> Iterator[tuple[SessionInfo, Sequence[SessionRecord]]]:
    """Every conversation in a file. Raises `SessionError`, which names the line, for what is none."""
    first = file.readline()
    if first.startswith(_HEADER):
        yield _session_file(first + file.read())
        return
    number, line = 1, first
    while line:
        if line.strip():
            try:
                data = decode_line(line)
            except ValueError as error:
                raise _unreadable(number, str(error)) from error
            yield read_line(data, number)
        number, line = number + 1, file.readline()


def read_line(data: dict[str, Any], number: int = 1) -> tuple[SessionInfo, Sequence[SessionRecord]]:
    """The conversation in a line that was decoded. Raises `SessionError`."""
    records = data.get("records")
    if not isinstance(records, list):
        raise _unreadable(number, "there is no list `records`")
    known = {key: value for key, value in data.items() if key in SessionInfo.__struct_fields__}
    try:
        info = msgspec.convert(known, SessionInfo)
    except msgspec.ValidationError as error:
        raise _unreadable(number, str(error)) from error
    if not all(isinstance(record, dict) for record in records):
        raise _unreadable(number, "a record is not an object")
    return info, [record_of(record) for record in records]


def _session_file(data: bytes) -> tuple[SessionInfo, Sequence[SessionRecord]]:
    info, records = None, []
    for number, line in enumerate(data[: committed_length(data)].split(b"\n"), start=1):
        if not line:
            continue
        try:
            if is_info(line):
                info, _ = decode_info(line)
            else:
                records.append(decode_record(line))
                info = advance(info, records[-1]) if info is not None else None
        except (ValueError, json.JSONDecodeError) as error:
            raise _unreadable(number, str(error)) from error
    if info is None:
        raise _unreadable(1, "the file holds no session")
    return info, records


def _unreadable(number: int, why: str) -> SessionError:
    return SessionError(
        f"Line {number} is no conversation: {why}.",
        remedy="Nothing was imported. Files come from `hermes sessions export`.",
    )
