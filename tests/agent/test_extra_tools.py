"""Tools that only one conversation has."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hermes_host import hookimpl
from hermes_host.context import ToolContext
from hermes_host.errors import NotFound, PluginError
from hermes_host.messages import ToolCall, assistant_message, text_of
from hermes_host.specs import PluginInfo, ToolSpec
from hermes_host.testing import StandInHost, events_of

HERE = __name__


async def whoever(arguments: dict[str, Any], call: ToolContext) -> str:
    """The tool: what it was called as, for whom, and under which plugin."""
    return f"{call.tool} of {call.plugin.plugin} for {call.session.id}: {sorted(arguments)}"


def missing(context: Any) -> str:
    return "It cannot be used here."


class Offering:
    """A plugin, because its class is in the module of the tools."""

    @hookimpl
    def hermes_plugin_info(self) -> PluginInfo:
        return PluginInfo(summary="For tests")


def tool(name: str, *fields: str, **more: Any) -> ToolSpec:
    schema = {
        "type": "object",
        "properties": {field: {"type": "string"} for field in fields},
        "additionalProperties": False,
    }
    return ToolSpec(
        name=name,
        summary=f"{name} it",
        parameters=schema,
        target=f"{HERE}:whoever",
        effects=frozenset({"read"}),
        **more,
    )


def calling(name: str, **arguments: str) -> Any:
    return assistant_message(ToolCall(id="1", name=name, arguments=arguments))


@pytest.fixture
def offering(host: StandInHost) -> StandInHost:
    host.add_plugin("offering", Offering())

    @host.tool(effects=("read",))
    async def middle() -> str:
        """Everybody's."""
        return "middle"

    return host


async def test_only_the_conversation_that_was_begun_with_it_has_it(offering: StandInHost) -> None:
    model = offering.script(calling("own", a="x"), "done", calling("own", a="x"), "done")
    session = await offering.start(extra_tools=[tool("zeal"), tool("own", "a")])
    other = await offering.start()
    assert [spec.name for spec in session.tools()] == ["middle", "own", "zeal"]
    assert [spec.name for spec in other.tools()] == ["middle"]
    await events_of(session.run("go"))
    assert [definition.name for definition in model.requests[0].tools] == ["middle", "own", "zeal"]
    assert text_of(model.requests[1].messages[-1].parts[0].content) == f"own of offering for {session.id}: ['a']"
    await events_of(other.run("go"))
    assert "There is no tool 'own'" in text_of(model.requests[3].messages[-1].parts[0].content)


async def test_two_conversations_may_have_different_tools_of_one_name(offering: StandInHost) -> None:
    model = offering.script(calling("own", a="x"), "done", calling("own", b="x"), "done")
    first = await offering.start(extra_tools=[tool("own", "a")])
    second = await offering.start(extra_tools=[tool("own", "b")])
    await events_of(first.run("go"))
    await events_of(second.run("go"))
    assert not model.requests[1].messages[-1].parts[0].is_error
    assert not model.requests[3].messages[-1].parts[0].is_error
    assert list(model.requests[2].tools[1].parameters["properties"]) == ["b"]


async def test_it_is_there_whatever_toolsets_are_chosen_and_also_on_resuming(
    offering: StandInHost, tmp_path: Any
) -> None:
    offering.script("hi")
    session = await offering.start(toolsets=(), extra_tools=[tool("own")])
    assert [spec.name for spec in session.tools()] == ["own"]
    await events_of(session.run("hello"))
    await session.close()
    (tmp_path / "elsewhere").mkdir()
    again = await offering.resume(
        session.id, toolsets=(), extra_tools=[tool("next")], directory=str(tmp_path / "elsewhere")
    )
    assert [spec.name for spec in again.tools()] == ["next"]
    assert again.context.directory == str(tmp_path / "elsewhere")
    await again.close()
    assert (await offering.resume(session.id)).context.directory == session.context.directory


async def test_what_cannot_be_used_here_is_left_out(offering: StandInHost) -> None:
    offering.script()
    session = await offering.start(toolsets=(), extra_tools=[tool("own"), tool("off", available=f"{HERE}:missing")])
    assert [spec.name for spec in session.tools()] == ["own"]


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        ([tool("middle")], "'middle' of plugin 'offering' cannot be added .* of plugin 'program'"),
        ([tool("own"), tool("own")], "there is one of that name, of plugin 'offering'"),
        ([tool("Own Tool")], "'Own Tool' cannot be the name of a tool"),
        ([msgspec.structs.replace(tool("own"), target="nowhere")], "the target 'nowhere' is not of the form"),
    ],
    ids=["taken", "twice", "name", "target"],
)
async def test_what_clashes_or_is_no_tool_is_refused_and_nothing_is_begun(
    offering: StandInHost, specs: list[ToolSpec], said: str
) -> None:
    offering.script()
    with pytest.raises(PluginError, match=said):
        await offering.start(extra_tools=specs)
    assert list(offering.sessions.list()) == []


async def test_code_of_no_plugin_is_the_embedding_programs(host: StandInHost) -> None:
    host.script("hi")
    session = await host.start(extra_tools=[tool("own")])
    assert [item.plugin for item in session.extra_tools] == ["program"]


async def test_who_works_for_a_conversation_gets_its_tools_by_name_and_no_others(offering: StandInHost) -> None:
    offering.script()
    leader = await offering.start(extra_tools=[tool("own", toolset="mine"), tool("more", toolset="mine")])
    named = await offering.start(source="subagent", behind=leader.id, toolsets=["own", "middle"])
    assert [spec.name for spec in named.tools()] == ["middle", "own"]
    whole = await offering.start(source="subagent", behind=leader.id, toolsets=["mine"])
    assert [spec.name for spec in whole.tools()] == ["more", "own"]
    assert [spec.name for spec in (await offering.start(source="subagent", behind=leader.id)).tools()] == ["middle"]
    with pytest.raises(NotFound, match="own"):
        await offering.start(toolsets=["own"])
