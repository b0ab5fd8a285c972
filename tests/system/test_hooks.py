"""Hooks that only plugins of this repository implement, seen through a host."""

from __future__ import annotations

from hermes_host.protocols import Command, Exited
from hermes_host.testing.hosts import StandInHost


async def test_hermes_terminals_gives_a_place_where_commands_run(tmp_path):
    async with StandInHost(tmp_path / "home", plugins=["local"]) as host:
        host.script()
        session = await host.start(directory=str(tmp_path))
        assert "local" in host.terminal_backends.names()
        terminal = await host.terminals.open(session.context)
        events = [event async for event in terminal.run(Command(argv=("true",)))]
        assert events == [Exited(code=0)]
