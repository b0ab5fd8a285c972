"""`hermes skills`: the commands of hermes-skills, and those that reach hubs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from hermes_skills.commands import skills as skills_of_the_library

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.errors import HermesError
from hermes_host.visible import one_line, visible
from hermes_skillhub.commands_find import browse, hub_of, inspect, search, tap, tell
from hermes_skillhub.deciding import Wishes, decide, person_at_terminal
from hermes_skillhub.inventory import inventory
from hermes_skillhub.maintenance import audit as audit_skills
from hermes_skillhub.maintenance import check as check_skills
from hermes_skillhub.maintenance import entries
from hermes_skillhub.maintenance import uninstall as uninstall_skill
from hermes_skillhub.panel import finding_lines
from hermes_skillhub.snapshots import export_snapshot, prepare_pinned, read_snapshot

if TYPE_CHECKING:
    from hermes_host.host import Host
    from hermes_skillhub.hub import Hub
    from hermes_skillhub.lockfile import Installed

__all__ = ["skills"]

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask. Policy is kept all the same.")
discard_option = click.option(
    "--discard-edits", is_flag=True, help="Also where you edited it; its history keeps yours."
)
dangerous_option = click.option(
    "--accept-dangerous", is_flag=True, help="Where the scan says dangerous: ask for the skill's name on the terminal."
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
    type=click.Choice(["all", "hub", "builtin", "local"]),
    default="all",
    show_default=True,
    help="Of which.",
)
@json_option
@pass_host
def list_skills(host: Host, source: str, as_json: bool) -> None:
    """List the skills you have, and where they are from."""

    async def work() -> None:
        found = inventory(await hub_of(host), source)
        if as_json:
            print_json(found)
        elif not found:
            click.echo("There are none. `hermes skills search WORDS` finds some.")
        else:
            rows = [
                (
                    item.name,
                    item.category or "-",
                    item.kind,
                    item.trust or "-",
                    one_line(item.source or item.description, 120),
                )
                for item in found
            ]
            print_table(("skill", "category", "kind", "trust", "from, or what it does"), rows)

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


@click.command(epilog="Example: hermes skills publish ~/.hermes/skills/my-skill --repo owner/skills")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", "target", type=click.Choice(["github", "clawhub"]), default="github", show_default=True)
@click.option("--repo", default="", metavar="OWNER/REPO[/FOLDER]", help="Where to propose it.")
@click.option("--force", is_flag=True, help="Also where the scan is cautious.")
@yes_option
@json_option
@pass_host
def publish(host: Host, folder: Path, target: str, repo: str, force: bool, yes: bool, as_json: bool) -> None:
    """Propose a skill of yours to a repository on GitHub: a fork, a branch and a pull request."""
    from hermes_skillhub.github import split_reference
    from hermes_skillhub.publishing import draft
    from hermes_skillhub.publishing import publish as publish_skill

    if target == "clawhub":
        raise HermesError("ClawHub is not published to from here.", remedy="Use its own program: clawhub publish.")
    where = split_reference(repo) if repo else None
    if where is None:
        raise HermesError("Say where to: --repo owner/repo, or owner/repo/folder.")

    here = folder.resolve()

    async def work() -> None:
        from hermes_skillhub.connections import Connections

        hub = await hub_of(host)
        skill = draft(hub, here)
        if skill.report.verdict != "safe" and not force:
            raise HermesError(
                f"The scan found: {skill.report.summary}", remedy="Correct it, or publish all the same with --force."
            )
        if not yes:
            person = person_at_terminal()
            files = "\n".join(f"  {visible(file.path)}" for file in skill.files)
            shown = f"{skill.name}: {one_line(skill.head.description, 200)}\n{files}"
            if person is None:
                raise HermesError("There is nobody to ask.", remedy="Add --yes to publish unasked.")
            if not await person.confirm(shown, f"Publish these files in {where[0]}, for all to see?"):
                raise HermesError("Nothing was published.")
        github = (await host.services.get(Connections)).github
        made = await publish_skill(github, skill, where[0], where[1] or "skills", tell)
        if as_json:
            print_json(made)
            return
        click.echo(f"Proposed: {visible(made.url)}")

    run_async(host, work)


@click.group(epilog="Example: hermes skills snapshot export skills.json")
def snapshot() -> None:
    """Write down which skills are installed, and install the same elsewhere."""


@snapshot.command("export", epilog="Example: hermes skills snapshot export skills.json")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@pass_host
def snapshot_export(host: Host, file: Path) -> None:
    """Write the skills from hubs, with their versions, and your taps."""

    async def work() -> None:
        number = export_snapshot(await hub_of(host), file)
        click.echo(f"{count(number, 'skill')} written to {file}.")

    run_async(host, work)


@snapshot.command("import", epilog="Example: hermes skills snapshot import skills.json --yes")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Also where the scan is cautious.")
@dangerous_option
@yes_option
@pass_host
def snapshot_import(host: Host, file: Path, force: bool, accept_dangerous: bool, yes: bool) -> int:
    """Install what a snapshot names, in the versions it names where they lie on GitHub."""
    wishes = Wishes(yes=yes, force=force, accept_dangerous=accept_dangerous)

    async def work() -> int:
        hub = await hub_of(host)
        skills, taps = read_snapshot(file)
        for name, folder in taps:
            hub.add_tap(name, folder)
        failed = 0
        for pinned in skills:
            if pinned.name in hub.storage.installed():
                click.echo(f"{visible(pinned.name)}: installed already")
                continue
            try:
                proposal = await prepare_pinned(hub, pinned, tell)
                await decide(hub, proposal, person_at_terminal(), wishes)
                click.echo(f"{pinned.name}: installed")
            except HermesError as error:
                failed += 1
                tell(f"{pinned.name}: {error}")
        return 1 if failed else 0

    return run_async(host, work)


def _merged() -> click.Group:
    """The library's group with our commands added; where both have one, ours knows hubs."""
    import copy

    merged = copy.copy(skills_of_the_library)
    ours = (
        *(search, browse, inspect, install, list_skills, check, update),
        *(audit, uninstall, publish, snapshot, tap),
    )
    merged.commands = {**merged.commands, **{str(command.name): command for command in ours}}
    return merged


skills = _merged()
"""The group behind `hermes skills`."""
