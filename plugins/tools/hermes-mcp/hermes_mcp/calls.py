"""Calls of servers' tools: judged against what was accepted of them, then made."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.cli.listing import count
from hermes_host.errors import HermesError, ToolError
from hermes_host.messages import Text
from hermes_host.protocols import Assessment, ToolOutput
from hermes_host.visible import one_line
from hermes_mcp.offers import objection
from hermes_mcp.session_servers import servers_of

if TYPE_CHECKING:
    from hermes_host.context import ToolContext
    from hermes_mcp.server import Server

__all__ = ["assess", "call"]

_PROGRESS_PAUSE = 0.1
_LISTED = 300


async def assess(arguments: dict[str, Any], call: ToolContext) -> Assessment:
    """Ask for everything but reading; ask anew where the server changed what it says about a tool."""
    servers = await servers_of(call)
    server, kind, name = servers.route(call.tool)
    if kind == "resources":
        return Assessment(verdict="allow")
    key = (call.session.id, call.call_id)
    try:
        connection = await server.connection()
        tool = connection.offer.tool(name) if connection.offer is not None else None
        if tool is None:
            raise ToolError(f"The MCP server {server.name!r} no longer offers the tool {name!r}.")
    except HermesError as error:
        # There is nothing to ask a person about; the call says why.
        servers.judge(key, error)
        return Assessment(verdict="allow")
    servers.judge(key, tool.fingerprint)
    why, shown = objection(tool, server.accepted)
    action = f"{one_line(name, 100)} of the MCP server {server.name} {json.dumps(arguments, ensure_ascii=False)}"
    if why:
        return Assessment(verdict="ask", reason=why, shown=f"{action}\n\n{shown}", rememberable=False)
    if tool.read_only:
        return Assessment(verdict="allow")
    reason = f"The tool {one_line(name, 100)!r} of the MCP server {server.name!r} can have effects."
    return Assessment(verdict="ask", reason=reason, shown=action)


async def call(arguments: dict[str, Any], call: ToolContext) -> ToolOutput:
    """Make the call."""
    servers = await servers_of(call)
    server, kind, name = servers.route(call.tool)
    if kind == "resources":
        return await _resources(server, name, arguments, call)
    judged = servers.judged.get((call.session.id, call.call_id), "")
    if isinstance(judged, HermesError):
        raise judged
    connection = await server.connection()
    tool = connection.offer.tool(name) if connection.offer is not None else None
    if tool is None or tool.fingerprint != judged:
        raise ToolError(
            f"The MCP server {server.name!r} changed the tool {name!r} while this call was decided on. "
            "Nothing was executed.",
            remedy="Make the call again.",
        )
    known = server.accepted.tools.get(name) if server.accepted is not None else None
    if known is None or known.fingerprint != tool.fingerprint:
        server.accept(tool)
    shown = _Progress(call)
    result = await connection.call(
        lambda client: client.call_tool(name, arguments, progress_callback=shown.report), call
    )
    from hermes_mcp.results import tool_output

    return _redacted(tool_output(result, call), server)


def _redacted(output: ToolOutput, server: Server) -> ToolOutput:
    """Without the secrets of the server's own settings, which the host need not know."""
    redact = server.log.redact
    if isinstance(output.content, str):
        return msgspec.structs.replace(output, content=redact(output.content))
    parts = tuple(
        msgspec.structs.replace(part, text=redact(part.text)) if isinstance(part, Text) else part
        for part in output.content
    )
    return msgspec.structs.replace(output, content=parts)


async def _resources(server: Server, kind: str, arguments: dict[str, Any], call: ToolContext) -> ToolOutput:
    connection = await server.connection()
    if kind == "read_resource":
        from hermes_mcp.results import resource_output

        uri = str(arguments["uri"])
        read = await connection.call(lambda client: client.read_resource(uri), call)
        return _redacted(resource_output(read, call), server)
    cursor = arguments.get("cursor") or None
    page = await connection.call(lambda client: client.list_resources(cursor=cursor), call)
    rows = [
        _without_empty(uri=str(item.uri), name=item.name, mime=item.mime_type, about=item.description, bytes=item.size)
        for item in page.resources[:_LISTED]
    ]
    templates: list[dict[str, Any]] = []
    if cursor is None:
        try:
            found = await connection.call(lambda client: client.list_resource_templates(), call)
            templates = [
                _without_empty(uri_template=item.uri_template, name=item.name, about=item.description)
                for item in found.resource_templates[:_LISTED]
            ]
        except ToolError:
            pass  # many servers have resources and know nothing of templates
    listing = {"resources": rows, "templates": templates, "next_cursor": page.next_cursor}
    return ToolOutput(
        content=json.dumps(_without_empty(**listing), ensure_ascii=False), title=count(len(rows), "resource")
    )


def _without_empty(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "", [])}


class _Progress:
    """Shows what the server reports, not more often than anybody can read."""

    def __init__(self, call: ToolContext) -> None:
        self._call = call
        self._shown = 0.0

    async def report(self, progress: float, total: float | None, message: str | None) -> None:
        now = time.monotonic()
        if now - self._shown < _PROGRESS_PAUSE and progress != total:
            return
        self._shown = now
        amount = f"{progress:g}" if total is None else f"{progress:g}/{total:g}"
        self._call.progress(one_line(f"{amount} {message or ''}", 300).strip() + "\n")
