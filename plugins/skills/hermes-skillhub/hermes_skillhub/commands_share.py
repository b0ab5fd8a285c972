"""`hermes skills publish` and `snapshot`: giving skills away, and having the same elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json
from hermes_host.errors import HermesError
from hermes_host.visible import one_line, visible
from hermes_skillhub.commands_find import hub_of, tell
from hermes_skillhub.deciding import Wishes, decide, person_at_terminal
from hermes_skillhub.snapshots import export_snapshot, prepare_pinned, read_snapshot

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["dangerous_option", "publish", "snapshot", "yes_option"]

yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask. Policy is kept all the same.")
dangerous_option = click.option(
    "--accept-dangerous", is_flag=True, help="Where the scan says dangerous: ask for the skill's name on the terminal."
)


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
