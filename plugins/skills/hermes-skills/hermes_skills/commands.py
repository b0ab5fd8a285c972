"""`hermes skills`: look at skills, write them, decide about proposals, go back to earlier versions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, moment, print_json, print_table
from hermes_host.errors import HermesError, NotFound
from hermes_host.visible import one_line, visible
from hermes_skills import history, pending
from hermes_skills.changes import put_skill, read_skill
from hermes_skills.conditions import Surroundings, hidden_because
from hermes_skills.format import author_problems
from hermes_skills.history import Author
from hermes_skills.library import Collection, Library
from hermes_skills.names import check_category, check_new_name
from hermes_skills.tree import Entry

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.host import Host
    from hermes_skills.library import Skill

__all__ = ["load", "skills"]

_platform = click.option("--platform", default="", metavar="NAME", help="Only on this surface, such as telegram.")

_TEMPLATE = """\
---
name: {name}
description: {description}
---

# {name}

## When to use

Say what has to be asked for, or seen, for this skill to apply.

## Steps

1. The exact commands, one step after another.

## Pitfalls

- What goes wrong, and what to do then.

## Verify

- How to see that it worked.
"""


def load(host: Host) -> tuple[Library, Collection]:
    """The library of a host and all its skills, from a command."""

    async def work() -> tuple[Library, Collection]:
        library = await host.services.get(Library)
        return library, await library.load()

    return run_async(host, work)


@click.group(invoke_without_command=True, epilog="Example: hermes skills view plan")
@click.pass_context
def skills(ctx: click.Context) -> None:
    """List, write and keep skills. Without a command: list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_skills, as_json=False, source="all", platform="cli")


@skills.command("list", epilog="Example: hermes skills list --source local --json")
@click.option("--source", default="all", metavar="NAME", help="all, local, or where they come from.", show_default=True)
@click.option("--platform", default="cli", show_default=True, metavar="NAME", help="The surface.")
@json_option
@pass_host
def list_skills(host: Host, source: str, platform: str, as_json: bool) -> None:
    """List the skills, and what is wrong with those that cannot be used."""
    library, found = load(host)
    chosen = [skill for skill in found.skills if source in ("all", skill.source)]
    where = Surroundings(platform)
    rows = [(skill, hidden_because(skill, library.settings, where)) for skill in chosen]
    if as_json:
        listed = [{**_object(skill), "hidden": reason} for skill, reason in rows]
        print_json({"skills": listed, "problems": found.problems})
        return
    if rows:
        print_table(
            ("skill", "category", "source", "state", "description"),
            [
                (skill.name, skill.category, skill.source, "hidden" if reason else "on", skill.facts.description)
                for skill, reason in rows
            ],
        )
    click.echo(f"{'' if not rows else chr(10)}{count(len(rows), 'skill')}.")
    for problem in found.problems:
        click.echo(f"hermes: {one_line(problem.line(), 0)}", err=True)


@skills.command(epilog="Example: hermes skills view plan")
@click.argument("name")
@json_option
@pass_host
def view(host: Host, name: str, as_json: bool) -> None:
    """Show a skill."""
    skill = load(host)[1].find(name)
    if as_json:
        print_json({**_object(skill), "content": skill.text()})
        return
    click.echo(visible(skill.text().rstrip()))


@skills.command(
    epilog="Example: hermes skills create release-notes --category writing -d 'Use when a release is made.'"
)
@click.argument("name")
@click.option("--category", default="", metavar="NAME", help="Such as devops, or mlops/training.")
@click.option("-d", "--description", default="", help="When it is to be used.")
@click.option("--file", "source", type=click.File(encoding="utf-8"), help="A SKILL.md to take; - for standard input.")
@pass_host
def create(host: Host, name: str, category: str, description: str, source: Any) -> None:
    """Make a skill: from a file, or from a template that opens in your editor."""
    check_new_name(name)
    check_category(category)
    described = description or "Use when … (say what has to be asked for)."
    text = source.read() if source else _TEMPLATE.format(name=name, description=_quoted(described))
    if source is None and not description and sys.stdin.isatty():
        text = click.edit(text, extension=".md") or ""
        if not text.strip():
            raise click.Abort
    _write(host, name, {"SKILL.md": Entry(text.encode("utf-8"))}, category, "create", "new")


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


@skills.command(epilog="Example: hermes skills edit release-notes")
@click.argument("name")
@pass_host
def edit(host: Host, name: str) -> None:
    """Change a skill's SKILL.md in your editor; the version before stays in its history."""
    entries = read_skill(host.home, name)
    before = entries["SKILL.md"].data.decode("utf-8")
    text = click.edit(before, extension=".md")
    if text is None or text == before:
        click.echo("Nothing was changed.")
        return
    _write(host, name, {**entries, "SKILL.md": Entry(text.encode("utf-8"))}, "", "edit", "present")


