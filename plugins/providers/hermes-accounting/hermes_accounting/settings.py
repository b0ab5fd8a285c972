"""The section `budget` of config.yaml."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Budget"]


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on what model calls may use. A call that would begin above a limit is refused; 0 means no limit."""

    session: Annotated[float, Meta(description="US dollars for one conversation; 0: no limit.", ge=0)] = 0.0
    day: Annotated[float, Meta(description="US dollars for one calendar day of this machine; 0: no limit.", ge=0)] = 0.0
    session_tokens: Annotated[int, Meta(description="Tokens in and out for one conversation; 0: no limit.", ge=0)] = 0
    day_tokens: Annotated[int, Meta(description="Tokens in and out for one calendar day; 0: no limit.", ge=0)] = 0
