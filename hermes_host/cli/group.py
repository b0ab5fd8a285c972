"""The group `hermes`: a command's module is imported when that command runs, or when its own help is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hermes_host.cli.application import Application, application
from hermes_host.cli.builtin_commands import GROUPS, commands
from hermes_host.errors import HermesError, NotFound, PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from click.shell_completion import CompletionItem

__all__ = ["LazyGroup", "hermes", "with_subcommands"]

_OWN = {spec.name: spec for spec in commands()}


_EXTENDED = frozenset({"approvals"})
"""Of the host's commands those that a plugin may bring whole again, with all that the host's can do."""


class LazyGroup(click.Group):
    """Names and summaries come from specs. The host's own commands cannot be replaced by a plugin's, but for those of
    `_EXTENDED`: only for them plugins are loaded to see."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return [name for name, _ in self._summaries(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. Raises `HermesError` when that fails, in one line that names the plugin."""
        if cmd_name in _OWN and not (cmd_name in _EXTENDED and _is_extended(ctx, cmd_name)):
            command = _load(_OWN[cmd_name].target, "the host")
            return with_subcommands(ctx, cmd_name, command) if isinstance(command, click.Group) else command
        registry = _application(ctx).host.commands
        try:
            found = registry.get(cmd_name)
        except NotFound:
            if cmd_name in registry.names():
                raise
            return with_subcommands(ctx, cmd_name, None)
        return with_subcommands(ctx, cmd_name, _load(found.spec.target, f"plugin {found.plugin!r}"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` begins with. An unknown one is an error that names near ones."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and not ctx.resilient_parsing:
            raise click.UsageError(_unknown(name, self.list_commands(ctx)), ctx)
        return (name if command else None), command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands in their groups; those of plugins come last."""
        for title, specs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(spec.name, spec.summary) for spec in specs])
        others = list(self._plugin_summaries(ctx))
        if others:
            with formatter.section("From plugins"):
                formatter.write_dl(others)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete command names from the specs, without importing the commands."""
        from click.shell_completion import CompletionItem

        items = [CompletionItem(name, help=text) for name, text in self._summaries(ctx) if name.startswith(incomplete)]
        return items + click.Command.shell_complete(self, ctx, incomplete)

    def _summaries(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        yield from ((spec.name, spec.summary) for spec in _OWN.values())
        yield from self._plugin_summaries(ctx)

    def _plugin_summaries(self, ctx: click.Context) -> Iterable[tuple[str, str]]:
        from hermes_host.visible import one_line

        found = _application(ctx).host.commands
        summaries = {item.name: item.spec.summary for item in found if " " not in item.name}
        for item in found:  # of a subcommand whose group nobody brings, the group stands in its place
            summaries.setdefault(item.name.partition(" ")[0], item.spec.summary)
        yield from sorted((name, one_line(text)) for name, text in summaries.items() if name not in _OWN)


class LazySubcommand(click.Command):
    """A command of a plugin within a group of the host's or of another plugin: imported when it runs."""

    def __init__(self, name: str, summary: str, target: str, origin: str) -> None:
        super().__init__(name, help=summary)
        self._target, self._origin = target, origin

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Import the real one and give its context."""
        return _load(self._target, self._origin).make_context(info_name, args, parent=parent, **extra)


def with_subcommands(ctx: click.Context, name: str, command: click.Command | None) -> click.Command | None:
    """`command` with what plugins add to it as `CommandSpec(name="NAME CHILD")`; what it has already stays.

    Where there is no such command, a group of those alone, or None.
    """
    children = [item for item in _application(ctx).host.commands if item.name.startswith(f"{name} ")]
    if not children or not isinstance(command, click.Group | None):
        return command
    group = command or click.Group(name, help=children[0].spec.summary, no_args_is_help=True)
    for item in children:
        child = item.name.partition(" ")[2]
        if child not in group.commands:
            group.add_command(LazySubcommand(child, item.spec.summary, item.spec.target, f"plugin {item.plugin!r}"))
    return group


def _application(ctx: click.Context) -> Application:
    found = ctx.find_object(Application)
    assert found is not None, "the group runs with an Application as its object"
    return found


def _is_extended(ctx: click.Context, name: str) -> bool:
    registry = _application(ctx).host.commands
    return name in registry and not registry.get(name).record.builtin


def _load(target: str, origin: str) -> click.Command:
    from hermes_host.plugins import import_foreign

    try:
        command = import_foreign(target)
    except HermesError as error:
        raise PluginError(f"The command of {origin} cannot be used: {error.message}", remedy=error.remedy) from error
    if not isinstance(command, click.Command):
        raise PluginError(f"The command of {origin} cannot be used: {target!r} is not a click command.")
    return command


def _unknown(name: str, names: Iterable[str]) -> str:
    from hermes_host.registry import near_names

    near = near_names(name, names)
    hint = f"Did you mean {near}?" if near else "`hermes --help` lists the commands."
    return f"There is no command {name!r}. {hint} To ask the agent: hermes chat -q 'your question'."


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from hermes_host._version import __version__

        click.echo(f"hermes {__version__}")
        ctx.exit()


def _blocked_plugins(ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not value.startswith("no:") or len(value) < 4:
            raise click.BadParameter(f"{value!r} is not of the form no:NAME.")
    names = tuple(value.removeprefix("no:") for value in values)
    # Looking for a group's subcommands makes the host, before the group itself runs.
    _application(ctx).blocked = names
    return names


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n"
    "  hermes                                       talk\n"
    "  hermes chat -q 'What is in this folder?'     ask once\n"
    "  git diff | hermes chat -q 'Review this.'     with context from a pipe",
)
@click.option("-m", "--model", default="", metavar="MODEL", help="Model, or provider:model, for this run.")
@click.option("--provider", default="", metavar="NAME", help="Provider for this run.")
@click.option("-c", "--continue", "continue_last", is_flag=True, help="Go on with the latest conversation.")
@click.option("-r", "--resume", default="", metavar="ID|TITLE", help="Go on with a conversation.")
@click.option("-s", "--skills", multiple=True, metavar="LIST", help="Load these skills from the start (repeatable).")
@click.option("-w", "--worktree", is_flag=True, help="Work in a place of its own, such as a git worktree.")
@click.option("--yolo", is_flag=True, help="Run every tool call without asking. Know what you do.")
@click.option("-v", "--verbose", is_flag=True, help="Log to standard error; tracebacks for errors.")
@click.option(
    "-p",
    "blocked",
    multiple=True,
    metavar="no:NAME",
    callback=_blocked_plugins,
    help="Leave a plugin out (repeatable).",
)
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def hermes(ctx: click.Context, /, **said: Any) -> Any:
    """Talk to an agent that works with your files, your tools and your keys.

    Without a command: the same as `hermes chat`.
    """
    state = application()
    for name, value in said.items():
        setattr(state, name, value)
    if ctx.invoked_subcommand is None:
        command = _load(_OWN["chat"].target, "the host")
        with command.make_context("chat", [], parent=ctx) as chat_context:
            return command.invoke(chat_context)
    return None