def _write(host: Host, name: str, entries: dict[str, Entry], category: str, action: str, expect: Any) -> None:
    problems = author_problems(entries["SKILL.md"].data.decode("utf-8"), name, name)
    if problems:
        raise HermesError(f"That is no valid SKILL.md: {' '.join(problems)}", remedy="Nothing was changed.")
    change = put_skill(
        host.home, name, entries, category=category, author=Author("hand"), action=action, expect=expect, check=False
    )
    click.echo(f"{change.path}" if change.version else "Nothing was changed.")
    if change.report.verdict != "safe":
        click.echo(f"hermes: the scanner says {change.report.verdict}: {one_line(change.report.summary, 0)}", err=True)


@skills.command(epilog="Example: hermes skills enable plan --platform telegram")
@click.argument("names", nargs=-1, required=True)
@_platform
@pass_host
def enable(host: Host, names: tuple[str, ...], platform: str) -> None:
    """Offer skills again."""
    _switch(host, set(names), platform, on=True)


@skills.command(epilog="Example: hermes skills disable plan")
@click.argument("names", nargs=-1, required=True)
@_platform
@pass_host
def disable(host: Host, names: tuple[str, ...], platform: str) -> None:
    """Offer skills no longer. Their files stay."""
    found = load(host)[1]
    _switch(host, {found.find(name).name for name in names}, platform, on=False)


def _switch(host: Host, names: set[str], platform: str, *, on: bool) -> None:
    settings = host.context("skills").section(_settings())
    before = set(settings.platform_disabled.get(platform, settings.disabled) if platform else settings.disabled)
    after = sorted(before - names if on else before | names)
    host.config.set(f"skills.platform_disabled.{platform}" if platform else "skills.disabled", after)
    click.echo(f"{platform or 'everywhere'}: {', '.join(after) or 'no skill'} disabled.")


def _settings() -> Any:
    from hermes_skills.settings import SkillsSettings

    return SkillsSettings


@skills.command(epilog="Example: hermes skills config --platform telegram")
@_platform
@pass_host
def config(host: Host, platform: str) -> None:
    """Choose from a list which skills are offered."""
    library, found = load(host)
    names = [skill.name for skill in found.skills]
    off = set(library.settings.platform_disabled.get(platform, library.settings.disabled))
    while True:
        for number, skill in enumerate(found.skills, 1):
            mark = " " if skill.name in off else "x"
            click.echo(f"{number:4} [{mark}] {skill.category or 'general'}/{skill.name}")
        if not sys.stdin.isatty():
            click.echo("There is no terminal to choose in. Use `hermes skills enable` and `disable`.")
            return
        answer = click.prompt("Numbers or a category to switch, empty to save", default="", show_default=False)
        if not answer.strip():
            break
        for word in answer.replace(",", " ").split():
            chosen = [names[int(word) - 1]] if word.isdigit() and 0 < int(word) <= len(names) else []
            chosen = chosen or [skill.name for skill in found.skills if skill.category == word]
            off ^= set(chosen)
    host.config.set(f"skills.platform_disabled.{platform}" if platform else "skills.disabled", sorted(off))


@skills.command("pending", epilog="Example: hermes skills pending --json")
@json_option
@pass_host
def show_pending(host: Host, as_json: bool) -> None:
    """Show the changes that wait for your consent."""
    waiting = pending.proposals(host.home)
    if as_json:
        print_json([{**_proposal(item), "diff": pending.changes_of(host.home, item)} for item in waiting])
        return
    for item in waiting:
        click.echo(click.style(f"{item.name}: {', '.join(item.actions)}", bold=True))
        click.echo(
            f"{moment(item.time)}, by {item.author.kind} in {item.author.session or 'no session'}. {item.reason}"
        )
        click.echo(visible(pending.changes_of(host.home, item)))
    click.echo(f"{count(len(waiting), 'proposal')}." + (" `hermes skills accept NAME`, or reject." if waiting else ""))


@skills.command(epilog="Example: hermes skills accept release-notes")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also when the skill was changed meanwhile.")
@pass_host
def accept(host: Host, name: str, force: bool) -> None:
    """Carry a proposal out."""
    change = pending.accept(host.home, name, force=force)
    click.echo(f"{change.path}: {change.action}.")


@skills.command(epilog="Example: hermes skills reject release-notes")
@click.argument("name")
@pass_host
def reject(host: Host, name: str) -> None:
    """Drop a proposal."""
    click.echo(f"The proposal for {pending.reject(host.home, name).name} is gone.")


