"""Frozen: never edit."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    def hour(self) -> int: ...


async def connect(context, spec):
    return Stopped()


class Stopped:
    def hour(self):
        return 12
