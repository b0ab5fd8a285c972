"""`hermes bridges`: look at folders of other systems' plugins, trust them, and let them go."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hermes_bridges.bridges import Bridges, connect, waiting_folders
from hermes_bridges.bundle import KINDS
from hermes_bridges.inspection import Inspection, inspect, report
from hermes_bridges.tree import changes, read_tree
from hermes_bridges.trust import Consent
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, moment, print_json, print_table
from hermes_host.errors import ConfigError, Denied, NotFound
from hermes_host.visible import exact, one_line

if TYPE_CHECKING:
    from hermes_bridges.bridges import Bridge
    from hermes_bridges.tree import Tree
    from hermes_host.host import Host

__all__ = ["bridges"]

_SHOWN = 200


@click.group(epilog="Example: hermes bridges check ~/plugins/review-kit")
def bridges() -> None:
    """Use plugins and skills made for other agents: Hermes 0.5, Claude Code, folders of skills.

    Nothing of a folder runs before you trusted it, and nothing after a file in it changed.
    """


@bridges.command("list", epilog="\b\nExamples:\n  hermes bridges list\n  hermes bridges list --json")
@json_option
@pass_host
def list_bridges(host: Host, as_json: bool) -> None:
    """List the folders that are used, those that are off, and those that wait for your consent."""
    service = _service(host)
    known = service.all()
    waiting = waiting_folders(host.home, service.settings, [bridge.consent for bridge in known])
    if as_json:
        rows = [_facts(bridge) for bridge in known]
        rows += [{"name": "", "state": "waiting", "path": path, "kind": kind, "reason": where}
                 for path, kind, where in waiting]  # fmt: skip
        print_json(rows)
        return
    if not known and not waiting:
        click.echo("No folder is used. Look at one: hermes bridges check PATH")
        return
    rows_shown: list[tuple[str, str, str, str]] = [
        (bridge.name, bridge.state, KINDS[bridge.consent.kind], bridge.consent.path) for bridge in known
    ]
    rows_shown += [("-", "waiting", kind or where, path) for path, kind, where in waiting]
    print_table(("bridge", "state", "kind", "folder"), rows_shown)
    for bridge in known:
        if bridge.state != "on":
            click.echo(f"! {bridge.name}: {one_line(bridge.reason, 0)}")
    for path, _, where in waiting:
        click.echo(f"! {one_line(path, 0)} ({where}) is not used: hermes bridges add {one_line(path, 0)}")


@bridges.command(epilog="\b\nExamples:\n  hermes bridges show review-kit\n  hermes bridges show review-kit --json")
@click.argument("name")
@json_option
@pass_host
def show(host: Host, name: str, as_json: bool) -> None:
    """Show what a folder brings, what runs, what cannot be mapped, and what its code complains about."""

    async def work() -> tuple[Bridge, list[str], list[str]]:
        service = await host.context("bridges").services.get(Bridges)
        bridge = service.get(name)
        await service.load()
        loaded = next((plugin for plugin in service.python() if plugin.name == name), None)
        return bridge, [*loaded.tools] if loaded else [], loaded.problems if loaded else []

    bridge, tools, problems = run_async(host, work)
    details: dict[str, Any] = {}
    if bridge.tree is not None and bridge.bundle is not None:
        details = report(inspect(bridge.tree, name))
    if as_json:
        print_json({**details, **_facts(bridge), "tools": tools, "problems": problems})
        return
    if details:
        _print_report(details)
    else:
        click.echo(f"{name} ({KINDS[bridge.consent.kind]}), {one_line(bridge.consent.path, 0)}")
    click.echo(f"\nState: {bridge.state} {one_line(bridge.reason, 0)}".rstrip())
    click.echo(f"Accepted: {moment(bridge.consent.accepted)}, content {bridge.consent.hash[:16]}")
    if tools:
        click.echo(f"Tools it registered: {', '.join(tools)}")
    for problem in problems:
        click.echo(f"! {one_line(problem, 0)}")


@bridges.command(epilog="\b\nExamples:\n  hermes bridges check ./review-kit\n  hermes bridges check ./market --json")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--plugin", "plugin", default="", help="One plugin of a marketplace.")
@json_option
def check(path: Path, plugin: str, as_json: bool) -> None:
    """Say what a folder would bring here, without running or changing anything."""
    from hermes_bridges.reading import kind_of
    from hermes_bridges.reading_claude import marketplace

    tree = read_tree(_folder(path))
    listed = [] if plugin else marketplace(tree)
    if listed and kind_of(tree) != "claude-plugin":
        if as_json:
            print_json({"kind": "marketplace", "path": tree.root, "plugins": listed})
            return
        click.echo(f"{one_line(tree.root, 0)} is a marketplace of {count(len(listed), 'plugin')}:\n")
        print_table(
            ("plugin", "where", "about"), [(item.name, item.path or f"elsewhere: {item.source}", item.summary)
                                         for item in listed],
        )  # fmt: skip
        click.echo("\nTake one that lies here: hermes bridges add PATH --plugin NAME")
        return
    found = inspect(_chosen(tree, plugin))
    print_json(report(found)) if as_json else _print_report(report(found))


@bridges.command(
    epilog="\b\nExamples:\n  hermes bridges add ~/plugins/review-kit\n"
    "  hermes bridges add ./market --plugin review-kit --yes"
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", default="", help="What to call it, in place of its own name.")
@click.option("--plugin", "plugin", default="", help="One plugin of a marketplace.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--flagged", is_flag=True, help="Also where the scanner found something dangerous.")
@click.option("--no-servers", is_flag=True, help="Do not set up its MCP servers.")
@json_option
@pass_host
def add(
    host: Host, path: Path, name: str, plugin: str, yes: bool, flagged: bool, no_servers: bool, as_json: bool
) -> None:
    """Trust a folder as it is now and use it: shows what it brings and what would run, and asks."""
    from hermes_bridges.reading import plain_name

    service = _service(host)
    found = inspect(_chosen(read_tree(_folder(path)), plugin), plain_name(name) if name else "")
    present = service.store.find(found.bundle.name)
    if present is not None and present.path != found.tree.root:
        raise ConfigError(
            f"There is a bridge {present.name!r} already, for {present.path}.",
            remedy="Say --name to give this one another name.",
        )
    _ask(found, yes=yes, flagged=flagged, quiet=as_json, question=f"Trust and use {found.bundle.name}?")
    _keep(host, service, found, as_json, servers=not no_servers, known=present)


@bridges.command(epilog="\b\nExamples:\n  hermes bridges accept review-kit\n  hermes bridges accept review-kit --yes")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--flagged", is_flag=True, help="Also where the scanner found something dangerous.")
@json_option
@pass_host
def accept(host: Host, name: str, yes: bool, flagged: bool, as_json: bool) -> None:
    """Trust a folder whose files were changed, as it is now; or one of bridges.folders, for the first time."""
    service = _service(host)
    consent = service.store.find(name)
    if consent is None:
        found = _waiting(host, service, name)
    else:
        found = inspect(read_tree(Path(consent.path)), name)
        if found.tree.hash == consent.hash:
            print_json({"name": name, "changed": []}) if as_json else click.echo(f"{name} is as you accepted it.")
            return
        if not as_json:
            lines = changes(consent.files, found.tree.files)
            click.echo("\n".join(["Changed since you accepted it:", *(f"  {exact(line)}" for line in lines[:_SHOWN])]))
            click.echo(f"  … and {len(lines) - _SHOWN} more\n" if len(lines) > _SHOWN else "")
    _ask(found, yes=yes, flagged=flagged, quiet=as_json, question=f"Trust {name} as it is now?")
    _keep(host, service, found, as_json, servers=True, known=consent)


@bridges.command(epilog="Example: hermes bridges remove review-kit")
@click.argument("name")
@pass_host
def remove(host: Host, name: str) -> None:
    """Use a folder no more. The folder itself stays where it is; MCP servers set up from it are taken out."""
    from hermes_bridges.servers import take_away

    service = _service(host)
    consent = service.store.find(name)
    if consent is None:
        raise NotFound(f"There is no bridge {name!r}.", remedy="See `hermes bridges list`.")
    gone = take_away(host, consent.servers)
    service.store.remove(name)
    click.echo(f"{name} is used no more. {consent.path} stays as it is.")
    for server in gone:
        click.echo(f"Took mcp_servers.{server} out of the configuration.")


# ------------------------------------------------------------------------------------------------------ the steps


def _service(host: Host) -> Bridges:
    return connect(host.context("bridges"), None)


def _folder(path: Path) -> Path:
    return path.expanduser().resolve()


def _chosen(tree: Tree, plugin: str) -> Tree:
    """The plugin of a marketplace, or the folder itself."""
    from hermes_bridges.reading_claude import marketplace

    if not plugin:
        return tree
    listed = {item.name: item for item in marketplace(tree)}
    if plugin not in listed:
        raise NotFound(f"There is no plugin {plugin!r} here.", remedy=f"There are: {', '.join(listed) or 'none'}.")
    item = listed[plugin]
    if not item.path:
        raise NotFound(f"The plugin {plugin!r} lies elsewhere: {item.source}.", remedy="Fetch it, then add its folder.")
    return read_tree(Path(tree.root) / item.path)


def _waiting(host: Host, service: Bridges, name: str) -> Inspection:
    for path, _, _ in waiting_folders(host.home, service.settings, service.store.all()):
        if Path(path).is_dir():
            found = inspect(read_tree(Path(path)))
            if name in (found.bundle.name, path):
                return found
    raise NotFound(f"There is no bridge {name!r}.", remedy="Add its folder: hermes bridges add PATH")


def _ask(found: Inspection, *, yes: bool, flagged: bool, quiet: bool, question: str) -> None:
    if not quiet:
        _print_report(report(found))
        click.echo("")
    if found.dangerous and not flagged:
        worst = found.findings[0]
        raise Denied(
            f"Nothing was changed: {exact(worst.file)}:{worst.line} looks dangerous: {worst.description}",
            remedy="Read what is marked; if it is right, say --flagged as well.",
        )
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nothing was changed: nobody can be asked here. Say --yes if you have read it.")
    click.confirm(question, abort=True)


def _keep(
    host: Host, service: Bridges, found: Inspection, as_json: bool, *, servers: bool, known: Consent | None
) -> None:
    from hermes_bridges.servers import entries, set_up, take_away

    bundle, tree = found.bundle, found.tree
    # What was shown is what is trusted: the hash is that of the files as they were read for it.
    consent = Consent(
        name=bundle.name,
        path=tree.root,
        kind=bundle.kind,
        hash=tree.hash,
        files=tree.files,
        accepted=time.time(),
        guards=any(hook.event == "PreToolUse" for hook in bundle.hooks),
        servers=known.servers if known is not None else {},
    )
    service.store.keep(consent)
    written = dict(consent.servers)
    left: dict[str, tuple[str, Any]] = {}
    if servers or written:
        kept = {name: own for name, own in written.items() if name in entries(bundle, service.store.file.parent)}
        take_away(host, written)
        if servers or kept:
            written, left = set_up(host, bundle, service.store.file.parent)
    if written != consent.servers:
        import msgspec

        service.store.keep(msgspec.structs.replace(consent, servers=written))
    if as_json:
        print_json({**report(found), "servers": sorted(written), "servers_left": left})
        return
    click.echo(f"{bundle.name} is used from the next conversation on.")
    if written:
        click.echo(f"Set up: {', '.join(f'mcp_servers.{name}' for name in written)}. Try: hermes mcp test NAME")
    if left:
        import yaml

        for name, (reason, _) in left.items():
            click.echo(f"The MCP server {name} was not set up: {reason}")
        click.echo("To use them, put this into config.yaml:\n")
        block = {"mcp_servers": {name: entry for name, (_, entry) in left.items()}}
        click.echo(yaml.safe_dump(block, sort_keys=False))


def _facts(bridge: Bridge) -> dict[str, Any]:
    return {
        "name": bridge.name,
        "state": bridge.state,
        "kind": bridge.consent.kind,
        "path": bridge.consent.path,
        "hash": bridge.consent.hash,
        "accepted": bridge.consent.accepted,
        "servers": sorted(bridge.consent.servers),
        "reason": bridge.reason,
    }


def _print_report(details: dict[str, Any]) -> None:
    version = f" {details['version']}" if details["version"] else ""
    click.echo(exact(f"{details['name']}{version}: {details['described']}, {count(details['files'], 'file')}"))
    click.echo(f"{exact(details['path'])}\n{one_line(details['summary'], 0)}".rstrip())
    for title, key in (
        ("What is used", "mapped"),
        ("What would run", "runs"),
        ("What it asks for in the environment", "requires"),
        ("What cannot be used here", "unmapped"),
    ):
        if details[key]:
            click.echo(f"\n{title}:")
            for line in details[key][:_SHOWN]:
                click.echo(f"  {exact(one_line(line, 0))}")
            if len(details[key]) > _SHOWN:
                click.echo(f"  … and {len(details[key]) - _SHOWN} more (--json shows all)")
    if details["findings"]:
        click.echo("\nWhat the scanner found:")
        for item in details["findings"]:
            place = f"{item['file']}:{item['line']}"
            click.echo(f"  {item['severity']:8} {exact(place)}: {item['description']} ({exact(item['match'])})")
