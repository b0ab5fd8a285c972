"""Words of the results."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 line`, `2 lines`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
