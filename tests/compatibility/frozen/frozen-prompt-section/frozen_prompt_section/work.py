"""Frozen: never edit."""

from __future__ import annotations

async def section(context, session):
    return f"FROZEN PROMPT SECTION for {session.context.source}"
