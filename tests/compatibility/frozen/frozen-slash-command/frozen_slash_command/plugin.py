"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import SlashCommandSpec


@hookimpl
def hermes_slash_commands():
    yield SlashCommandSpec(
        name="frozen",
        summary="A slash command",
        target="frozen_slash_command.work:slash",
        aliases=("ice",),
        usage="<name>",
        while_busy=True,
    )
