"""What hermes-isolated contributes: the tools and providers of plugins that were installed with `--isolated`.

What they offer stands in `$HERMES_HOME/plugins.lock`, so that nothing is started for it. That file is looked for when
the host asks what there is; where it is absent that is one failed `open`, and nothing else of this package is imported.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_host import hookimpl
from hermes_host.specs import CheckSpec, CommandSpec, PluginInfo, SectionSpec, ServiceSpec, ToolSourceSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermes_host.specs import ProviderSpec


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    own = (SectionSpec(name="isolated", target="hermes_isolated.settings:Settings"),)
    found = _installed()
    if not found:
        return PluginInfo(summary="Plugins in processes of their own", sections=own)
    from hermes_isolated.offers import secrets, sections

    return PluginInfo(
        summary="Plugins in processes of their own", sections=(*own, *sections(found)), secrets=secrets(found)
    )


@hookimpl
def hermes_providers() -> Iterable[ProviderSpec]:
    found = _installed()
    if found:
        from hermes_isolated.offers import providers

        yield from providers(found)


@hookimpl
def hermes_tool_sources() -> Iterable[ToolSourceSpec]:
    if _mentions_isolated():
        yield ToolSourceSpec(
            name="isolated", summary="Tools of isolated plugins", target="hermes_isolated.offers:source"
        )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="isolated",
        summary="The processes of isolated plugins",
        provides="hermes_isolated.runtime:Runtime",
        target="hermes_isolated.runtime:connect",
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        name="plugins top",
        summary="Show the processes of isolated plugins: memory, processor time, calls, restarts.",
        target="hermes_isolated.top:top",
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="isolated", summary="Whether isolated plugins can be confined", target="hermes_isolated.checks:confined"
    )


def _lock_file() -> Path:
    home = os.environ.get("HERMES_HOME")
    return (Path(home) if home else Path.home() / ".hermes") / "plugins.lock"


def _mentions_isolated() -> bool:
    """Whether reading the file in earnest is worth it: that needs modules which most starts need not pay for."""
    try:
        data = _lock_file().read_bytes()
    except OSError:
        return False
    return b'"isolated":true' in data.replace(b" ", b"")


def _installed() -> Mapping[str, Any]:
    if not _mentions_isolated():
        return {}
    from hermes_host.errors import ConfigError
    from hermes_isolated.lock import read_lock

    try:
        return read_lock(_lock_file().parent)
    except ConfigError:
        return {}  # `hermes doctor` and the source of tools say so
