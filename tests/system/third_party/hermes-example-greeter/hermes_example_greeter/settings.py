"""The greeter's section of config.yaml."""

from __future__ import annotations

import msgspec


class GreeterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How people are greeted."""

    greeting: str = "Hello"
    """The word before the name."""
