"""The greeter keeps the contracts of a plugin, and greets."""

import pytest

from hermes_host.testing.hosts import StandInHost, events_of, finished
from hermes_host.testing.plugins import PluginContract


class TestPlugin(PluginContract):
    plugin = "greeter"


@pytest.fixture
async def host(tmp_path):
    async with StandInHost(tmp_path / "home", plugins=["greeter"]) as host:
        yield host


async def test_the_parrot_greets_through_the_tool(host):
    session = await host.start(provider="parrot")
    end = finished(await events_of(session.run("greet Ada")))
    assert (end.outcome, end.text) == ("completed", "Hello, Ada! (bows)")
