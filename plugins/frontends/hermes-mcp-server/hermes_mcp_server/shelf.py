"""The resources and prompts of all content sources, as one."""

# ruff: noqa: TID253 - nothing here is imported before a client is served

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from hermes_host.errors import HermesError, NotFound
from hermes_mcp_server.contents import ContentSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import mcp_types as types

    from hermes_host.context import PluginContext

__all__ = ["Shelf"]

log = logging.getLogger(__name__)

_PAGE = 100
"""Resources in one answer."""


class Shelf:
    """What the plugins put there. A source that fails is left out, and that is logged."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context
        self._sources: list[ContentSource] = []
        self.has_prompts = False

    async def fill(self) -> None:
        """Make the sources."""
        for contribution in self._context.registry("mcp_contents"):
            try:
                source = await self._context.part(contribution)
            except HermesError as error:
                log.warning("%s", contribution.record.add_problem(contribution.title, str(error)).line())
                continue
            self._sources.append(source)
            self.has_prompts = self.has_prompts or _offers_prompts(source)

    async def page(self, cursor: str | None) -> tuple[Sequence[types.Resource], str | None]:
        """Some resources, and where the next ones begin. Raises `MCPError` for a cursor that was never given."""
        found: list[types.Resource] = []
        for source in self._sources:
            found += await source.resources()
        start = 0
        if cursor is not None:
            # The last resource of the page before: what was added or taken away meanwhile shifts nothing.
            uris = [str(resource.uri) for resource in found]
            if cursor not in uris:
                raise MCPError(INVALID_PARAMS, "The cursor is not valid any more. List from the beginning.")
            start = uris.index(cursor) + 1
        page = found[start : start + _PAGE]
        more = start + _PAGE < len(found)
        return page, str(page[-1].uri) if more else None

    async def templates(self) -> Sequence[types.ResourceTemplate]:
        """All templates."""
        return [template for source in self._sources for template in await source.templates()]

    async def read(self, uri: str) -> Sequence[Any]:
        """The contents behind a URI. Raises `NotFound`."""
        for source in self._sources:
            contents = await source.read(uri)
            if contents is not None:
                return contents
        raise NotFound(f"There is no resource {uri[:200]!r}.")

    async def prompts(self) -> Sequence[types.Prompt]:
        """All prompts."""
        return [prompt for source in self._sources for prompt in await source.prompts()]

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> types.GetPromptResult:
        """A prompt with its arguments filled in. Raises `NotFound`."""
        for source in self._sources:
            found = await source.prompt(name, arguments)
            if found is not None:
                return found
        raise NotFound(f"There is no prompt {name[:100]!r}.")

    async def complete(self, reference: str, argument: str, value: str) -> Sequence[str]:
        """How what was typed may go on; empty where nobody knows."""
        for source in self._sources:
            values = await source.complete(reference, argument, value)
            if values is not None:
                return values
        return ()


def _offers_prompts(source: ContentSource) -> bool:
    return type(source).prompts is not ContentSource.prompts
