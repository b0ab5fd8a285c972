"""The greeter's section of config.yaml."""

from __future__ import annotations

from typing import Annotated

import msgspec


class GreeterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How people are greeted."""

    greeting: Annotated[str, msgspec.Meta(description="The word before the name.")] = "Hello"
