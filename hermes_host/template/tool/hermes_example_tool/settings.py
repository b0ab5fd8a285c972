"""The plugin's section of config.yaml."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How words are counted. Every field has a default."""

    limit: Annotated[int, msgspec.Meta(ge=1, description="The most characters a text may have.")] = 100_000
