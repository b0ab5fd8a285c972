"""The plugin in a real host: a conversation with tools, over HTTP, from a configuration file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_host.events import TextDelta, ToolFinished, TurnFinished
from hermes_host.messages import Reasoning, ToolCall
from hermes_host.testing import PluginContract, StandInHost, events_of, finished
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_responses import encrypted, failure, responses


class TestPlugin(PluginContract):
    plugin = "openai"


@pytest.fixture
def configured(tmp_path: Path, server: ModelServer) -> StandInHost:
    (tmp_path / "config.yaml").write_text(
        f"""
model: openai:gpt-5.4
openai:
  base_url: "{server.url}"
  api_key: sk-mine-0123456789
""",
        encoding="utf-8",
    )
    return StandInHost(tmp_path, plugins=["openai", "compatible"])


async def test_a_turn_with_a_tool_carries_the_thoughts_on(configured: StandInHost, server: ModelServer) -> None:
    assert server.script is not None
    server.script += [
        responses(Reasoning(text="I should add."), ToolCall(id="c1", name="add", arguments={"a": 2, "b": 3})),
        responses("It is 5."),
        responses("You are welcome."),
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
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "It is 5."
        assert finished(await events_of(session.run("Thanks"))).text == "You are welcome."
    first, second, third = (request.body for request in server.requests)
    assert second.startswith(first[: first.rfind(b'],"stream"')])
    assert third.startswith(second[: second.rfind(b'],"stream"')])
    assert encrypted("I should add.").encode() in second
    assert server.connections == 1
    assert {request.json["prompt_cache_key"] for request in server.requests} == {session.id}


async def test_this_plugin_s_openai_wins_over_the_preset(configured: StandInHost) -> None:
    async with configured as host:
        assert host.providers.get("openai").plugin == "openai"
        assert host.providers.get("azure-openai").name == "azure"


async def test_a_refused_key_ends_the_turn_with_the_remedy_and_without_the_key(
    configured: StandInHost, server: ModelServer
) -> None:
    assert server.script is not None
    server.script.append(failure(401, "Bad key sk-mine-0123456789"))
    async with configured as host:
        session = await host.start()
        ended = finished(await events_of(session.run("Hello")))
    assert (ended.outcome, ended.error_kind) == ("failed", "AuthFailed")
    assert "openai.api_key" in ended.error and "sk-mine" not in ended.error
