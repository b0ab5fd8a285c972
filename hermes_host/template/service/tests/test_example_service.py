"""The plugin keeps its contract, and its service is found by its protocol."""

from __future__ import annotations

from pathlib import Path

from hermes_host.testing import PluginContract, StandInHost

from hermes_example_service.protocol import Measure


class TestPlugin(PluginContract):
    plugin = "example-service"


async def test_other_plugins_find_it_by_its_protocol(tmp_path: Path) -> None:
    async with StandInHost(tmp_path / "home", plugins=["example-service"]) as host:
        measure = await host.services.get(Measure)
        assert await measure.seconds("one two three four five") == 2.0


async def test_without_the_plugin_there_is_none(tmp_path: Path) -> None:
    async with StandInHost(tmp_path / "home") as host:
        assert await host.services.find(Measure) is None
