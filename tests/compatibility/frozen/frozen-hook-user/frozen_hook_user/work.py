"""Frozen: never edit."""

from __future__ import annotations

async def make(context, spec):
    return f"{spec.colour} {spec.name}"
