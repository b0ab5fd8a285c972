"""The settings of this plugin: its part of the section `sessions`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["SessionSettings"]


class SessionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Titles and backups of conversations."""

    titles: Annotated[bool, Meta(description="Let a model give new conversations a title.")] = True
    backups: Annotated[int, Meta(description="Daily backups of the database to keep; 0 for none.", ge=0, le=365)] = 3
