"""Frozen: never edit."""

from __future__ import annotations

from hermes_host import hookimpl
from hermes_host.specs import TerminalSpec


@hookimpl
def hermes_terminals():
    yield TerminalSpec(
        name="frozen-terminal",
        summary="A place",
        target="frozen_terminal.work:connect",
        features=frozenset({"files", "reap"}),
    )
