"""The settings `isolated`, and what of the settings `plugins` concerns isolated plugins."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["PluginsSettings", "Settings"]

Positive = Annotated[float, Meta(gt=0)]


class Settings(Struct, frozen=True, kw_only=True):
    """How isolated plugins run."""

    require_sandbox: Annotated[
        bool, Meta(description="Refuse to start a plugin that cannot be confined on this machine.")
    ] = True
    idle_seconds: Annotated[float, Meta(description="Seconds without a call after which a process ends.", gt=0)] = 300.0
    start_seconds: Annotated[float, Meta(description="Seconds a process may take to start.", gt=0)] = 30.0
    call_seconds: Annotated[
        float, Meta(description="Seconds for a call of a tool that names no limit of its own.", gt=0)
    ] = 120.0
    cpu_seconds: Annotated[float, Meta(description="Seconds of processor time for one call.", gt=0)] = 60.0
    memory: Annotated[int, Meta(description="MiB of memory for one plugin.", ge=64)] = 1024
    processes: Annotated[int, Meta(description="Processes and threads of one plugin.", ge=8)] = 128
    message: Annotated[int, Meta(description="MiB of one message from a plugin.", ge=1, le=256)] = 16
    crashes: Annotated[int, Meta(description="How often a plugin may crash before it is given up.", ge=1)] = 5
    restart_seconds: Annotated[
        float, Meta(description="Seconds before the second restart; doubled with every further one.", ge=0)
    ] = 1.0
    read: Annotated[
        list[str], Meta(description="Folders that every plugin may read, such as sources under development.")
    ] = []


class PluginsSettings(Struct, frozen=True, kw_only=True):
    """What the host's own section `plugins` says."""

    disabled: list[str] = []
