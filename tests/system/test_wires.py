"""One conversation on every wire: text, parallel tools, an error on the way, an image; the same story each time.

The vendors' own SDKs, unmodified, talk to servers on loopback that speak the vendors' formats byte for byte.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hermes_host.context import ToolContext
from hermes_host.events import Notice, SegmentFinished, ToolFinished, TurnFinished
from hermes_host.messages import Media, Text, ToolCall, user_message
from hermes_host.testing import ModelServer, StandInHost, events_of, finished
from hermes_host.testing.model_server_chat import chat
from hermes_host.testing.model_server_chat import failure as chat_failure
from hermes_host.testing.model_server_messages import failure as messages_failure
from hermes_host.testing.model_server_messages import messages
from hermes_host.testing.model_server_responses import failure as responses_failure
from hermes_host.testing.model_server_responses import responses

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Wire(NamedTuple):
    """How one wire is spoken: which plugin, with which settings, and how the server answers."""

    plugin: str
    model: str
    settings: Callable[[ModelServer], dict[str, Any]]
    say: Callable[..., Any]
    fail: Callable[..., Any]


WIRES = {
    "chat completions": Wire(
        "compatible",
        "custom:test-model",
        lambda server: {"model": {"base_url": server.url, "api_key": "sk-not-a-key"}},
        chat,
        chat_failure,
    ),
    "chat completions with the openai SDK": Wire(
        "openai",
        "openai:test-model",
        lambda server: {"openai": {"base_url": server.url, "api_key": "sk-not-a-key", "api": "chat"}},
        chat,
        chat_failure,
    ),
    "responses with the openai SDK": Wire(
        "openai",
        "openai:test-model",
        lambda server: {"openai": {"base_url": server.url, "api_key": "sk-not-a-key", "api": "responses"}},
        responses,
        responses_failure,
    ),
    "messages with the anthropic SDK": Wire(
        "anthropic",
        "anthropic:claude-sonnet-4-5",
        lambda server: {"anthropic": {"base_url": server.origin, "api_key": "sk-not-a-key"}},
        messages,
        messages_failure,
    ),
    "messages": Wire(
        "compatible",
        "custom:test-model",
        lambda server: {
            "compatible": {
                "custom": {"base_url": server.url, "api_key": "sk-not-a-key", "api_mode": "anthropic_messages"}
            }
        },
        messages,
        messages_failure,
    ),
}


@pytest.mark.parametrize("name", WIRES)
async def test_the_same_conversation_passes_on_every_wire(name: str, tmp_path: Path) -> None:
    wire = WIRES[name]
    say = wire.say
    script = [
        say("Hello. What shall I do?"),
        say(
            "Looking at both.",
            ToolCall(id="call_one", name="look", arguments={"where": "left"}),
            ToolCall(id="call_two", name="look", arguments={"where": "right"}),
        ),
        say("Left is a cat, right is a dog."),
        wire.fail(500, "The vendor's trouble."),
        say("Here I am again."),
        say("A single pixel."),
    ]
    async with ModelServer(script) as server:
        settings = {**wire.settings(server), "resilience": {"backoff": 0.0}}
        async with StandInHost(tmp_path / "home", plugins=[wire.plugin, "resilience"], overrides=settings) as host:

            @host.tool(parallel=True)
            def look(where: str, call: ToolContext) -> str:
                """Look somewhere."""
                return {"left": "a cat", "right": "a dog"}[where]

            session = await host.start(model=wire.model)

            first = await events_of(session.run("Hi."))
            assert finished(first).text == "Hello. What shall I do?"

            second = await events_of(session.run("Look left and right."))
            assert finished(second).text == "Left is a cat, right is a dog."
            assert [event.text for event in second if isinstance(event, SegmentFinished)][0] == "Looking at both."
            seen = [event.result for event in second if isinstance(event, ToolFinished)]
            assert {part.text for result in seen for part in result.content if isinstance(part, Text)} == {
                "a cat",
                "a dog",
            }

            third = await events_of(session.run("Are you there?"))
            assert finished(third).text == "Here I am again."
            assert [event for event in third if isinstance(event, Notice)], "a retry must be visible"

            picture = user_message("What is this?", Media(kind="image", mime="image/png", data=PIXEL))
            fourth = await events_of(session.run(picture))
            assert finished(fourth).text == "A single pixel."

            ends = [
                event for turn in (first, second, third, fourth) for event in turn if isinstance(event, TurnFinished)
            ]
            assert [end.outcome for end in ends] == ["completed"] * 4
            assert session.usage.output > 0

        assert len(server.requests) == len(script)
        assert server.connections <= 2, "one connection serves them all; an error may cost it"
        last = server.requests[-1].body
        assert base64.b64encode(PIXEL) in last
        assert all(word in last for word in (b"Look left and right.", b"a cat", b"a dog", b"Are you there?"))
        assert all(b"sk-not-a-key" not in request.body for request in server.requests)
