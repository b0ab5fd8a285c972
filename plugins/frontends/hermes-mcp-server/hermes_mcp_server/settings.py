"""The section `mcp_server` of config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["SAFE", "HttpSettings", "Settings"]

SAFE = "safe"
"""Stands among toolsets for every tool that only reads, from this machine or from the network."""


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How `hermes mcp serve --http` listens."""

    host: Annotated[str, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="The port; 0 for any free one.", ge=0, le=65535)] = 8765
    path: Annotated[str, Meta(description="The path of the endpoint.", pattern="^/")] = "/mcp"
    allowed_hosts: Annotated[
        list[str],
        Meta(description="Names clients may use in the Host header besides those of this machine, such as a proxy's."),
    ] = []
    allowed_origins: Annotated[
        list[str], Meta(description="Web origins that may call, such as `https://app.example`.")
    ] = []
    max_request: Annotated[int, Meta(description="Bytes a request may have.", gt=0)] = 4_194_304
    max_clients: Annotated[int, Meta(description="Clients that may be connected at once.", gt=0)] = 100
    idle_timeout: Annotated[
        float, Meta(description="Seconds without a request after which one is forgotten.", gt=0)
    ] = 1800.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What MCP clients of this host may do."""

    toolsets: Annotated[
        list[str],
        Meta(description="Toolsets and tools that clients may call; `safe` stands for every tool that only reads."),
    ] = msgspec.field(default_factory=lambda: [SAFE])
    converse: Annotated[bool, Meta(description="Let clients hold conversations with the agent.")] = True
    conversation_toolsets: Annotated[
        list[str] | None,
        Meta(description="What the agent may use in them; not set: `platform_toolsets.mcp`, else every tool."),
    ] = None
    max_conversations: Annotated[int, Meta(description="Conversations kept open at once.", gt=0)] = 16
    sessions: Annotated[
        Literal["own", "all", "none"],
        Meta(description="Conversations that clients may read and go on with: those begun by clients, all, or none."),
    ] = "own"
    elicitation: Annotated[bool, Meta(description="Ask for consent through clients that can ask a person.")] = True
    callers: Annotated[
        Literal["owner", "member", "external"],
        Meta(description="Whose words a client's are. What is kept for good needs the owner's word."),
    ] = "member"
    http: HttpSettings = HttpSettings()
