"""The plugin keeps its contract, and its tool does what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hermes_host.events import ToolFinished
from hermes_host.messages import ToolCall, assistant_message, text_of
from hermes_host.testing import PluginContract, StandInHost, events_of


class TestPlugin(PluginContract):
    plugin = "example-tool"


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StandInHost]:
    async with StandInHost(tmp_path / "home", plugins=["example-tool"]) as host:
        yield host


async def call(host: StandInHost, text: str) -> ToolFinished:
    """What becomes of one call that a model makes."""
    asked = ToolCall(id="1", name="example_tool", arguments={"text": text})
    host.script(assistant_message(asked), "Done.")
    session = await host.start()
    (finished,) = [event for event in await events_of(session.run("go")) if isinstance(event, ToolFinished)]
    return finished


async def test_it_counts_words(host: StandInHost) -> None:
    finished = await call(host, "one two  three")
    assert text_of(finished.result.content) == "3 words"
    assert not finished.result.is_error


async def test_a_text_that_is_too_long_is_refused(host: StandInHost) -> None:
    finished = await call(host, "x" * 100_001)
    assert finished.result.is_error
    assert "in parts" in text_of(finished.result.content)
