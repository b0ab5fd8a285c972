"""What isolated plugins offer, as specs of this host. Taken from the lock file; nothing is started for it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from hermes_host.errors import PluginError
from hermes_host.specs import EFFECTS, ProviderSpec, SecretSpec, SectionSpec, ToolSpec
from hermes_isolated.lock import read_lock
from hermes_isolated.settings import PluginsSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.specs import Effect
    from hermes_isolated.lock import LockedPlugin

__all__ = ["Source", "enabled", "has_section", "providers", "secrets", "sections", "source"]

log = logging.getLogger(__name__)

_OF_OTHERS = frozenset(
    {
        *("agent", "approvals", "auxiliary", "display", "isolated", "local", "mcp_servers", "model"),
        *("platform_toolsets", "plugins", "secrets", "sessions", "terminal"),
    }
)
"""Sections that no isolated plugin is given because of its name."""


def has_section(name: str) -> bool:
    """Whether the plugin is given the settings that bear its name."""
    return name not in _OF_OTHERS


def sections(found: Mapping[str, LockedPlugin]) -> tuple[SectionSpec, ...]:
    """Which plugins are disabled, and a section for each plugin, which the plugin itself checks."""
    own = tuple(SectionSpec(name=name, target="builtins:dict") for name in found if has_section(name))
    return (SectionSpec(name="plugins", target="hermes_isolated.settings:PluginsSettings"), *own)


def secrets(found: Mapping[str, LockedPlugin]) -> tuple[SecretSpec, ...]:
    """Every secret that one of them may have."""
    names = sorted({name for plugin in found.values() for name in plugin.capabilities.secrets})
    told = {secret.name: secret for plugin in found.values() for secret in plugin.description.secrets}
    return tuple(
        SecretSpec(name=name, summary=told[name].summary, url=told[name].url) if name in told else SecretSpec(name=name)
        for name in names
    )


def providers(found: Mapping[str, LockedPlugin]) -> Iterable[ProviderSpec]:
    """The ways to reach models."""
    for name, plugin in found.items():
        allowed = frozenset(plugin.capabilities.secrets)
        for each in plugin.description.providers:
            yield ProviderSpec(
                name=each.name,
                summary=each.summary,
                target="hermes_isolated.providers:connect",
                priority=each.priority,
                aliases=each.aliases,
                secrets=tuple(secret for secret in each.secrets if secret in allowed),
                default_model=each.default_model,
                url=each.url,
                # Code that is not trusted is never used without having been chosen.
                needs_setup=True,
                options={"plugin": name},
            )


def enabled(context: PluginContext) -> Mapping[str, LockedPlugin]:
    """The plugins that are not switched off. Raises `ConfigError`."""
    found = read_lock(context.home)
    if not found:
        return {}
    try:
        disabled = context.section(PluginsSettings, "plugins").disabled
    except PluginError:
        disabled = []  # the first isolated plugin was installed after this host was started
    return {name: plugin for name, plugin in found.items() if name not in disabled}


def _effects(names: Iterable[str]) -> frozenset[Effect]:
    """Those this host knows; for one it does not know, the strictest."""
    known = [name if name in EFFECTS else "process" for name in names]
    return frozenset(cast("list[Effect]", known))


def source(context: PluginContext, spec: object) -> Source:
    """The source of tools."""
    return Source(context)


class Source:
    """The tools of all isolated plugins."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context
        self._offered: Sequence[ToolSpec] | None = None
        self._change = asyncio.Event()

    async def tools(self) -> Sequence[ToolSpec]:
        """As the lock file describes them. Of two plugins that offer one name, neither gets it."""
        found = self._specs()
        if self._offered is not None and found != self._offered:
            self._change.set()
            self._change = asyncio.Event()
        self._offered = found
        return found

    async def changed(self) -> None:
        """See `hermes_host.protocols.ChangingToolSource`. The lock file is looked at when somebody asks for the tools,
        as every conversation does when it begins; it is not watched."""
        await self._change.wait()

    def _specs(self) -> Sequence[ToolSpec]:
        owners: dict[str, list[str]] = {}
        specs: dict[str, ToolSpec] = {}
        for name, plugin in enabled(self._context).items():
            for tool in plugin.description.tools:
                owners.setdefault(tool.name, []).append(name)
                specs[tool.name] = ToolSpec(
                    name=tool.name,
                    summary=tool.summary,
                    parameters=tool.parameters,
                    target="hermes_isolated.calls:call",
                    effects=_effects(tool.effects),
                    priority=tool.priority,
                    toolset=tool.toolset or name,
                    parallel=tool.parallel,
                    timeout=0.0,  # kept in `calls`, which knows what ended a call
                    shows=tool.shows,
                )
        for tool_name, plugins in owners.items():
            if len(plugins) > 1:
                log.warning("the isolated plugins %s all offer a tool %r: none is used", ", ".join(plugins), tool_name)
                del specs[tool_name]
        return list(specs.values())
