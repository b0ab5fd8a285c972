"""The section `modal` of `config.yaml`, and what of the section `terminal` is about sandboxes."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["Settings", "TerminalSettings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sandboxes are made."""

    app: Annotated[str, Meta(description="The Modal app the sandboxes belong to; made where it is missing.")] = "hermes"
    environment: Annotated[str, Meta(description="The Modal environment; empty: the account's default.")] = ""
    region: Annotated[list[str], Meta(description="Where they may run, such as `eu`; empty: anywhere.")] = []
    block_network: Annotated[bool, Meta(description="No network in the sandbox.")] = False
    home: Annotated[
        str, Meta(description="HOME of commands and where they start, absolute in the sandbox.", pattern="^/")
    ] = "/root"
    hibernate_after: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="Idle seconds until it sleeps; empty: `terminal.lifetime_seconds`."),
    ] = None
    idle_timeout: Annotated[
        int, Meta(description="Idle seconds until Modal itself ends it, should this machine be gone; 0: never.", ge=0)
    ] = 3600
    max_lifetime: Annotated[
        int, Meta(description="Seconds after which Modal ends a sandbox in any case.", ge=60, le=86400)
    ] = 86400
    start_timeout: Annotated[float, Meta(description="Seconds for a sandbox to start, with its image.", gt=0)] = 600.0
    snapshot_timeout: Annotated[int, Meta(description="Seconds for its files to be put away.", gt=0)] = 300
    snapshot_days: Annotated[int, Meta(description="Days a sleeping sandbox's files are kept; 0: no limit.", ge=0)] = 0


class TerminalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the section `terminal` that is about sandboxes."""

    modal_image: Annotated[
        str, Meta(description="The image of new Modal sandboxes.", extra={"environment": ("TERMINAL_MODAL_IMAGE",)})
    ] = "nikolaik/python-nodejs:python3.11-nodejs20"
    container_cpu: Annotated[
        float, Meta(description="Processors; 0: no limit.", ge=0, extra={"environment": ("TERMINAL_CONTAINER_CPU",)})
    ] = 1.0
    container_memory: Annotated[
        int, Meta(description="Megabytes; 0: no limit.", ge=0, extra={"environment": ("TERMINAL_CONTAINER_MEMORY",)})
    ] = 5120
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
