"""The host's own commands and slash commands, as specs. Light: the standard library and `hermes_host.specs` only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.specs import CommandSpec, SlashCommandSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["GROUPS", "commands", "slash_commands"]

GROUPS: dict[str, tuple[CommandSpec, ...]] = {
    "Talk": (
        CommandSpec(
            name="chat", summary="Talk to the agent, or ask one question (-q).", target="hermes_host.cli.chat:chat"
        ),
        CommandSpec(
            name="sessions",
            summary="List, search, show, export, import and delete conversations.",
            target="hermes_host.cli.sessions:sessions",
        ),
    ),
    "Set up": (
        CommandSpec(name="model", summary="Choose provider and model.", target="hermes_host.cli.model:model"),
        CommandSpec(name="tools", summary="Switch tools on and off.", target="hermes_host.cli.tools:tools"),
        CommandSpec(
            name="terminal",
            summary="See, choose and test the places where commands run.",
            target="hermes_host.cli.terminal:terminal",
        ),
        CommandSpec(name="config", summary="Show and change settings.", target="hermes_host.cli.config:config"),
        CommandSpec(
            name="plugins",
            summary="See which plugins there are and how they fare.",
            target="hermes_host.cli.plugins:plugins",
        ),
        CommandSpec(
            name="approvals",
            summary="See and revoke remembered approvals.",
            target="hermes_host.cli.approvals:approvals",
        ),
    ),
    "Look after": (
        CommandSpec(
            name="doctor",
            summary="Check the installation and say what to repair.",
            target="hermes_host.cli.doctor:doctor",
        ),
        CommandSpec(
            name="dev",
            summary="Run with a plugin you write, reloaded at each save.",
            target="hermes_host.cli.dev:dev",
        ),
        CommandSpec(
            name="completion",
            summary="Print the completion script for a shell.",
            target="hermes_host.cli.completion:completion",
        ),
        CommandSpec(
            name="version",
            summary="Print the version of the host and of all plugins.",
            target="hermes_host.cli.version:version",
        ),
    ),
}
"""The commands in the groups in which `hermes --help` shows them."""


def commands() -> Iterable[CommandSpec]:
    """The host's commands `hermes NAME`."""
    for group in GROUPS.values():
        yield from group


def slash_commands() -> Iterable[SlashCommandSpec]:
    """The commands `/NAME` that make sense in every front end."""
    here = "hermes_host.cli.slash_handlers"
    yield SlashCommandSpec(
        name="help",
        summary="List the commands.",
        target=f"{here}:show_help",
        usage="[command]",
        aliases=("commands",),
        while_busy=True,
    )
    yield SlashCommandSpec(
        name="new", summary="Begin a new conversation.", target=f"{here}:new", aliases=("reset",), usage="[title]"
    )
    yield SlashCommandSpec(
        name="clear", summary="Empty the screen and begin a new conversation.", target=f"{here}:clear"
    )
    yield SlashCommandSpec(
        name="resume", summary="Go on with an earlier conversation.", target=f"{here}:resume", usage="[id or title]"
    )
    yield SlashCommandSpec(
        name="sessions",
        summary="List the latest conversations, or search them.",
        target=f"{here}:sessions",
        usage="[number or words]",
        while_busy=True,
    )
    yield SlashCommandSpec(
        name="title",
        summary="Show or set the title of this conversation.",
        target=f"{here}:title",
        usage="[title]",
        while_busy=True,
    )
    there = "hermes_host.cli.slash_conversation"
    yield SlashCommandSpec(
        name="undo", summary="Take back the last message and all that followed.", target=f"{there}:undo"
    )
    yield SlashCommandSpec(name="retry", summary="Ask the last message again.", target=f"{there}:retry")
    yield SlashCommandSpec(
        name="fork", summary="Go on in a copy of this conversation.", target=f"{there}:fork", usage="[title]"
    )
    yield SlashCommandSpec(
        name="save", summary="Write the conversation to a JSON file.", target=f"{there}:save", usage="[file]"
    )
    yield SlashCommandSpec(
        name="reasoning",
        summary="Show or set how much the model thinks, and whether it is shown.",
        target=f"{there}:reasoning",
        usage="[level|show|hide]",
    )
    yield SlashCommandSpec(
        name="history",
        summary="Show what was said so far.",
        target=f"{here}:history",
        usage="[number]",
        while_busy=True,
    )
    yield SlashCommandSpec(
        name="model",
        summary="Show or change the model of this conversation.",
        target=f"{here}:model",
        usage="[provider:model]",
        aliases=("provider",),
    )
    yield SlashCommandSpec(
        name="tools", summary="List the tools of this conversation.", target=f"{here}:tools", while_busy=True
    )
    yield SlashCommandSpec(
        name="terminal",
        summary="Show or change where the commands of this conversation run.",
        target=f"{here}:terminal",
        usage="[name]",
    )
    yield SlashCommandSpec(
        name="usage", summary="Show the tokens used so far.", target=f"{here}:usage", while_busy=True
    )
    yield SlashCommandSpec(
        name="status", summary="Show model, directory, session and state.", target=f"{here}:status", while_busy=True
    )
    yield SlashCommandSpec(name="stop", summary="Interrupt the running turn.", target=f"{here}:stop", while_busy=True)
    yield SlashCommandSpec(
        name="steer",
        summary="Tell the agent something while it works; it reads it at its next step.",
        target=f"{here}:steer",
        usage="<text>",
        while_busy=True,
    )
    yield SlashCommandSpec(
        name="quit", summary="Leave.", target=f"{here}:leave", aliases=("exit", "q"), while_busy=True
    )
