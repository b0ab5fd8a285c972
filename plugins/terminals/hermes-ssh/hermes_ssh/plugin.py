"""What hermes-ssh contributes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, PluginInfo, SecretSpec, SectionSpec, TerminalSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Run commands and keep files on another machine, over SSH",
        sections=(
            SectionSpec(name="ssh", target="hermes_ssh.settings:Settings"),
            SectionSpec(name="terminal", target="hermes_ssh.settings:TerminalSettings"),
        ),
        secrets=(SecretSpec(name="SSH_KEY_PASSPHRASE", summary="Opens the private key named by `ssh.key`"),),
    )


@hookimpl
def hermes_terminals() -> Iterable[TerminalSpec]:
    yield TerminalSpec(
        name="ssh",
        summary="Commands and files on another machine, over SSH",
        target="hermes_ssh.backend:connect",
        features=frozenset({"files", "pty", "background", "detached", "network"}),
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(name="ssh", summary="Can the other machine be reached?", target="hermes_ssh.checks:check")
