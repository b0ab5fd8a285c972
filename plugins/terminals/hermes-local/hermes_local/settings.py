"""The section `local` of `config.yaml`, and what this plugin reads of `terminal`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["Mode", "Settings", "TerminalSettings"]

Mode = Literal["off", "workspace", "strict"]


class TerminalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of `terminal` that matter on this machine."""

    backend: str = "local"
    env_passthrough: Annotated[
        list[str], Meta(description="Names of environment variables that commands may see besides the harmless ones.")
    ] = []
    sandbox: Annotated[
        Mode,
        Meta(
            description="How commands on this machine are confined. off: not at all; workspace: they write only below "
            "the session's directory and temporary folders and see no secrets; strict: besides no network, no other "
            "processes, a private /tmp and limits.",
            extra={"environment": ("HERMES_SANDBOX",)},
        ),
    ] = "off"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How commands run on this machine."""

    login_shell: bool = False
    """Take the environment of commands from the login shell (`$SHELL -l`), once, before the first command."""
    shell: str = ""
    """The shell that runs scripts, as an absolute path; empty means bash, or sh where there is no bash."""
    sandbox_required: Annotated[
        bool, Meta(description="Run nothing when commands cannot be confined as fully as `terminal.sandbox` asks.")
    ] = False
    sandbox_network: Annotated[
        bool | None, Meta(description="Network for confined commands; by default yes in workspace, no in strict.")
    ] = None
    sandbox_write: Annotated[
        list[str], Meta(description="Directories that confined commands may write to, besides the session's.")
    ] = []
    sandbox_hide: Annotated[
        list[str], Meta(description="Files and directories confined commands may not read, besides known secrets.")
    ] = []
    sandbox_show: Annotated[
        list[str], Meta(description="What is to be readable although it is hidden otherwise, such as ~/.npmrc.")
    ] = []
    sandbox_processes: Annotated[int, Meta(description="Processes and threads of a strict session.", ge=16)] = 1024
    sandbox_memory: Annotated[int, Meta(description="Memory of a strict session, in MiB.", ge=64)] = 4096
    sandbox_file_size: Annotated[int, Meta(description="The largest file in a strict session, in MiB.", ge=1)] = 10240
    sandbox_open_files: Annotated[int, Meta(description="Open files of a process in a strict session.", ge=64)] = 4096
