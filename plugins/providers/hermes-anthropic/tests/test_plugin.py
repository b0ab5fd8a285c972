"""The plugin in a real host: a conversation with tools, and what it costs to have it installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hermes_host.events import ReasoningDelta, ToolFinished
from hermes_host.messages import Reasoning, ToolCall
from hermes_host.testing import PluginContract, StandInHost, events_of, finished
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_messages import failure, messages


class TestPlugin(PluginContract):
    plugin = "anthropic"


@pytest.fixture
def configured(tmp_path: Path, server: ModelServer) -> StandInHost:
    (tmp_path / "config.yaml").write_text(
        f"model: anthropic:claude-sonnet-5-5\nanthropic: {{base_url: '{server.url}', api_key: sk-mine-0123456789}}\n",
        encoding="utf-8",
    )
    return StandInHost(tmp_path, plugins=["anthropic"])


async def test_a_turn_with_a_tool_goes_over_one_connection(configured: StandInHost, server: ModelServer) -> None:
    assert server.script is not None
    server.script += [
        messages(Reasoning(text="I must add."), ToolCall(id="c1", name="add", arguments={"a": 2, "b": 3})),
        messages("It is 5."),
        messages("You are welcome."),
    ]
    async with configured as host:

        @host.tool(effects={"read"})
        def add(a: int, b: int) -> str:
            """Add two numbers."""
            return str(a + b)

        session = await host.start()
        events = await events_of(session.run("What is 2 + 3?"))
        results = [event.result for event in events if isinstance(event, ToolFinished)]
        assert [part.text for result in results for part in result.content] == ["5"]
        assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "I must add."
        assert finished(events).text == "It is 5."
        assert finished(await events_of(session.run("Thanks"))).text == "You are welcome."
    assert [block["type"] for block in server.requests[1].json["messages"][1]["content"]] == ["thinking", "tool_use"]
    assert server.connections == 1


async def test_a_refused_key_ends_the_turn_with_the_remedy_and_without_the_key(
    configured: StandInHost, server: ModelServer
) -> None:
    assert server.script is not None
    server.script.append(failure(401, "Bad key sk-mine-0123456789"))
    async with configured as host:
        ended = finished(await events_of((await host.start()).run("Hello")))
    assert (ended.outcome, ended.error_kind) == ("failed", "AuthFailed")
    assert "anthropic.api_key" in ended.error and "sk-mine" not in ended.error


_WARM = """
import asyncio, sys
from hermes_anthropic.endpoint import Endpoint
from hermes_anthropic.provider import AnthropicProvider

async def main():
    assert "anthropic" not in sys.modules and "httpx2" not in sys.modules
    provider = AnthropicProvider(Endpoint(base_url="http://127.0.0.1:1", key="none"))
    provider.warm()
    imported = asyncio.ensure_future(provider.models())
    turns = 0
    while not imported.done():
        await asyncio.wait({imported}, timeout=0.02)
        turns += 1
    assert "anthropic" in sys.modules
    print(turns, type(imported.exception()).__name__)

asyncio.run(main())
"""


def test_the_sdk_is_imported_beside_the_event_loop() -> None:
    run = subprocess.run([sys.executable, "-c", _WARM], capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert run.returncode == 0, run.stderr
    turns, outcome = run.stdout.split()
    assert int(turns) >= 3, "the loop stood still while the SDK was imported"
    assert outcome == "ConnectionLost"


def test_a_process_may_end_while_the_sdk_is_still_being_imported() -> None:
    program = _WARM.partition("    imported =")[0] + "\nasyncio.run(main())\n"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert (run.returncode, run.stderr) == (0, "")
