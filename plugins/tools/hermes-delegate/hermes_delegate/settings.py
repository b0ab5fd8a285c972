"""The section `delegation` of config.yaml. Names are those of Hermes Agent where it has the setting."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How tasks are handed to subagents."""

    model: Annotated[str, Meta(description="The model of subagents; empty: that of the conversation.")] = ""
    provider: Annotated[str, Meta(description="The provider of that model; empty: that of the conversation.")] = ""
    max_iterations: Annotated[int, Meta(description="Model requests one subagent may make.", ge=1)] = 50
    max_parallel: Annotated[int, Meta(description="Subagents of one conversation that work at once.", ge=1, le=16)] = 3
    max_tasks: Annotated[int, Meta(description="Tasks in one call.", ge=1, le=32)] = 8
    max_depth: Annotated[
        int, Meta(description="How deep subagents may hand tasks on: 1 means not at all.", ge=1, le=4)
    ] = 1
    max_background: Annotated[
        int, Meta(description="Subagents of one conversation that work in the background at once.", ge=0, le=16)
    ] = 4
    timeout: Annotated[float, Meta(description="Seconds one subagent may take; 0: as long as the turn.", ge=0)] = 0.0
