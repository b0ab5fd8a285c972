"""`hermes context` and `hermes personality`."""

from __future__ import annotations

import os
import posixpath
import sys
from typing import TYPE_CHECKING

import click

from hermes_context import personality as manners
from hermes_context import project
from hermes_context.discovery import levels
from hermes_context.review import keep, presented
from hermes_context.settings import ContextSettings
from hermes_context.trust import TrustStore
from hermes_context.workspace import THIS_MACHINE, Workspace, open_workspace
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import count, json_option, print_json, print_table
from hermes_host.context import SessionContext
from hermes_host.errors import ConfigError, HermesError, NotFound
from hermes_host.visible import exact

if TYPE_CHECKING:
    from hermes_context.project import Project
    from hermes_host.context import PluginContext
    from hermes_host.host import Host

__all__ = ["context", "personality"]

_PLUGIN = "context"
_NOTHING = "Nothing there was trusted."
_path = click.argument("path", default=".", metavar="[PATH]")


@click.group(invoke_without_command=True, epilog="Example: hermes context trust")
@click.pass_context
def context(ctx: click.Context) -> None:
    """Show and trust a project's instructions (.hermes.md, AGENTS.md, CLAUDE.md, cursor rules)."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show, path=".", as_json=False)


@context.command(epilog="Example: hermes context show ~/code/project --json")
@_path
@json_option
@pass_host
def show(host: Host, path: str, as_json: bool) -> None:
    """Show which files of the directory (or which file) PATH an agent would be given, and whether they are trusted."""
    plugin, found = _look(host, path)
    mode = plugin.section(ContextSettings).trust
    if as_json:
        print_json({"trust": mode, **project.described(found)})
        return
    for problem in found.problems:
        click.echo(exact(problem), err=True)
    if not found.files:
        click.echo(f"There are no project instructions in {exact(found.root)}.")
        return
    rows = [
        (file.path, file.state if not file.why else f"{file.state}: {file.why}", len(file.text), file.sha256[:12])
        for file in found.files
    ]
    print_table(("file", "state", "characters", "sha-256"), rows)
    for file in found.files:
        for finding in file.prepared[1] if file.state != "unusable" else ():
            click.echo(f"! {exact(file.path)}, line {finding.line}: {finding.kind}: {finding.excerpt}")
    if found.of("untrusted", "changed"):
        click.echo("\nLook at them and decide: hermes context trust")


@context.command(epilog="Example: hermes context trust ~/code/project --yes")
@_path
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_host
def trust(host: Host, path: str, yes: bool, as_json: bool) -> None:
    """Let the instructions in PATH (a directory or a file) count as they are; a changed file is asked about again."""
    plugin, found = _look(host, path)
    waiting = found.of("untrusted", "changed")
    for file in found.of("unusable"):
        click.echo(f"{exact(file.path)} {file.why}.", err=True)
    if not found.files:
        raise NotFound(
            f"There are no project instructions in {exact(found.root)}.", remedy="There is nothing to trust."
        )
    for file in waiting:
        if not as_json:
            click.echo(presented(plugin, file))
    if waiting and not yes:
        if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise click.UsageError("Nobody can be asked here; use --yes.")
        what = "this file" if len(waiting) == 1 else f"these {len(waiting)} files"
        if not click.confirm(f"Give {what} to agents as instructions, in {exact(found.root)}?", default=False):
            raise ConfigError("Nothing was trusted.")
    keep(plugin, found, waiting)
    if as_json:
        print_json({"trusted": [{"path": file.path, "sha256": file.sha256} for file in waiting]})
    elif waiting:
        click.echo(f"Trusted {count(len(waiting), 'file')}.")
    else:
        click.echo("Everything that can be used is trusted already.")


@context.command(epilog="Example: hermes context untrust ~/code/project")
@_path
@json_option
@pass_host
def untrust(host: Host, path: str, as_json: bool) -> None:
    """Take trust from the file PATH, or from every file in the directory PATH."""
    plugin = host.context(_PLUGIN)

    async def resolve() -> str:
        workspace = await _workspace(host, path)
        return workspace.key(await workspace.files.resolve(_expanded(workspace, path)))

    gone = TrustStore(plugin.state_directory).untrust(run_async(host, resolve))
    if as_json:
        print_json({"untrusted": [key.partition(":")[2] for key in gone]})
    else:
        click.echo(
            f"No longer trusted: {', '.join(exact(key.partition(':')[2]) for key in gone)}" if gone else _NOTHING
        )


def _look(host: Host, path: str) -> tuple[PluginContext, Project]:
    plugin = host.context(_PLUGIN)

    async def look() -> Project:
        workspace = await _workspace(host, path)
        resolved = await workspace.files.resolve(_expanded(workspace, path))
        info = await workspace.files.stat(resolved)
        if info is None:
            raise NotFound(f"There is no {exact(resolved)}.")
        if info.kind == "directory":
            return await project.look(plugin, workspace)
        root = (await levels(workspace.files))[-1]
        return project.Project(workspace, root, (await project.read_file(plugin, workspace, resolved, root),), ())

    try:
        return plugin, run_async(host, look)
    except OSError as error:
        raise HermesError(f"{exact(path)} cannot be looked at: {error.strerror or error}.") from error


async def _workspace(host: Host, path: str) -> Workspace:
    """The files as a conversation that starts in PATH, or beside the file PATH, would see them."""
    here = host.terminals.backend(SessionContext("hermes-context")) == THIS_MACHINE
    directory = _on_this_machine(path) if here else path
    opened = await open_workspace(host, SessionContext("hermes-context", directory=directory))
    if here or path.endswith("/"):
        return opened
    info = await opened.files.stat(await opened.files.resolve(path))
    if info is None or info.kind != "file":
        return opened
    await host.terminals.close("hermes-context")
    return await open_workspace(host, SessionContext("hermes-context", directory=posixpath.dirname(path)))


def _on_this_machine(path: str) -> str:
    absolute = os.path.realpath(os.path.expanduser(path))
    while not os.path.isdir(absolute):
        absolute = os.path.dirname(absolute)
    return absolute


def _expanded(workspace: Workspace, path: str) -> str:
    return os.path.abspath(os.path.expanduser(path)) if workspace.place == THIS_MACHINE else path


@click.group("personality", invoke_without_command=True, epilog="Example: hermes personality set concise")
@click.pass_context
def personality(ctx: click.Context) -> None:
    """How the agent speaks. Without a command: list the personalities."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_personalities, as_json=False)


@personality.command("list", epilog="Example: hermes personality list --json")
@json_option
@pass_host
def list_personalities(host: Host, as_json: bool) -> None:
    """List the personalities; `*` marks the default of new conversations."""
    plugin = host.context(_PLUGIN)
    default = plugin.section(ContextSettings).personality
    found = manners.available(plugin)
    if as_json:
        rows = [{"name": name, "description": each.description, "text": each.text} for name, each in found.items()]
        print_json({"default": default, "personalities": rows})
        return
    print_table(
        ("personality", "what it is like"),
        [(f"{name} *" if name == default else name, each.description) for name, each in found.items()],
    )


@personality.command("set", epilog="Example: hermes personality set none")
@click.argument("name")
@pass_host
def set_default(host: Host, name: str) -> None:
    """Make NAME the personality of new conversations; `none` for none."""
    found = manners.find(host.context(_PLUGIN), name)
    host.config.set("context.personality", found)
    click.echo(
        f"New conversations have the personality {found}." if found else "New conversations have no personality."
    )
