"""Everything a server offers, asked for page by page, bounded, and made safe to keep."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ToolError
from hermes_host.visible import one_line, visible
from hermes_mcp.offers import Offer, PromptArgument, PromptOffer, ToolOffer, fingerprint
from hermes_mcp.schemas import usable_schema
from hermes_mcp.suspicion import suspicions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mcp import Client

__all__ = ["fetch"]

MOST = 1_000
"""Entries of one list."""
_PAGES = 200
_DESCRIPTION = 4_000


async def fetch(client: Client, server: str, identity: str) -> Offer:
    """Ask for all lists. Raises `ToolError` when a list does not end."""
    can = client.server_capabilities
    notes: list[str] = []
    tools: dict[str, ToolOffer] = {}
    if can.tools is not None:
        for tool in await _all(lambda cursor: client.list_tools(cursor=cursor, cache_mode="refresh"), "tools", notes):
            if tool.name in tools:
                notes.append(f"It lists the tool {one_line(tool.name, 60)!r} twice; the first one counts.")
            tools.setdefault(tool.name, _tool(tool))
    prompts: list[Any] = []
    if can.prompts is not None:
        prompts = await _all(lambda cursor: client.list_prompts(cursor=cursor, cache_mode="refresh"), "prompts", notes)
    info = client.server_info
    return Offer(
        server=server,
        identity=identity,
        protocol=client.protocol_version,
        software=one_line(f"{info.name} {info.version}", 100) if info is not None else "",
        tools=tuple(tools.values()),
        prompts=tuple(_prompt(prompt) for prompt in prompts),
        resources=can.resources is not None and await _has_resources(client),
        fetched=time.time(),
        notes=tuple(notes),
    )


async def _has_resources(client: Client) -> bool:
    """Whether there are any: many servers say that they can have some and have none."""
    from mcp import MCPError

    try:
        if (await client.list_resources(cache_mode="refresh")).resources:
            return True
        return bool((await client.list_resource_templates(cache_mode="refresh")).resource_templates)
    except MCPError:
        return False


async def _all(ask: Callable[[str | None], Awaitable[Any]], what: str, notes: list[str]) -> list[Any]:
    found: list[Any] = []
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(_PAGES):
        page = await ask(cursor)
        found += getattr(page, what)
        cursor = page.next_cursor
        if cursor is None or len(found) >= MOST:
            if len(found) > MOST or cursor is not None:
                notes.append(f"It lists more than {MOST} {what}; the others are left out.")
            return found[:MOST]
        if cursor in seen:
            raise ToolError(f"Its list of {what} does not end: a page leads back to an earlier one.")
        seen.add(cursor)
    raise ToolError(f"Its list of {what} does not end: {_PAGES} pages.")


def _tool(tool: Any) -> ToolOffer:
    raw = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    hints = tool.annotations
    parameters, note = usable_schema(raw.get("inputSchema"))
    description = tool.description or tool.title or ""
    read_only = bool(hints is not None and hints.read_only_hint)
    return ToolOffer(
        name=tool.name,
        description=visible(description[:_DESCRIPTION]),
        parameters=parameters,
        read_only=read_only,
        parallel=read_only,
        fingerprint=fingerprint(raw),
        warnings=suspicions("\n".join([tool.name, description, *_texts(raw.get("inputSchema"))])),
        note=note,
    )


def _texts(node: Any) -> list[str]:
    """Every text of a schema: instructions hide in parameters too."""
    found: list[str] = []
    waiting = [node]
    while waiting and len(found) < 2_000:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item[:_DESCRIPTION])
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return found


def _prompt(prompt: Any) -> PromptOffer:
    return PromptOffer(
        name=prompt.name,
        description=one_line(prompt.description or prompt.title or "", 200),
        arguments=tuple(
            PromptArgument(name=argument.name, required=bool(argument.required))
            for argument in (prompt.arguments or ())[:50]
        ),
    )
