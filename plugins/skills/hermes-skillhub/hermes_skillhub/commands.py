"""`hermes skills`: the commands of hermes-skills, and those that reach hubs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from hermes_skills.commands import skills as skills_of_the_library

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.errors import HermesError
from hermes_host.visible import one_line, visible
from hermes_skillhub.commands_find import browse, hub_of, inspect, search, tap, tell
from hermes_skillhub.commands_share import dangerous_option, publish, snapshot, yes_option
from hermes_skillhub.deciding import Wishes, decide, person_at_terminal
from hermes_skillhub.inventory import inventory
from hermes_skillhub.maintenance import audit as audit_skills
from hermes_skillhub.maintenance import check as check_skills
from hermes_skillhub.maintenance import entries
from hermes_skillhub.maintenance import uninstall as uninstall_skill
from hermes_skillhub.panel import finding_lines

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_skillhub.hub import Hub
    from hermes_skillhub.lockfile import Installed

__all__ = ["skills"]

discard_option = click.option(
    "--discard-edits", is_flag=True, help="Also where you edited it; its history keeps yours."
)


@click.command(epilog="Example: hermes skills install anthropics/skills/skills/pdf --category documents")
@click.argument("reference", metavar="SKILL")
@click.option("--source", default="", metavar="HUB", help="Look in this hub.")
@click.option("--category", default=None, metavar="FOLDER", help="The folder of the skills folder to put it in.")
@click.option("--force", is_flag=True, help="Also where the scan is cautious, or where it is installed already.")
@dangerous_option
@discard_option
@yes_option
@json_option
@pass_host
def install(
    host: Host,
    reference: str,
    source: str,
    category: str | None,
    force: bool,
    accept_dangerous: bool,
    discard_edits: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Install a skill: its name, owner/repo/path, hub:identifier, or an address.

    It is fetched into quarantine, its paths are checked, its files scanned, and you see what was found before anything
    is installed.
    """
    wishes = Wishes(yes=yes, force=force, accept_dangerous=accept_dangerous, discard_edits=discard_edits)

    async def work() -> None:
        hub = await hub_of(host)
        proposal = await hub.prepare(reference, source=source, category=category, force=force, progress=tell)
        entry = await decide(hub, proposal, person_at_terminal(), wishes)
        if as_json:
            print_json(entry)
            return
        click.echo(f"Installed {entry.name} in skills/{entry.install_path}. New conversations have it.")

    run_async(host, work)


@click.command("list", epilog="Example: hermes skills list --source hub --json")
@click.option(
    "--source",
    default="all",
    metavar="NAME",
    show_default=True,
    help="all, hub, builtin, local, or where they come from.",
)
@click.option("--platform", default="cli", show_default=True, metavar="NAME", help="The surface.")
@json_option
@pass_host
def list_skills(host: Host, source: str, platform: str, as_json: bool) -> None:
    """List the skills you have, and where they are from."""

    async def work() -> None:
        found = await inventory(await hub_of(host), source, platform)
        if as_json:
            print_json(found)
            return
        if found.skills:
            rows = [
                (
                    item.name,
                    item.category,
                    item.source,
                    item.trust,
                    "hidden" if item.hidden else "on",
                    one_line(item.description, 120),
                )
                for item in found.skills
            ]
            print_table(("skill", "category", "source", "trust", "state", "description"), rows)
            click.echo("")
        click.echo(f"{count(len(found.skills), 'skill')}. `hermes skills search WORDS` finds more.")
        for problem in found.problems:
            tell(f"hermes: {problem.line()}")

    run_async(host, work)


@click.command(epilog="Example: hermes skills check --json")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
@pass_host
def check(host: Host, names: tuple[str, ...], as_json: bool) -> None:
    """Look whether there is something newer for skills from hubs."""

    async def work() -> None:
        found = await check_skills(await hub_of(host), names, tell)
        if as_json:
            print_json(found)
        elif not found:
            click.echo("No hub installed a skill.")
        else:
            rows = [
                (
                    item.name,
                    item.status.replace("_", " "),
                    item.installed or "-",
                    item.available or "-",
                    "; ".join(filter(None, ["edited here" if item.edited else "", item.detail])) or "-",
                )
                for item in found
            ]
            print_table(("skill", "status", "yours", "newest", "mind"), rows)

    run_async(host, work)


