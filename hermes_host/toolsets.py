"""Toolsets: which tools a conversation has, by platform, by name, or by the user's choice."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from hermes_host.errors import NotFound, PluginError
from hermes_host.registry import KINDS, Contribution, fault_of, near_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hermes_host.host import Host
    from hermes_host.plugins import PluginRecord
    from hermes_host.specs import ToolSpec

__all__ = ["EVERYTHING", "members", "select_tools", "toolset_of", "unavailable"]

EVERYTHING = ("all", "*")


def toolset_of(tool: Contribution[ToolSpec]) -> str:
    """The toolset a tool belongs to."""
    return tool.spec.toolset or tool.plugin


def members(host: Host, name: str) -> Sequence[str]:
    """The names of the tools behind a toolset, a tool or `all`. Raises `NotFound`, naming near ones."""
    return _members(host, name, _grouped(host), frozenset())


def _grouped(host: Host) -> Mapping[str, Sequence[str]]:
    """The names of tools by the toolset that each belongs to."""
    groups: dict[str, list[str]] = {}
    for tool in host.tools:
        groups.setdefault(toolset_of(tool), []).append(tool.name)
    return groups


def _members(host: Host, name: str, groups: Mapping[str, Sequence[str]], seen: frozenset[str]) -> Sequence[str]:
    if name in EVERYTHING:
        return host.tools.names()
    found = list(groups.get(name, ()))
    declared = name in host.toolsets
    if declared and name not in seen:
        spec = host.toolsets.get(name).spec
        found += [tool for tool in spec.tools if tool in host.tools]
        for included in spec.includes:
            found += _members(host, included, groups, seen | {name})
    if not found and not declared and name in host.tools:
        found = [name]
    if not found and not declared:
        known = {*host.toolsets.names(), *host.tools.names(), *(toolset_of(tool) for tool in host.tools), "all"}
        near = near_names(name, known)
        hint = f"Did you mean {near}?" if near else f"There are: {', '.join(sorted(known))}."
        raise NotFound(f"There is no toolset or tool {name!r}.", remedy=hint)
    return list(dict.fromkeys(found))


def select_tools(host: Host, names: Sequence[str] | None, platform: str) -> Sequence[Contribution[ToolSpec]]:
    """The tools of a conversation, sorted by name, without those that cannot be used on this machine.

    `names` None means the platform's setting, and without one, all tools; an empty sequence means none.
    Raises `NotFound` for a name the caller gave; a stale name in the configuration is passed over.
    """
    groups = _grouped(host)
    if names is None:
        wanted = _configured(host, platform, groups)
    else:
        wanted = {tool for name in names for tool in _members(host, name, groups, frozenset())}
    chosen = [tool for tool in host.tools if tool.name in wanted]
    # Tools of one plugin share their check, as a rule: it is asked once.
    checks = {(tool.plugin, tool.spec.available): tool for tool in reversed(chosen)}
    useless = {check for check, tool in checks.items() if unavailable(host, tool)}
    usable = [tool for tool in chosen if (tool.plugin, tool.spec.available) not in useless]
    return sorted(usable, key=lambda tool: tool.name)


def _configured(host: Host, platform: str, groups: Mapping[str, Sequence[str]]) -> set[str]:
    configured = host.config.section("platform_toolsets").get(platform)
    if configured is None:
        return set(host.tools.names())
    found: set[str] = set()
    for name in configured:
        try:
            found.update(_members(host, name, groups, frozenset()))
        except NotFound:
            continue
    return found


def unavailable(host: Host, tool: Contribution[ToolSpec]) -> str:
    """Why a tool cannot be used here; empty when it can."""
    if not tool.spec.available:
        return ""
    try:
        return str(host.target(tool, tool.spec.available)(host.context(tool.plugin)))
    except Exception as error:  # noqa: BLE001 - the boundary to foreign code
        tool.record.add_problem(f"tool {tool.name!r}", f"its availability check failed: {error}")
        return f"its availability check failed: {error}"


# ------------------------------------------------------------------------------- tools of one conversation alone


def contributed(
    host: Host,
    specs: Sequence[ToolSpec],
    program: Callable[[], PluginRecord],
    inherited: Sequence[Contribution[ToolSpec]] = (),
) -> list[Contribution[ToolSpec]]:
    """The tools, each under the plugin whose code its target names, else under that of the embedding
    `program`; those `inherited` too, and none that cannot be used on this machine.

    Raises `PluginError` for a spec that cannot be used, and for a name that another tool has.
    """
    found = {tool.name: tool for tool in inherited}
    for spec in specs:
        fault = fault_of(spec, KINDS["tools"])
        if fault:
            raise PluginError(f"A tool for this conversation alone cannot be used: {fault}")
        tool = Contribution("tools", spec, _owner(host, spec.target) or program())
        other = found.get(tool.name) or (host.tools.get(tool.name) if tool.name in host.tools else None)
        if other is not None:
            raise PluginError(
                f"The {tool.title} of plugin {tool.plugin!r} cannot be added to this conversation: there is one of "
                f"that name, of plugin {other.plugin!r}.",
                remedy="Give it another name.",
            )
        found[tool.name] = tool
    return [tool for tool in found.values() if not unavailable(host, tool)]


def handed_down(
    host: Host, leaders: Sequence[Contribution[ToolSpec]], toolsets: Sequence[str] | None
) -> tuple[Sequence[str] | None, Sequence[Contribution[ToolSpec]]]:
    """Of `toolsets` those that the host knows, and the tools that the others mean of those only the leader has: what
    works for a conversation gets its tools by the same names."""
    if toolsets is None or not leaders:
        return toolsets, ()
    chosen = [tool for tool in leaders if {tool.name, toolset_of(tool)} & {*toolsets}]
    own = {name for tool in chosen for name in (tool.name, toolset_of(tool))}
    own -= {*host.tools.names(), *host.toolsets.names(), *map(toolset_of, host.tools)}
    return [name for name in toolsets if name not in own], chosen


def _owner(host: Host, target: str) -> PluginRecord | None:
    """The plugin that lies nearest to the code, in the same package at least."""
    module = target.partition(":")[0].split(".")
    loaded = (record for record in host.plugins.records if record.state == "loaded")
    shared, owner = max(
        ((_shared(record.module.split("."), module), record) for record in loaded),
        key=lambda pair: pair[0],
        default=(0, None),
    )
    return owner if shared else None


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many names two paths have in common at their beginning."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))))
