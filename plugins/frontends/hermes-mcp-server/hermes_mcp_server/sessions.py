"""Conversations as resources: `hermes://sessions/ID` as Markdown, `hermes://sessions/ID/json` as JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import mcp_types as types
import msgspec

from hermes_host.cli.listing import count
from hermes_host.errors import NotFound
from hermes_host.messages import Media, Text, ToolCall, ToolResult, encode_message
from hermes_host.protocols import SessionStore
from hermes_host.sessions.exchange import describe
from hermes_host.visible import one_line
from hermes_mcp_server.contents import ContentSource
from hermes_mcp_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext
    from hermes_host.messages import Message
    from hermes_host.records import SessionInfo, SessionRecord

__all__ = ["SessionResources", "sessions", "session_uri"]

_MOST = 1_000
"""Conversations that are listed, the newest of them."""

_RESULT_LIMIT = 2_000
"""Characters of one tool's result in the Markdown form; the JSON form has all of it."""

_URI = re.compile(r"hermes://sessions/([A-Za-z0-9_]{1,64})(/json)?")


def session_uri(session_id: str) -> str:
    """Where a conversation can be read."""
    return f"hermes://sessions/{session_id}"


async def sessions(context: PluginContext, spec: Any) -> ContentSource:
    """The conversations that clients may see."""
    seen = context.section(Settings, "mcp_server").sessions
    if seen == "none":
        return ContentSource()
    return SessionResources(await context.services.get(SessionStore), context, source="mcp" if seen == "own" else "")


class SessionResources(ContentSource):
    """The conversations of one surface, or of all."""

    def __init__(self, store: SessionStore, context: PluginContext, *, source: str) -> None:
        self._store = store
        self._context = context
        self._source = source

    async def resources(self) -> Sequence[types.Resource]:
        """The newest first, without those in which nothing was said."""
        return [self._resource(info) for info in self._listed()]

    async def templates(self) -> Sequence[types.ResourceTemplate]:
        """Both forms of a conversation."""
        return (
            types.ResourceTemplate(
                name="session",
                title="A conversation",
                uri_template="hermes://sessions/{id}",
                description="A conversation of this host as Markdown.",
                mime_type="text/markdown",
            ),
            types.ResourceTemplate(
                name="session_json",
                title="A conversation as data",
                uri_template="hermes://sessions/{id}/json",
                description="A conversation of this host as JSON, with every message whole.",
                mime_type="application/json",
            ),
        )

    async def read(self, uri: str) -> Sequence[types.TextResourceContents] | None:
        """One conversation. Raises `NotFound`, also for one that clients may not see."""
        if not uri.startswith("hermes://sessions/"):
            return None
        matched = _URI.fullmatch(uri)
        info = self._info(matched[1]) if matched else None
        if matched is None or info is None:
            raise NotFound(f"There is no session {uri!r}.")
        messages = _messages(self._store.load(info.id))
        if matched[2]:
            document = {"session": describe(info), "messages": [encode_message(message) for message in messages]}
            text, mime = msgspec.json.encode(document).decode(), "application/json"
        else:
            text, mime = _markdown(info, messages), "text/markdown"
        return [types.TextResourceContents(uri=uri, mime_type=mime, text=self._context.redact(text))]

    async def complete(self, reference: str, argument: str, value: str) -> Sequence[str] | None:
        """Ids of conversations that begin with what was typed."""
        if not reference.startswith("hermes://sessions/") or argument != "id":
            return None
        return [info.id for info in self._listed() if info.id.startswith(value)]

    def _listed(self) -> Sequence[SessionInfo]:
        return [info for info in self._store.list(limit=_MOST, source=self._source) if info.messages]

    def _info(self, session_id: str) -> SessionInfo | None:
        try:
            info = self._store.find(session_id)
        except NotFound:
            return None
        return info if info.id == session_id and self._source in ("", info.source) else None

    def _resource(self, info: SessionInfo) -> types.Resource:
        changed = datetime.fromtimestamp(info.updated, UTC)
        return types.Resource(
            name=info.id,
            title=self._context.redact(one_line(info.title or info.preview, 100)) or info.id,
            uri=session_uri(info.id),
            description=f"{count(info.messages, 'message')}, on {info.source}, with {info.model}",
            mime_type="text/markdown",
            annotations=types.Annotations(last_modified=changed.isoformat(timespec="seconds")),
        )


def _messages(records: Sequence[SessionRecord]) -> Sequence[Message]:
    """Those that count: what the user took back stays in the log, and is not shown."""
    removed = {
        identity
        for record in records
        if record.kind == "state" and record.name == "host.removed"
        for identity in record.data.get("records", ())
    }
    return [
        record.message for record in records if record.message and record.kind == "message" and record.id not in removed
    ]


def _markdown(info: SessionInfo, messages: Sequence[Message]) -> str:
    begun = datetime.fromtimestamp(info.started, UTC).isoformat(timespec="seconds")
    parts = [f"# {one_line(info.title or info.preview, 100) or info.id}", f"{info.id} · {begun} · {info.model}"]
    heading = {"user": "## User", "assistant": "## Assistant", "tool": "## Results"}
    for message in messages:
        said = [text for part in message.parts if (text := _part(part))]
        if said:
            parts += [heading[message.role], *said]
    return "\n\n".join(parts) + "\n"


def _part(part: Any) -> str:
    if isinstance(part, Text):
        return part.text.strip()
    if isinstance(part, Media):
        return f"[{part.kind}: {part.name or part.mime}]"
    if isinstance(part, ToolCall):
        arguments = part.raw or msgspec.json.encode(part.arguments).decode()
        return f"- calls `{part.name}` with `{one_line(arguments, 300)}`"
    if isinstance(part, ToolResult):
        text = "".join(inner.text for inner in part.content if isinstance(inner, Text))
        cut = f"\n[… {len(text) - _RESULT_LIMIT} more characters]" if len(text) > _RESULT_LIMIT else ""
        quoted = "\n".join(f"> {line}" for line in (text[:_RESULT_LIMIT] + cut).splitlines())
        return f"`{part.name}`{' failed' if part.is_error else ''}:\n\n{quoted}"
    return ""
