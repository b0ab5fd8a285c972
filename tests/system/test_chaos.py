"""Random faults on every wire: nothing is lost, nothing is said twice, nothing hangs."""

from __future__ import annotations

import asyncio
import importlib
import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hermes_host.events import AnswerRestarted, SegmentFinished, TextDelta, ToolStarted
from hermes_host.messages import ToolCall, ToolResult, assistant_message
from hermes_host.testing import ModelServer, StandInHost, events_of, finished
from hermes_host.testing.model_server_chat import chat
from hermes_host.testing.model_server_faults import FAULTS
from hermes_host.testing.model_server_messages import messages
from hermes_host.testing.model_server_responses import responses

ROUNDS = int(os.environ.get("HERMES_CHAOS_ROUNDS", "40"))
SEED = int(os.environ.get("HERMES_CHAOS_SEED", "20261122"))
TURNS = 5

WIRES: dict[str, tuple[str, str, Any, Any]] = {
    "chat": (
        "compatible",
        "custom:test-model",
        chat,
        lambda server: {"model": {"base_url": server.url, "api_key": "sk-not-a-key"}},
    ),
    "responses": (
        "openai",
        "openai:test-model",
        responses,
        lambda server: {"openai": {"base_url": server.url, "api_key": "sk-not-a-key", "api": "responses"}},
    ),
    "messages": (
        "anthropic",
        "anthropic:claude-sonnet-4-5",
        messages,
        lambda server: {"anthropic": {"base_url": server.origin, "api_key": "sk-not-a-key"}},
    ),
}


class Story:
    """A server's side of the rounds: good answers, each with up to two faults before it.

    A fault that leaves the answer whole (a body that ends right after the last word) makes the rest of its queue idle.
    """

    def __init__(self, say: Any, chance: Random) -> None:
        self.say = say
        self.chance = chance
        self.pending: list[tuple[bytes, list[Any]]] = []
        self.injected = 0

    def answer(self, after: str, *parts: Any) -> None:
        """A good answer, after some bad ones, to requests that say `after`; the latest such answer counts."""
        good = self.say(*parts)
        queue: list[Any] = []
        self.pending.append((after.encode(), queue))
        for _ in range(self.chance.choice((0, 1, 1, 2))):
            name = self.chance.choice(list(FAULTS))
            seed = self.chance.random()
            queue.append(lambda request, name=name, seed=seed: FAULTS[name](good(request), Random(seed)))
            self.injected += 1
        queue.append(good)

    def __call__(self, request: Any) -> Any:
        queue = next(queue for after, queue in reversed(self.pending) if after in request.body)
        # The good answer stays: on a slow machine even that one may come too late for the short limits below.
        return (queue.pop(0) if len(queue) > 1 else queue[0])(request)


def shown(events: list[Any]) -> list[str]:
    """What a person has seen of the answers: the deltas, less those that were taken back."""
    seen: list[str] = []
    open_text = ""
    for event in events:
        if isinstance(event, TextDelta):
            open_text += event.text
        elif isinstance(event, AnswerRestarted):
            open_text = ""
        elif isinstance(event, SegmentFinished):
            seen.append(open_text)
            open_text = ""
    return seen


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", WIRES)
async def test_random_faults_lose_nothing_and_repeat_nothing(name: str, tmp_path: Path) -> None:
    plugin, model, say, settings = WIRES[name]
    if plugin != "compatible":
        importlib.import_module(plugin)  # an SDK takes longer to import than silence is allowed below
    chance = Random(f"{SEED} {name}")
    story = Story(say, chance)
    limits = {"backoff": 0.0, "stale_timeout": 0.5, "first_event_timeout": 0.5, "read_timeout": 0.0, "retries": 8}
    async with ModelServer(story) as server:
        overrides = {**settings(server), "resilience": limits}
        async with StandInHost(tmp_path / "home", plugins=[plugin, "resilience"], overrides=overrides) as host:
            acted: list[str] = []

            @host.tool
            def act(what: str) -> str:
                """Act."""
                acted.append(what)
                return f"did {what}"

            for number in range(ROUNDS // TURNS):
                session = await host.start(model=model)
                said: list[str] = []
                for turn in range(TURNS):
                    mark = f"{number}.{turn}"
                    last = f"The answer to question {mark}, in a few more words than one delta holds: {mark}!"
                    acted.clear()
                    call = ToolCall(id=f"call_{number}_{turn}", name="act", arguments={"what": mark})
                    story.answer(f"question {mark}", "Wait a moment.", call)
                    story.answer(f"did {mark}", last)
                    async with asyncio.timeout(60):
                        events = await events_of(session.run(f"question {mark}"))
                    end = finished(events)
                    assert end.outcome == "completed", (mark, end.error)
                    assert end.text == last
                    assert shown(events) == ["Wait a moment.", last], mark
                    assert acted == [mark], "a tool runs exactly once"
                    assert len([event for event in events if isinstance(event, ToolStarted)]) == 1
                    said += [f"question {mark}", "Wait a moment.", last]
                assert [message.text for message in session.messages if message.text] == said
                results = [p for message in session.messages for p in message.parts if isinstance(p, ToolResult)]
                assert len(results) == TURNS
                await session.close()
    assert story.injected


def test_the_faults_are_what_they_say() -> None:
    """Every fault changes a good answer."""
    good = chat("Hello there, this is long enough.", message=assistant_message("Hello there, this is long enough."))

    class Request:
        json = {"stream": True}

    answer = good(Request())  # type: ignore[arg-type]
    for fault in FAULTS.values():
        assert fault(answer, Random(1)) != answer
