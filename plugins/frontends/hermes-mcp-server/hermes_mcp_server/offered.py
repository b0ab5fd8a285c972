"""Which tools clients may call, as MCP describes them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import mcp_types as types
import msgspec

from hermes_host.toolsets import select_tools
from hermes_mcp_server.settings import SAFE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.registry import Contribution
    from hermes_host.specs import ToolSpec

__all__ = ["OfferedTools"]

_READING = frozenset({"read", "net"})
_CHANGING = frozenset({"write", "process", "send"})


class OfferedTools:
    """The tools of the toolsets the user chose, as they are now."""

    def __init__(self, host: Host, toolsets: Sequence[str], *, reserved: frozenset[str] = frozenset()) -> None:
        """`reserved` names are this server's own: a tool of that name is left out."""
        self._host = host
        self._toolsets = [name for name in toolsets if name != SAFE]
        self._safe = SAFE in toolsets
        self._reserved = reserved
        self._contributions: dict[str, Contribution[ToolSpec]] = {}
        self._mark = ""
        self.tools: list[types.Tool] = []

    async def refresh(self) -> bool:
        """Look again; whether anything changed. Raises `NotFound` for a toolset that does not exist."""
        await self._host.refresh_tools()
        found = {tool.name: tool for tool in self._selected() if tool.name not in self._reserved}
        tools = [tool for contribution in found.values() if (tool := self._described(contribution)) is not None]
        plain = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
        mark = hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()
        changed = mark != self._mark
        self._mark, self.tools, self._contributions = mark, tools, found
        return changed

    def names(self) -> tuple[str, ...]:
        """For `Host.start`."""
        return tuple(self._contributions)

    def get(self, name: str) -> ToolSpec | None:
        """A tool that may be called."""
        found = self._contributions.get(name)
        return found.spec if found is not None else None

    def _selected(self) -> Sequence[Contribution[ToolSpec]]:
        found = {tool.name: tool for tool in select_tools(self._host, self._toolsets, "mcp")}
        if self._safe:
            everything = select_tools(self._host, ["all"], "mcp")
            found |= {tool.name: tool for tool in everything if tool.spec.effects <= _READING}
        return [found[name] for name in sorted(found)]

    def _described(self, contribution: Contribution[ToolSpec]) -> types.Tool | None:
        parameters = self._host.parameters(contribution)
        if parameters is None:
            return None
        spec = contribution.spec
        schema: dict[str, Any] = {"type": "object", **parameters.schema}
        changes = bool(spec.effects & _CHANGING)
        return types.Tool(
            name=spec.name,
            description=spec.summary,
            input_schema=schema,
            annotations=types.ToolAnnotations(
                read_only_hint=not changes,
                destructive_hint=changes,
                open_world_hint=bool(spec.effects & {"net", "send"}),
            ),
        )
