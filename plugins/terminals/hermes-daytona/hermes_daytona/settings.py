"""The section `daytona` of `config.yaml`, and what of the section `terminal` is about sandboxes."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Settings", "TerminalSettings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sandboxes are made."""

    api_url: Annotated[
        str,
        Meta(
            description="The address of the API; empty: DAYTONA_API_URL, else Daytona's own.",
            extra={"environment": ("DAYTONA_API_URL",)},
        ),
    ] = ""
    target: Annotated[str, Meta(description="The region, such as `us`; empty: the organization's default.")] = ""
    snapshot: Annotated[
        str,
        Meta(description="A Daytona snapshot to start from instead of an image; it has its own size."),
    ] = ""
    user: Annotated[str, Meta(description="Who runs commands; empty: the image's user.")] = ""
    home: Annotated[
        str, Meta(description="HOME of commands and where they start, absolute in the sandbox.", pattern="^/")
    ] = "/root"
    block_network: Annotated[bool, Meta(description="No network in the sandbox.")] = False
    hibernate_after: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="Idle seconds until it is stopped; empty: `terminal.lifetime_seconds`."),
    ] = None
    auto_stop_minutes: Annotated[
        int,
        Meta(description="Idle minutes until Daytona itself stops it, should this host be gone; 0: never.", ge=0),
    ] = 60
    start_timeout: Annotated[float, Meta(description="Seconds for a sandbox to start, with its image.", gt=0)] = 600.0
    stop_timeout: Annotated[float, Meta(description="Seconds for a sandbox to stop.", gt=0)] = 120.0


class TerminalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the section `terminal` that is about sandboxes."""

    daytona_image: Annotated[
        str, Meta(description="The image of new Daytona sandboxes.", extra={"environment": ("TERMINAL_DAYTONA_IMAGE",)})
    ] = "nikolaik/python-nodejs:python3.11-nodejs20"
    container_cpu: Annotated[
        float, Meta(description="Processors; 0: no limit.", ge=0, extra={"environment": ("TERMINAL_CONTAINER_CPU",)})
    ] = 1.0
    container_memory: Annotated[
        int, Meta(description="Megabytes; 0: no limit.", ge=0, extra={"environment": ("TERMINAL_CONTAINER_MEMORY",)})
    ] = 5120
    container_disk: Annotated[
        int,
        Meta(
            description="Megabytes outside of volumes, where the service can limit them; 0: no limit.",
            ge=0,
            extra={"environment": ("TERMINAL_CONTAINER_DISK",)},
        ),
    ] = 51200
    container_persistent: Annotated[
        bool,
        Meta(
            description="Keep a conversation's workspace after its end.",
            extra={"environment": ("TERMINAL_CONTAINER_PERSISTENT",)},
        ),
    ] = True
    lifetime_seconds: Annotated[
        float,
        Meta(
            description="Seconds after which a container nobody uses is removed.",
            ge=0,
            extra={"environment": ("TERMINAL_LIFETIME_SECONDS",)},
        ),
    ] = 300.0
