"""What hermes-installer contributes: `hermes plugins install`, `update`, `remove`, `search`, `accept` and `lock`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import Capabilities, CheckSpec, CommandSpec, PluginInfo, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Install, update and remove plugins, with consent and a lock file",
        sections=(SectionSpec(name="installer", target="hermes_installer.settings:Settings"),),
        capabilities=Capabilities(
            network=("*",),
            read=("$HERMES_HOME",),
            write=("$HERMES_HOME", "~"),
            programs=("bwrap", "pip", "python", "uv"),
        ),
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="plugins install",
        summary="Install a plugin, after showing what it wants",
        target="hermes_installer.commands:install",
    )
    yield CommandSpec(
        name="plugins update",
        summary="Update plugins; more rights only with consent",
        target="hermes_installer.commands:update",
    )
    yield CommandSpec(
        name="plugins remove",
        summary="Remove a plugin and what came with it",
        target="hermes_installer.commands:remove",
    )
    yield CommandSpec(
        name="plugins search",
        summary="Look for plugins in the catalogue",
        target="hermes_installer.commands_show:search",
    )
    yield CommandSpec(
        name="plugins accept",
        summary="Agree to an installed plugin as it is now",
        target="hermes_installer.commands_show:accept",
    )
    yield CommandSpec(
        name="plugins lock",
        summary="Show and verify what was agreed to",
        target="hermes_installer.commands_show:lock",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="plugins.lock",
        summary="Installed plugins are as they were agreed to",
        target="hermes_installer.checks:check",
    )
