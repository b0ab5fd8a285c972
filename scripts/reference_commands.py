"""The reference page of commands: what `--help` says, for every command of the host, and the slash commands."""

from __future__ import annotations

from collections.abc import Iterator

import click

INTRODUCTION = """\
# Commands

The host's own commands. Plugins add more: `hermes --help` lists what is installed.
"""


def render() -> str:
    """The page as Markdown."""
    from hermes_host.cli.builtin_commands import commands, slash_commands

    blocks = [INTRODUCTION.rstrip()]
    for spec in commands():
        command = _load(spec.target)
        with click.Context(command, info_name=f"hermes {spec.name}", terminal_width=100) as context:
            blocks += _command(command, context)
    rows = [
        f"| `/{spec.name}{f' {_cell(spec.usage)}' if spec.usage else ''}` | {_aliases(spec.aliases)} | {spec.summary} |"
        for spec in slash_commands()
    ]
    blocks += ["## Slash commands", "In every front end.", "\n".join(["| Command | Also | |", "|---|---|---|", *rows])]
    return "\n\n".join(blocks)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    level = "#" * (2 + context.command_path.count(" ") - 1)
    yield f"{level} {context.command_path}"
    yield f"```text\n{command.get_help(context).rstrip()}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                with click.Context(child, info_name=name, parent=context, terminal_width=100) as inner:
                    yield from _command(child, inner)


def _load(target: str) -> click.Command:
    from importlib import import_module

    module, _, attribute = target.partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    return command


def _aliases(names: tuple[str, ...]) -> str:
    return " ".join(f"`/{name}`" for name in names)


def _cell(text: str) -> str:
    # Neither GitHub nor Python-Markdown shows an escaped bar in code as the other does.
    return text.replace(" | ", " or ").replace("|", "&#124;")
