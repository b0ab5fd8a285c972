"""The plugin and its memory keep their contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_host.testing import MemoryContract, PluginContract, StandInHost, events_of

from hermes_example_memory.memory import Memory


class TestPlugin(PluginContract):
    plugin = "example-memory"


class TestMemory(MemoryContract):
    features = frozenset({"prompt", "observe"})

    @pytest.fixture
    def memory(self, tmp_path: Path) -> Memory:
        return Memory(tmp_path / "topics.json")


async def test_what_was_said_is_in_the_next_conversations_prompt(tmp_path: Path) -> None:
    async with StandInHost(tmp_path / "home", plugins=["example-memory"]) as host:
        model = host.script("Nice.", "Hello again.")
        session = await host.start()
        await events_of(session.run("I keep bees."))
        await session.close()
        later = await host.start()
        await events_of(later.run("Hello."))
    assert "I keep bees." not in model.requests[0].system
    assert "- I keep bees." in model.requests[1].system
