"""What a plugin yields from `hermes_mcp_contents`: resources and prompts for the clients of this server.

Everything is in the types of `mcp_types`. A source answers None for what is not its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import mcp_types as types

__all__ = ["ContentSource", "ContentSourceSpec"]


class ContentSourceSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Resources and prompts. Target: `(context: PluginContext, spec) -> ContentSource`, sync or async."""

    name: str
    summary: str
    target: str
    priority: int = 0
    """Sources with a higher priority are asked first whose a URI or a name is."""


class ContentSource:
    """To be derived from: what is not overridden is nothing."""

    async def resources(self) -> Sequence[types.Resource]:
        """What can be read, in a stable order."""
        return ()

    async def templates(self) -> Sequence[types.ResourceTemplate]:
        """URIs with parts to be filled in."""
        return ()

    async def read(self, uri: str) -> Sequence[types.TextResourceContents | types.BlobResourceContents] | None:
        """The contents behind a URI. Raises `HermesError` where they cannot be had."""
        return None

    async def prompts(self) -> Sequence[types.Prompt]:
        """What a person can choose to begin with."""
        return ()

    async def prompt(self, name: str, arguments: Mapping[str, str]) -> types.GetPromptResult | None:
        """A prompt with its arguments filled in. Raises `HermesError` where one is missing."""
        return None

    async def complete(self, reference: str, argument: str, value: str) -> Sequence[str] | None:
        """How what was typed of an argument may go on, best first. `reference` is a prompt's name or a template."""
        return None
