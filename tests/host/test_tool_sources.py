"""Tools that are known only at run time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hermes_host.context import ToolContext
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.specs import ToolSourceSpec, ToolSpec
from hermes_host.testing import StandInHost, events_of

OBJECT = {"type": "object", "properties": {"at": {"type": "string"}}}


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StandInHost]:
    async with StandInHost(tmp_path / "home") as host:
        yield host


class Source:
    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.broken = False

    async def tools(self) -> list[ToolSpec]:
        if self.broken:
            raise ValueError("the list is torn")
        return [spec(name) for name in self.names]


def spec(name: str) -> ToolSpec:
    return ToolSpec(name=name, summary="s", parameters=OBJECT, target="zz:call", effects=frozenset({"read"}))


async def call(arguments: dict[str, Any], context: ToolContext) -> str:
    return f"{context.tool} {arguments.get('at', '')}".strip()


def use(host: StandInHost, source: Source) -> None:
    host.use_part("tool_sources", ToolSourceSpec(name="acme", summary="s", target="a:b"), source)
    host._parts["target", "program", "zz:call"] = call


async def test_hermes_tool_sources_are_asked_when_a_conversation_begins(host: StandInHost) -> None:
    source = Source("acme_look", "acme_go")
    use(host, source)
    provider = host.script(assistant_message(ToolCall(id="1", name="acme_go", arguments={"at": "home"})), "ok", "ok")
    session = await host.start()
    await events_of(session.run("go"))
    assert [tool.name for tool in provider.requests[0].tools] == ["acme_go", "acme_look"]
    assert provider.requests[1].messages[-1].parts[0].content[0].text == "acme_go home"  # type: ignore[union-attr]
    source.names = ["acme_look", "acme_stay"]
    later = await host.start()
    assert [tool.name for tool in later.tools()] == ["acme_look", "acme_stay"]
    assert [tool.name for tool in session.tools()] == ["acme_go", "acme_look"], (
        "a conversation keeps what it began with"
    )


async def test_a_source_that_fails_keeps_what_it_offered(host: StandInHost) -> None:
    source = Source("acme_look")
    use(host, source)
    host.script()
    await host.start()
    source.broken = True
    for _ in range(2):
        assert [tool.name for tool in (await host.start()).tools()] == ["acme_look"]
    (problem,) = host.plugins.problems
    assert problem.message == "ValueError: the list is torn"


async def test_names_that_are_taken_or_cannot_be_used_are_left_out(host: StandInHost) -> None:
    @host.tool
    async def look() -> str:
        """Look."""
        return "the first one"

    use(host, Source("look", "Bad Name", "other"))
    host.script()
    session = await host.start()
    assert [(tool.name, tool.summary) for tool in session.tools()] == [("look", "Look."), ("other", "s")]
