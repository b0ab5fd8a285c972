"""The section `acp` of config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How editors are served."""

    mode: Annotated[
        Literal["default", "ask", "read_only"], Meta(description="The mode new conversations of an editor begin in.")
    ] = "default"
    allow_bypass: Annotated[
        bool, Meta(description="Offer a mode that answers every permission request with yes. Know what you do.")
    ] = False
    mcp_servers: Annotated[
        bool, Meta(description="Use the MCP servers that an editor hands over with a conversation.")
    ] = True
    models: Annotated[int, Meta(description="The most models the editor's list shows.", ge=1)] = 200