@skills.command("history", epilog="Example: hermes skills history release-notes --diff")
@click.argument("name")
@click.option("--diff", is_flag=True, help="Show what each change was.")
@json_option
@pass_host
def show_history(host: Host, name: str, diff: bool, as_json: bool) -> None:
    """Show the versions of a skill."""
    found = history.versions(host.home, name)
    if as_json:
        print_json([_version(item) for item in found])
        return
    if not found:
        raise NotFound(f"No program has changed the skill {name!r}.")
    rows = [(v.number, moment(v.time), v.author.kind, v.author.session, v.action) for v in found]
    print_table(("version", "when", "by", "session", "what"), rows)
    for item in found if diff else ():
        click.echo(f"\nversion {item.number}\n{visible(item.diff)}")


@skills.command(epilog="Example: hermes skills revert release-notes 3")
@click.argument("name")
@click.argument("number", type=click.IntRange(1), required=False)
@pass_host
def revert(host: Host, name: str, number: int | None) -> None:
    """Make a skill what it was in a version, by default the one before the last. This can be taken back too."""
    change = history.revert(host.home, name, number or 0)
    click.echo(f"{change.path}: {change.action}." if change.version else "It is so already.")


@skills.command(epilog="Example: hermes skills sync")
@json_option
@pass_host
def sync(host: Host, as_json: bool) -> None:
    """Copy the bundled skills into your folder; what you changed or deleted stays so."""
    from hermes_skills.sync import sync_bundled

    done = sync_bundled(host.home, force=True)
    if done is None:
        raise NotFound("There is no folder of bundled skills.", remedy="See HERMES_BUNDLED_SKILLS.")
    if as_json:
        print_json(done)
        return
    click.echo(
        f"{done.total_bundled} bundled: {len(done.copied)} copied, {len(done.updated)} updated, "
        f"{len(done.user_modified)} changed by you, {len(done.skipped)} left."
    )


@skills.command(epilog="Example: hermes skills validate release-notes ./my-skill --json")
@click.argument("names", nargs=-1, required=True, metavar="NAME|FOLDER...")
@json_option
@pass_host
def validate(host: Host, names: tuple[str, ...], as_json: bool) -> None:
    """Check skills against the standard, and look for what could do harm. Exit code 1 where something is wrong."""
    found = load(host)[1]
    results = [_validated(_folder_of(found, name)) for name in names]
    if as_json:
        print_json(results)
    else:
        for result in results:
            click.echo(f"{result['path']}: {'valid' if result['valid'] else 'NOT valid'}, {result['verdict']}")
            found_lines = [f"{f.severity} {f.file}:{f.line} {f.id}: {f.description}" for f in result["findings"]]
            for text in (*result["problems"], *found_lines):
                click.echo(f"  {one_line(text, 0)}")
    if any(not result["valid"] or result["verdict"] == "dangerous" for result in results):
        raise SystemExit(1)


@skills.command(epilog="Example: hermes skills trust red-team-notes")
@click.argument("name")
@pass_host
def trust(host: Host, name: str) -> None:
    """Let the agent read a skill though the scanner calls it dangerous, as long as its texts stay what they are."""
    import hashlib

    from hermes_skills.loading import remember_consent
    from hermes_skills.tree import read_tree

    skill = load(host)[1].find(name)
    for entry in read_tree(skill.folder).values():
        text = entry.data.decode("utf-8", "replace")
        remember_consent(host.context("skills"), hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    click.echo(f"{skill.folder}: trusted as it is now.")


def _folder_of(found: Collection, name: str) -> Path:
    from pathlib import Path

    path = Path(name)
    if "/" in name and path.is_dir() or (path / "SKILL.md").is_file():
        return path.resolve()
    return found.find(name).folder


def _validated(folder: Path) -> dict[str, Any]:
    from hermes_skills.linked import read_linked
    from hermes_skills.scan import scan_folder

    try:
        text = read_linked(folder, "SKILL.md", limit=1_000_000).decode("utf-8")
        problems = author_problems(text, folder.name, folder.name)
    except (OSError, HermesError, UnicodeDecodeError) as error:
        problems = [str(error)]
    report = scan_folder(folder)
    return {
        "path": str(folder),
        "valid": not problems,
        "problems": problems,
        "verdict": report.verdict,
        "findings": report.findings,
    }


def _object(skill: Skill) -> dict[str, Any]:
    return {
        "name": skill.name,
        "description": skill.facts.description,
        "category": skill.category,
        "source": skill.source,
        "path": str(skill.folder / skill.file),
        "version": skill.facts.version,
        "tags": skill.facts.tags,
    }


def _proposal(item: pending.Proposal) -> dict[str, Any]:
    return {
        "name": item.name,
        "category": item.category,
        "time": item.time,
        "author": item.author,
        "reason": item.reason,
        "actions": item.actions,
    }


def _version(item: history.Version) -> dict[str, Any]:
    return {
        "version": item.number,
        "time": item.time,
        "author": item.author,
        "action": item.action,
        "deleted": not item.files,
        "diff": item.diff,
    }
