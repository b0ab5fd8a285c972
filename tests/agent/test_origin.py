"""Who stands behind a tool call: what outlives the turn is decided by it."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_host.context import ToolContext
from hermes_host.messages import Message, ToolCall, assistant_message, user_message
from hermes_host.testing import StandInHost, events_of


@pytest.fixture
def seen(host: StandInHost) -> list[str]:
    origins: list[str] = []

    @host.tool(effects=("read",))
    async def look(call: ToolContext) -> str:
        """Look."""
        origins.append(call.origin)
        return "looked"

    @host.tool(effects=("read", "net"))
    async def fetch() -> str:
        """Fetch."""
        return "a page"

    return origins


def calls(*names: str) -> list[Any]:
    steps: list[Any] = [
        assistant_message(ToolCall(id=str(number), name=name, arguments={})) for number, name in enumerate(names)
    ]
    return [*steps, "done"]


async def test_the_owner_stands_behind_a_turn_of_his_own(host: StandInHost, seen: list[str]) -> None:
    host.script(*calls("look"))
    await events_of((await host.start()).run("go"))
    assert seen == ["owner"]


async def test_what_came_from_the_network_stands_behind_the_rest_of_the_turn(
    host: StandInHost, seen: list[str]
) -> None:
    host.script(*calls("look", "fetch", "look"), *calls("look"))
    session = await host.start()
    await events_of(session.run("go"))
    await events_of(session.run("go on"))
    assert seen == ["owner", "external", "owner"]


@pytest.mark.parametrize("whose", ["member", "external"])
async def test_whoever_begins_a_turn_stands_behind_it(host: StandInHost, seen: list[str], whose: Any) -> None:
    host.script(*calls("look"))
    message: Message = user_message("go", provenance=whose)
    await events_of((await host.start()).run(message))
    assert seen == [whose]
