"""The section `bridges` of config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_host.specs import Effect

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Which folders are looked at, and how what is in them runs."""

    folders: Annotated[
        list[str],
        Meta(description="Folders of plugins or skills, used once they were accepted: hermes bridges accept."),
    ] = []
    effects: Annotated[
        dict[str, list[Effect]],
        Meta(description="What a bridged tool really does, by its name; unknown means that every call needs consent."),
    ] = {}
    hook_failures: Annotated[
        Literal["ask", "ignore"],
        Meta(description="A hook that guards tool calls and fails: ask a person, or go on as if it were not there."),
    ] = "ask"
    hook_timeout: Annotated[float, Meta(description="Seconds a command hook may take at most.", gt=0, le=600)] = 60.0
    load_timeout: Annotated[float, Meta(description="Seconds a Python plugin may take to load.", gt=0, le=60)] = 5.0
    callback_timeout: Annotated[float, Meta(description="Seconds a hook of a Python plugin may take.", gt=0, le=60)] = (
        5.0
    )
    tool_timeout: Annotated[float, Meta(description="Seconds a bridged tool may take.", gt=0, le=3600)] = 120.0
    environment: Annotated[
        list[str], Meta(description="Variables that command hooks see besides PATH, HOME and the like.")
    ] = []
