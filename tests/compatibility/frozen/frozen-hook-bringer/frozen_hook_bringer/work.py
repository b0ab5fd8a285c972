"""Frozen: never edit."""

from __future__ import annotations

import msgspec


class FlavourSpec(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    summary: str
    target: str
    priority: int = 0
    colour: str = "white"
