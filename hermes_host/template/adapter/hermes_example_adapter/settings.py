"""The plugin's section of config.yaml."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the platform is. Every field has a default."""

    host: Annotated[str, msgspec.Meta(description="The platform's server.")] = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535, description="Its port.")] = 7100
