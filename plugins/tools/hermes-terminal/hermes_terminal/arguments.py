"""What the model may pass to the tools `terminal` and `process`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = ["ProcessArguments", "TerminalArguments"]

MAX_SECONDS = 86_400


class TerminalArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `terminal`."""

    command: Annotated[str, Meta(min_length=1)]
    background: Annotated[bool, Meta(description="Return at once with a session_id")] = False
    timeout: Annotated[int, Meta(ge=1, le=MAX_SECONDS, description="Seconds, in the foreground")] | UnsetType = UNSET
    workdir: Annotated[str, Meta(description="Directory to change to first")] = ""
    pty: Annotated[bool, Meta(description="For programs that need a terminal")] = False


class ProcessArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of `process`."""

    action: Literal["list", "poll", "log", "wait", "kill", "write", "submit", "close"]
    session_id: str = ""
    data: str = ""
    timeout: Annotated[int, Meta(ge=0, le=MAX_SECONDS, description="Seconds, for wait")] = 60
    offset: Annotated[int | None, Meta(description="First line, for log; default: the last ones")] = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 200