@click.command(epilog="Example: hermes skills update pdf")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--force", is_flag=True, help="Also where the scan is cautious.")
@dangerous_option
@discard_option
@yes_option
@json_option
@pass_host
def update(
    host: Host,
    names: tuple[str, ...],
    force: bool,
    accept_dangerous: bool,
    discard_edits: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Bring skills from hubs up to date, by the same scan and policy as an installation. Without names: all."""
    wishes = Wishes(yes=yes, force=force, accept_dangerous=accept_dangerous, discard_edits=discard_edits)

    async def work() -> int:
        hub = await hub_of(host)
        report, failed = [], 0
        for entry in entries(hub, names):
            try:
                status = await _update(hub, entry, wishes)
            except HermesError as error:
                status, failed = "failed", failed + 1
                tell(f"{entry.name}: {error}")
            report.append({"name": entry.name, "status": status})
        if as_json:
            print_json(report)
        for item in [] if as_json else report:
            click.echo(f"{item['name']}: {item['status']}")
        return 1 if failed else 0

    return run_async(host, work)


async def _update(hub: Hub, entry: Installed, wishes: Wishes) -> str:
    proposal = await hub.prepare_update(entry, tell)
    if proposal.unchanged and proposal.local.clean:
        proposal.discard()
        return "up to date"
    await decide(hub, proposal, person_at_terminal(), wishes)
    return "updated"


@click.command(epilog="Example: hermes skills audit --json")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
@pass_host
def audit(host: Host, names: tuple[str, ...], as_json: bool) -> int:
    """Compare skills from hubs with what was installed, and scan them again. Exit code 1 when something is wrong."""

    async def work() -> int:
        found = await audit_skills(await hub_of(host), names)
        if as_json:
            print_json([{**_builtins(item), "fine": item.fine} for item in found])
        elif not found:
            click.echo("No hub installed a skill.")
        for item in [] if as_json else found:
            click.echo(f"{item.name}: {item.verdict}, {item.trust}, {'intact' if item.intact else 'changed'}")
            for kind in ("changed", "missing", "added"):
                for path in getattr(item, kind):
                    click.echo(f"  {kind}: {visible(path)}")
            for warning in item.warnings:
                click.echo(f"  {one_line(warning, 300)}")
            for line in finding_lines(item.findings):
                click.echo(f"  {line}")
        return 0 if all(item.fine for item in found) else 1

    return run_async(host, work)


def _builtins(item: object) -> dict[str, object]:
    import msgspec

    found: dict[str, object] = msgspec.to_builtins(item)
    return found


@click.command(epilog="Example: hermes skills uninstall pdf")
@click.argument("name")
@discard_option
@yes_option
@pass_host
def uninstall(host: Host, name: str, discard_edits: bool, yes: bool) -> None:
    """Take away a skill that a hub installed. Files you added stay; its history keeps the last version."""

    async def work() -> None:
        hub = await hub_of(host)
        (entry,) = entries(hub, [name])
        person = person_at_terminal()
        if not yes:
            if person is None:
                raise HermesError("There is nobody to ask.", remedy="Add --yes to take it away unasked.")
            shown = f"{entry.name}, {count(len(entry.files), 'file')}, from {entry.source}:{entry.identifier}"
            if not await person.confirm(visible(shown), f"Take {entry.name} away?"):
                raise HermesError("Nothing was changed.")
        removed = await uninstall_skill(hub, name, discard_edits=discard_edits)
        click.echo(f"{removed.name} is gone.")
        if removed.kept:
            click.echo(f"These were not installed with it and stay: {visible(', '.join(removed.kept))}.")

    run_async(host, work)


@click.group(invoke_without_command=True, epilog="Example: hermes skills search pdf")
@click.pass_context
def skills(ctx: click.Context) -> None:
    """Find, install, list, write and publish skills. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_skills, source="all", platform="cli", as_json=False)


# What hermes-skills has stays; where both have a command, the one here knows hubs as well.
for _command in (
    *skills_of_the_library.commands.values(),
    *(search, browse, inspect, install, list_skills, check, update, audit, uninstall, publish, snapshot, tap),
):
    skills.add_command(_command)
