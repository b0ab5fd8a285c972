"""`hermes plugins`: which plugins there are, how they fare, and switching them on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.cli.plugins_check import check
from hermes_host.cli.plugins_new import new
from hermes_host.errors import NotFound
from hermes_host.registry import KINDS, near_names
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_host.installed import InstalledPlugin
    from hermes_host.plugins import PluginRecord

__all__ = ["every_record", "plugins"]


@click.group(invoke_without_command=True, epilog="Example: hermes plugins show compatible")
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """See which plugins there are and how they fare; switch them on and off.

    Where hermes-installer is there, `hermes plugins install NAME` installs one and first shows what it wants. Otherwise
    use pip, such as `pip install hermes-NAME`; there is nothing else to wire.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_plugins, as_json=False)


@plugins.command("list", epilog="Example: hermes plugins list --json")
@json_option
@pass_host
def list_plugins(host: Host, as_json: bool) -> None:
    """List all plugins with their state."""
    records = every_record(host)
    if as_json:
        print_json([_as_object(record) for record in records])
        return
    print_table(
        ("plugin", "version", "state", "ms", "summary"),
        [(item.name, item.version or "-", _state(item), f"{item.import_ms:.0f}", item.summary) for item in records],
    )
    for record in records:
        for problem in record.problems:
            click.echo(f"! {one_line(problem.line(), 0)}")


@plugins.command("show", epilog="Example: hermes plugins show compatible --json")
@click.argument("name")
@json_option
@pass_host
def show(host: Host, name: str, as_json: bool) -> None:
    """Show all about one plugin: what it brought, what is wrong with it."""
    record = _find(host, name)
    if as_json:
        print_json(_as_object(record))
        return
    info = record.info
    rows = [
        ("plugin", record.name),
        ("summary", record.summary),
        ("distribution", f"{record.distribution} {record.version}".strip() or "the host itself"),
        ("module", record.module),
        ("state", record.state),
        ("import", f"{record.import_ms:.1f} ms"),
        ("homepage", info.homepage if info else ""),
        ("settings", ", ".join(section.name for section in info.sections) if info else ""),
        ("secrets", ", ".join(secret.name for secret in info.secrets) if info else ""),
        ("hooks", ", ".join(record.hooks)),
        *((kind.replace("_", " "), ", ".join(names)) for kind, names in _by_kind(record).items()),
    ]
    width = max(len(key) for key, _ in rows)
    for key, value in rows:
        if value:
            click.echo(f"{key.ljust(width)}  {one_line(value, 0)}")
    for problem in record.problems:
        click.echo(f"! {one_line(problem.line(), 0)}")


@plugins.command("disable", epilog="Example: hermes plugins disable weather")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@pass_host
def disable(host: Host, names: tuple[str, ...]) -> None:
    """Switch plugins off, from the next start on. Nothing of theirs is deleted."""
    found = [_find(host, name) for name in names]
    for record in found:
        if record.builtin:
            raise click.UsageError("The host's own parts cannot be switched off.")
    disabled = list(host.config.section("plugins").disabled)
    disabled += [record.name for record in found if record.name not in disabled]
    host.config.set("plugins.disabled", disabled)
    click.echo(f"Switched off: {', '.join(record.name for record in found)}.")


@plugins.command("enable", epilog="Example: hermes plugins enable weather")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@pass_host
def enable(host: Host, names: tuple[str, ...]) -> None:
    """Switch plugins on again."""
    disabled = list(host.config.section("plugins").disabled)
    found = [_find(host, name) if name not in disabled else None for name in names]
    gone = {*names, *(word for record in found if record for word in (record.name, record.distribution))}
    kept = [name for name in disabled if name not in gone]
    if kept == disabled:
        click.echo("Nothing to do: none of them is switched off.")
        return
    host.config.set("plugins.disabled", kept)
    click.echo(f"Switched on: {', '.join(name for name in disabled if name in gone)}.")


plugins.add_command(new)
plugins.add_command(check)


def every_record(host: Host) -> list[PluginRecord]:
    """All records, after every kind of contribution was collected, so that nothing is missing in them."""
    for kind in KINDS:
        host.registry(kind)
    from hermes_host.installed import Installed

    guests = Installed(host.home / "plugins.lock").isolated()
    return [*host.plugins.records, *(_guest(name, entry) for name, entry in guests.items())]


def _guest(name: str, entry: InstalledPlugin) -> PluginRecord:
    from hermes_host.plugins import PluginRecord

    return PluginRecord(name=name, module="", distribution=entry.distribution, version=entry.version, state="isolated")


def _find(host: Host, name: str) -> PluginRecord:
    records = every_record(host)
    for record in records:
        if name in (record.name, record.distribution):
            return record
    near = near_names(name, [record.name for record in records])
    raise NotFound(
        f"There is no plugin {name!r}.",
        remedy=f"Did you mean {near}?" if near else "`hermes plugins list` shows those that are installed.",
    )


def _state(record: PluginRecord) -> str:
    if record.state == "loaded" and record.problems:
        return f"loaded, {count(len(record.problems), 'problem')}"
    return record.state


def _by_kind(record: PluginRecord) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind, name in record.contributions:
        found.setdefault(kind, []).append(name)
    return {kind: sorted(names) for kind, names in sorted(found.items())}


def _as_object(record: PluginRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "summary": record.summary,
        "distribution": record.distribution,
        "version": record.version,
        "module": record.module,
        "state": record.state,
        "builtin": record.builtin,
        "import_ms": round(record.import_ms, 2),
        "hooks": list(record.hooks),
        "contributions": _by_kind(record),
        "problems": [{"where": item.where, "message": item.message, "remedy": item.remedy} for item in record.problems],
    }
