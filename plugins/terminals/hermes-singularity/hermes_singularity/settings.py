"""The section `singularity` of `config.yaml`, and what the section `terminal` says about it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["DEFAULT_IMAGE", "Settings", "TerminalSettings", "combined"]

DEFAULT_IMAGE = "docker://nikolaik/python-nodejs:python3.11-nodejs20"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How containers are started."""

    image: str = ""
    """A SIF file, a directory, or an address such as `docker://debian:12`."""
    program: str = ""
    """The command line to use; empty for `apptainer`, else `singularity`."""
    bind_directory: bool = True
    """Whether the session's directory on this machine is there in the container, at the same path, writable."""
    bind: tuple[str, ...] = ()
    """More of this machine, each as `source[:target[:ro]]`."""
    persistent: bool | None = None
    """Whether a session finds the changes it made to the image again; unset for yes."""
    network: Literal["host", "none"] = "host"
    """`none` for containers that reach nothing."""
    cpus: Annotated[float, Meta(ge=0)] = 0.0
    """Processors a container may use; 0 for no limit. Limits need control groups that the user may change."""
    memory: str = ""
    """Memory a container may use, such as `4G`; empty for no limit."""
    nvidia: bool = False
    """Whether the machine's Nvidia devices are there in the container."""
    start_timeout: Annotated[float, Meta(gt=0)] = 900.0
    """Seconds for the start, which may have to fetch and convert the image."""


class TerminalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings Hermes Agent has for containers in its section `terminal`. The section `singularity` wins."""

    singularity_image: Annotated[str, Meta(extra={"environment": ("TERMINAL_SINGULARITY_IMAGE",)})] = ""
    container_persistent: Annotated[bool, Meta(extra={"environment": ("TERMINAL_CONTAINER_PERSISTENT",)})] = True


def combined(settings: Settings, terminal: TerminalSettings) -> Settings:
    """The settings that hold: `singularity`, and those of `terminal` where that says nothing."""
    persistent = settings.persistent if settings.persistent is not None else terminal.container_persistent
    image = settings.image or terminal.singularity_image or DEFAULT_IMAGE
    return msgspec.structs.replace(settings, image=image, persistent=persistent)
