"""The section `ssh` of `config.yaml`, and what the section `terminal` says about SSH."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["Settings", "TerminalSettings", "combined"]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machine commands run on, and how it is reached. What is empty is taken from `~/.ssh/config`."""

    host: str = ""
    """Its name or address, or a `Host` of `~/.ssh/config`."""
    user: str = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """0 for what `~/.ssh/config` says, else 22."""
    key: str = ""
    """The file of the private key; empty for the agent's and those in `~/.ssh`."""
    agent: bool = True
    """Whether keys of the SSH agent are offered."""
    jump: tuple[str, ...] = ()
    """Machines to go through, in order, each as `[user@]host[:port]`."""
    known_hosts: str = "~/.ssh/known_hosts"
    host_keys: Literal["accept-new", "strict"] = "accept-new"
    """What happens with a machine that is not in `known_hosts`: it is added, or refused. A changed key is refused."""
    config: str = "~/.ssh/config"
    """The configuration of OpenSSH to follow; empty for none."""
    directory: str = ""
    """Where sessions start on that machine; empty for the home directory."""
    connect_timeout: Annotated[float, Meta(gt=0)] = 15.0
    """Seconds for the connection and the login."""
    keep_alive: Annotated[float, Meta(ge=0)] = 15.0
    """Seconds between questions whether the other side still answers; three without an answer end the connection."""
    reconnect_for: Annotated[float, Meta(ge=0)] = 30.0
    """Seconds for which a lost connection is tried again before a command fails."""


class TerminalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings Hermes Agent has for SSH in its section `terminal`. The section `ssh` wins."""

    ssh_host: Annotated[str, Meta(extra={"environment": ("TERMINAL_SSH_HOST",)})] = ""
    ssh_user: Annotated[str, Meta(extra={"environment": ("TERMINAL_SSH_USER",)})] = ""
    ssh_port: Annotated[int, Meta(ge=0, le=65535, extra={"environment": ("TERMINAL_SSH_PORT",)})] = 0
    ssh_key: Annotated[str, Meta(extra={"environment": ("TERMINAL_SSH_KEY",)})] = ""


def combined(settings: Settings, terminal: TerminalSettings) -> Settings:
    """The settings that hold: `ssh`, and `terminal.ssh_*` where that says nothing."""
    return msgspec.structs.replace(
        settings,
        host=settings.host or terminal.ssh_host,
        user=settings.user or terminal.ssh_user,
        port=settings.port or terminal.ssh_port,
        key=settings.key or terminal.ssh_key,
    )
