"""The section `docker` of `config.yaml`, and what of the section `terminal` is about containers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["Settings", "TerminalSettings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How containers are made."""

    url: Annotated[
        str, Meta(description="The service's address, as in DOCKER_HOST; empty: DOCKER_HOST, else the usual sockets.")
    ] = ""
    pull: Annotated[
        Literal["never", "missing"],
        Meta(description="Whether an image that is not there is fetched; `never` says how to fetch it."),
    ] = "never"
    network: Annotated[
        str, Meta(description="`none` (no network at all), `bridge`, or the name of a network of the service.")
    ] = "bridge"
    user: Annotated[
        str,
        Meta(description="Who runs commands: `uid:gid`, a name of the image, `host` for yourself; empty: the image's."),
    ] = ""
    read_only: Annotated[
        bool, Meta(description="Nothing but the workspace, the volumes and /tmp can be written; HOME is the workspace.")
    ] = False
    capabilities: Annotated[
        list[str],
        Meta(description="Linux capabilities that root in the container keeps; see the README for why these."),
    ] = msgspec.field(default_factory=lambda: ["CHOWN", "DAC_OVERRIDE", "FOWNER"])
    processes: Annotated[int, Meta(description="Processes and threads a container may have.", ge=16)] = 256
    tmpfs: Annotated[dict[str, str], Meta(description="Folders in memory, with mount options.")] = msgspec.field(
        default_factory=lambda: {"/tmp": "rw,nosuid,nodev,exec,size=512m,mode=1777"}
    )
    workspace: Annotated[
        str, Meta(description="Where commands start, as an absolute path in the container.", pattern="^/")
    ] = "/workspace"


class TerminalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the section `terminal` that is about containers."""

    docker_image: Annotated[
        str, Meta(description="The image of new containers.", extra={"environment": ("TERMINAL_DOCKER_IMAGE",)})
    ] = "nikolaik/python-nodejs:python3.11-nodejs20"
    docker_forward_env: Annotated[
        list[str],
        Meta(
            description="Names of variables of the host that commands in containers see.",
            extra={"environment": ("TERMINAL_DOCKER_FORWARD_ENV",)},
        ),
    ] = []
    docker_volumes: Annotated[
        list[str],
        Meta(
            description="Folders of the host and volumes to mount: `source:/target` or `source:/target:ro`.",
            extra={"environment": ("TERMINAL_DOCKER_VOLUMES",)},
        ),
    ] = []
    docker_mount_cwd_to_workspace: Annotated[
        bool,
        Meta(
            description="Mount the directory the conversation was started in as the workspace.",
            extra={"environment": ("TERMINAL_DOCKER_MOUNT_CWD_TO_WORKSPACE",)},
        ),
    ] = False
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
