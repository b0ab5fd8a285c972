"""What is offered. Other plugins import this module, and nothing else of this package."""

from __future__ import annotations

from typing import Protocol


class Measure(Protocol):
    """Says how long a text is.

    Found by `await context.services.find(Measure)`, which gives None where no plugin offers it.
    """

    async def seconds(self, text: str) -> float:
        """How long it takes to read aloud."""
        ...
