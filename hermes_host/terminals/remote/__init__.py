"""A terminal on a far machine of which nothing is known but that it runs `sh` and passes bytes both ways.

What is the vendor's (making, finding, stopping machines) stays outside: see `place.Keeper` and `channel.Channel`.
"""

from __future__ import annotations

__all__ = ["backend", "channel", "files", "place", "programs", "running", "terminal"]
