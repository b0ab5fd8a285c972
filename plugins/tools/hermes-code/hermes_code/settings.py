"""The section `code_execution` of config.yaml. Names are those of Hermes Agent where it has the setting."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What scripts may do and how long they may take."""

    timeout: Annotated[int, Meta(description="Seconds one script may take.", ge=1, le=86_400)] = 300
    max_tool_calls: Annotated[int, Meta(description="Tool calls one script may make.", ge=0, le=100_000)] = 50
    tools: Annotated[
        tuple[str, ...],
        Meta(description="Tools that scripts may call, of those the conversation has; an empty list: none."),
    ] = ("web_search", "web_extract", "read_file", "write_file", "search_files", "patch", "terminal")
