"""Conversations of Hermes Agent 0.5: its database `state.db` (schema 6 and older) and what its export wrote.

The original file is only read. Columns that an older schema lacks are empty.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hermes_host.errors import SessionError
from hermes_host.messages import Media, Message, Reasoning, Text, ToolCall, ToolResult
from hermes_host.records import SessionInfo, SessionRecord
from hermes_host.stream import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from hermes_host.messages import Part, Provenance

__all__ = ["conversation", "is_database", "read_database"]

Row = dict[str, Any]

_OWN_SURFACES = frozenset({"", "cli", "tui", "acp", "api_server", "cron", "tool"})
"""Where the owner alone speaks; elsewhere it may have been anybody who was let in."""


def is_database(path: Path) -> bool:
    """Whether the file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"


def read_database(path: Path) -> Iterator[tuple[SessionInfo, list[SessionRecord]]]:
    """Every conversation in a `state.db`, oldest first. Raises `SessionError` for another database or a damaged one."""
    log = path.with_name(f"{path.name}-wal")
    # Without a log nobody is writing, and the file can be read without leaving a trace beside it.
    mode = "mode=ro" if log.exists() and log.stat().st_size else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=5.0)) as connection:
            connection.row_factory = _as_dict
            columns = {table: _columns(connection, table) for table in ("sessions", "messages")}
            if "id" not in columns["sessions"] or not {"session_id", "role"} <= columns["messages"]:
                raise SessionError(f"{path} is no state.db of Hermes Agent.")
            order = "started_at" if "started_at" in columns["sessions"] else "id"
            within = "timestamp, id" if "timestamp" in columns["messages"] else "id"
            for session in connection.execute(f"SELECT * FROM sessions ORDER BY {order}").fetchall():
                messages = connection.execute(
                    f"SELECT * FROM messages WHERE session_id = ? ORDER BY {within}", (session["id"],)
                ).fetchall()
                yield conversation(session, messages)
    except sqlite3.Error as error:
        raise SessionError(
            f"{path} could not be read: {error}.", remedy="End the program that uses it, or repair it, and try again."
        ) from error


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Row:
    return dict(zip((column[0] for column in cursor.description), row, strict=True))


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {str(row["name"]) for row in connection.execute(f"PRAGMA table_info({table})")}


def conversation(
    session: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> tuple[SessionInfo, list[SessionRecord]]:
    """A conversation from the rows of `sessions` and `messages`, or from the objects its export wrote."""
    session_id = str(session.get("id") or "")
    source = str(session.get("source") or "cli")
    records = list(_records(session_id, source, rows))
    started = _number(session.get("started_at")) or (records[0].time if records else 0.0)
    ended = _number(session.get("ended_at"))
    cached, written = _count(session.get("cache_read_tokens")), _count(session.get("cache_write_tokens"))
    provider, model = session.get("billing_provider") or "", session.get("model") or ""
    info = SessionInfo(
        id=session_id,
        started=started,
        updated=max([started, ended, *(record.time for record in records)]),
        title=str(session.get("title") or ""),
        source=source,
        model=f"{provider}:{model}" if provider and model else str(model),
        parent=str(session.get("parent_session_id") or ""),
        ended=str(session.get("end_reason") or "") if ended else "",
        usage=Usage(
            # There, what came from the cache is counted apart.
            input=_count(session.get("input_tokens")) + cached + written,
            output=_count(session.get("output_tokens")),
            cached=cached,
            cache_write=written,
            reasoning=_count(session.get("reasoning_tokens")),
        ),
    )
    return info, records


def _records(session_id: str, source: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[SessionRecord]:
    names: dict[str, str] = {}
    results: list[ToolResult] = []
    last: tuple[str, float] = ("", 0.0)
    for number, row in enumerate(rows):
        identity = str(row.get("id") or f"{session_id}-{number}")
        when = _number(row.get("timestamp")) or last[1]
        role = row.get("role")
        if role == "tool":
            call_id = str(row.get("tool_call_id") or "")
            name = str(row.get("tool_name") or names.get(call_id, "") or "tool")
            results.append(ToolResult(call_id=call_id, name=name, content=(Text(text=_text(row.get("content"))),)))
            last = identity, when
            continue
        if results:
            yield _record(last[0], last[1], Message(role="tool", parts=tuple(results), provenance="external"))
            results = []
        last = identity, when
        if role == "user":
            whose: Provenance = "owner" if source in _OWN_SURFACES else "member"
            yield _record(identity, when, Message(role="user", parts=_content(row.get("content")), provenance=whose))
        elif role == "assistant":
            parts = tuple(_answer(row))
            names.update({part.id: part.name for part in parts if isinstance(part, ToolCall)})
            cut = row.get("finish_reason") in ("length", "incomplete")
            yield _record(identity, when, Message(role="assistant", parts=parts, incomplete=cut))
    if results:
        yield _record(last[0], last[1], Message(role="tool", parts=tuple(results), provenance="external"))


def _record(identity: str, when: float, message: Message) -> SessionRecord:
    return SessionRecord(kind="message", id=identity, time=when, message=message)


def _answer(row: Mapping[str, Any]) -> Iterator[Part]:
    kept = {
        f"hermes_agent.{name}": value
        for name in ("reasoning_details", "codex_reasoning_items")
        if (value := _json(row.get(name)))
    }
    if row.get("reasoning") or kept:
        yield Reasoning(text=_text(row.get("reasoning")), meta=kept)
    yield from (part for part in _content(row.get("content")) if not isinstance(part, Text) or part.text)
    calls = _json(row.get("tool_calls"))
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield _call(call)


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call.get("function")
    described = function if isinstance(function, dict) else call
    raw = described.get("arguments")
    arguments = _json(raw)
    return ToolCall(
        id=str(call.get("id") or call.get("call_id") or ""),
        name=str(described.get("name") or "tool"),
        arguments=arguments if isinstance(arguments, dict) else None,
        raw=raw if isinstance(raw, str) else json.dumps(raw) if raw is not None else "",
    )


def _content(content: Any) -> tuple[Part, ...]:
    """Text as it is; lists of parts, as images come in, as parts."""
    parts = _json(content) if isinstance(content, str) and content.startswith('[{"type"') else content
    if not isinstance(parts, list) or not all(isinstance(part, dict) and "type" in part for part in parts):
        return (Text(text=_text(content)),)
    found: list[Part] = []
    for part in parts:
        image = part.get("image_url")
        if isinstance(image, dict) and isinstance(image.get("url"), str):
            found.append(Media(kind="image", mime="image/*", url=image["url"]))
        else:
            found.append(Text(text=_text(part.get("text"))))
    return tuple(found)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(value: Any) -> Any:
    if not isinstance(value, (str, bytes)):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _count(value: Any) -> int:
    return int(value) if isinstance(value, (int, float)) else 0
