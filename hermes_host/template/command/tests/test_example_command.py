"""The plugin keeps its contract, and its commands answer."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from hermes_host.cli.application import Application
from hermes_host.frontends import SlashCall
from hermes_host.testing import PluginContract, StandInHost, events_of

from hermes_example_command.commands import main, slash


class TestPlugin(PluginContract):
    plugin = "example-command"


async def test_conversations_are_counted(tmp_path: Path) -> None:
    async with StandInHost(tmp_path / "home", plugins=["example-command"]) as host:
        host.script("Hello!")
        session = await host.start()
        await events_of(session.run("Hello."))
        call = SlashCall(name="example-command", arguments="", host=host, session=session)
        assert await slash(call) == "Conversations: **1**"

        run = CliRunner().invoke(main, ["--json"], obj=Application(_host=host))
        assert json.loads(run.output) == {"conversations": 1}
        run = CliRunner().invoke(main, ["--source", "cron"], obj=Application(_host=host))
        assert run.output == "Conversations: 0\n"
