"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import CommandSpec


@hookimpl
def hermes_commands():
    yield CommandSpec(name="frozen", summary="A command", target="frozen_command.work:frozen", group="Frozen")
    yield CommandSpec(name="plugins frozen", summary="A subcommand", target="frozen_command.work:below")
