"""`hermes tools`: which tools conversations have, for each surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.toolsets import members, select_tools, toolset_of, unavailable
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host

__all__ = ["tools"]

_platform = click.option(
    "--platform", default="cli", show_default=True, metavar="NAME", help="The surface: cli, batch …"
)


@dataclass(frozen=True)
class _Tool:
    name: str
    toolset: str
    plugin: str
    on: bool
    unavailable: str
    effects: tuple[str, ...]
    summary: str


@click.group(invoke_without_command=True, epilog="Example: hermes tools disable terminal")
@click.pass_context
def tools(ctx: click.Context) -> None:
    """Switch tools on and off. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_tools, platform="cli", as_json=False)


@tools.command("list", epilog="Example: hermes tools list --platform batch --json")
@_platform
@json_option
@pass_host
def list_tools(host: Host, platform: str, as_json: bool) -> None:
    """List the tools in their toolsets, also those of MCP servers and isolated plugins."""
    _ask_sources(host)
    found = _tools(host, platform)
    if as_json:
        print_json({"platform": platform, "configured": _configured(host, platform), "tools": found})
        return
    if not found:
        click.echo("No tools are installed. Try `pip install 'hermes-host[standard]'`.")
        return
    print_table(
        ("tool", "toolset", "from", "state", "what it does"),
        [(tool.name, tool.toolset, tool.plugin, _state(tool), one_line(tool.summary, 100)) for tool in found],
    )
    active = sum(tool.on and not tool.unavailable for tool in found)
    how = "as set in platform_toolsets" if _configured(host, platform) is not None else "the default: all"
    click.echo(f"\n{active} of {count(len(found), 'tool')} on for {platform} ({how}).")


@tools.command("enable", epilog="Example: hermes tools enable file web_search")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_platform
@pass_host
def enable(host: Host, names: tuple[str, ...], platform: str) -> None:
    """Switch toolsets or tools on."""
    _ask_sources(host)
    wanted = {tool for name in names for tool in members(host, name)}
    _store(host, platform, _on(host, platform) | wanted)


@tools.command("disable", epilog="Example: hermes tools disable terminal --platform batch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_platform
@pass_host
def disable(host: Host, names: tuple[str, ...], platform: str) -> None:
    """Switch toolsets or tools off. With all of them off there are none: an empty list is not the default."""
    _ask_sources(host)
    unwanted = {tool for name in names for tool in members(host, name)}
    _store(host, platform, _on(host, platform) - unwanted)


@tools.command("reset", epilog="Example: hermes tools reset --platform batch")
@_platform
@pass_host
def reset(host: Host, platform: str) -> None:
    """Go back to the default."""
    if _configured(host, platform) is not None:
        host.config.unset(f"platform_toolsets.{platform}")
    click.echo(f"{platform}: the default.")


def _ask_sources(host: Host) -> None:
    """Have the host know the tools that are known only at run time."""
    if len(host.registry("tool_sources")):
        run_async(host, host.refresh_tools)


def _tools(host: Host, platform: str) -> list[_Tool]:
    on = _on(host, platform)
    found = [
        _Tool(
            name=item.name,
            toolset=toolset_of(item),
            plugin=item.plugin,
            on=item.name in on,
            unavailable=unavailable(host, item),
            effects=tuple(sorted(item.spec.effects)),
            summary=item.spec.summary,
        )
        for item in host.tools
    ]
    return sorted(found, key=lambda tool: (tool.toolset, tool.name))


def _state(tool: _Tool) -> str:
    if not tool.on:
        return "off"
    return f"unavailable: {tool.unavailable}" if tool.unavailable else "on"


def _configured(host: Host, platform: str) -> list[str] | None:
    found = host.config.section("platform_toolsets").get(platform)
    return None if found is None else list(found)


def _on(host: Host, platform: str) -> set[str]:
    """The names of the tools that are switched on, whether or not they can be used on this machine."""
    configured = _configured(host, platform)
    if configured is None:
        usable = {tool.name for tool in select_tools(host, None, platform)}
        return usable | {tool.name for tool in host.tools if unavailable(host, tool)}
    found: set[str] = set()
    known = {*host.tools.names(), *host.toolsets.names(), *map(toolset_of, host.tools), "all", "*"}
    for name in configured:
        if name in known:
            found.update(members(host, name))
    return found


def _store(host: Host, platform: str, on: set[str]) -> None:
    """Write the choice with as few words as say it: whole toolsets by their names, names of others kept."""
    groups: dict[str, list[str]] = {}
    for tool in host.tools:
        groups.setdefault(toolset_of(tool), []).append(tool.name)
    words: list[str] = []
    for group, names in sorted(groups.items()):
        chosen = [name for name in names if name in on]
        words += [group] if len(chosen) == len(names) else sorted(chosen)
    words += _unknown(host, platform)
    host.config.set(f"platform_toolsets.{platform}", words)
    click.echo(f"{platform}: {', '.join(words) or 'no tools'}.")


def _unknown(host: Host, platform: str) -> Sequence[str]:
    """Configured names that no installed plugin offers now; they come back with their plugin."""
    known = {*host.tools.names(), *host.toolsets.names(), *map(toolset_of, host.tools), "all", "*"}
    return [name for name in _configured(host, platform) or [] if name not in known]
