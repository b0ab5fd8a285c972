"""Frozen: never edit."""

from __future__ import annotations

async def slash(call):
    return f"**{call.name}** {call.arguments} {len(call.session.messages)}"
