"""Tools, resources and prompts of MCP servers, over the official SDK."""

from __future__ import annotations

__all__: list[str] = []
