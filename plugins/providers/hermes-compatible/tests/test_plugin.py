"""The plugin in a real host: a conversation with tools, over HTTP, from a configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_host.events import TextDelta, ToolFinished, TurnFinished
from hermes_host.messages import ToolCall
from hermes_host.testing import PluginContract, StandInHost, events_of, finished
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_chat import chat, failure


class TestPlugin(PluginContract):
    plugin = "compatible"


@pytest.fixture
def configured(tmp_path: Path, server: ModelServer) -> StandInHost:
    (tmp_path / "config.yaml").write_text(
        f"""
model: mine:big
custom_providers:
  - {{name: mine, base_url: "{server.url}", api_key: sk-mine-0123456789}}
""",
        encoding="utf-8",
    )
    return StandInHost(tmp_path, plugins=["compatible"])


async def test_a_turn_with_a_tool_goes_over_one_connection(configured: StandInHost, server: ModelServer) -> None:
    assert server.script is not None
    server.script += [
        chat("Let me add.", ToolCall(id="c1", name="add", arguments={"a": 2, "b": 3})),
        chat("It is 5."),
        chat("You are welcome."),
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
        ended = events[-1]
        assert isinstance(ended, TurnFinished) and (ended.outcome, ended.text) == ("completed", "It is 5.")
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Let me add.It is 5."
        assert finished(await events_of(session.run("Thanks"))).text == "You are welcome."
    first, second, third = (request.body for request in server.requests)
    assert second.startswith(first[: first.rfind(b'],"stream"')])
    assert third.startswith(second[: second.rfind(b'],"stream"')])
    assert server.connections == 1
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer sk-mine-0123456789"}


async def test_a_refused_key_ends_the_turn_with_the_remedy_and_without_the_key(
    configured: StandInHost, server: ModelServer
) -> None:
    assert server.script is not None
    server.script.append(failure(401, "Bad key sk-mine-0123456789"))
    async with configured as host:
        session = await host.start()
        ended = finished(await events_of(session.run("Hello")))
    assert (ended.outcome, ended.error_kind) == ("failed", "AuthFailed")
    assert "custom_providers" in ended.error and "sk-mine" not in ended.error


async def test_the_model_that_a_server_offers_alone_is_taken(tmp_path: Path, server: ModelServer) -> None:
    assert server.script is not None
    server.script.append(chat("Hello"))
    config = f"custom_providers: [{{name: mine, base_url: '{server.url}'}}]"
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    async with StandInHost(tmp_path, plugins=["compatible"]) as host:
        session = await host.start(provider="mine")
        assert finished(await events_of(session.run("Hi"))).text == "Hello"
    assert server.requests[0].json["model"] == "test-model"
