"""`converse`: turns of the agent for clients, with a model server on its other side."""

from __future__ import annotations

import asyncio
import json

import anyio
import pytest
from mcp_types import ResourceUpdatedNotification

from hermes_host.host import Host
from hermes_host.testing import events_of


async def sessions(client, **options):
    """The listed conversations, and the answer."""
    answer = await client.list_resources(**options)
    return [item for item in answer.resources if item.uri.startswith("hermes://sessions/")], answer


async def test_a_turn_gives_its_text_its_session_and_the_text_as_it_is_written(join, era):
    client = await join(mode=era)
    told = []

    async def heard(progress, total, message):
        told.append((progress, message))

    result = await client.call_tool("converse", {"message": "Where is the tea?"}, progress_callback=heard)
    assert not result.is_error
    assert result.structured_content["text"] == "The tea is in the tin."
    assert result.structured_content["outcome"] == "completed"
    assert "".join(message for _, message in told) == "The tea is in the tin."
    assert [number for number, _ in told] == sorted({number for number, _ in told})


async def test_a_conversation_goes_on_also_after_a_restart(bench, words):
    client = await bench.stdio()
    first = (await client.call_tool("converse", {"message": "How often?"})).structured_content
    assert first["text"] == "1 times"
    again = {"message": "How often?", "session_id": first["session_id"]}
    assert (await client.call_tool("converse", again)).structured_content["text"] == "2 times"
    await bench.leave()
    client = await bench.stdio()
    assert (await client.call_tool("converse", again)).structured_content == {**first, "text": "3 times"}
    other = await bench.stdio()
    refused = await other.call_tool("converse", again)
    assert refused.is_error
    assert first["session_id"] in words(refused)  # the other process has it


async def test_an_unknown_session_and_an_empty_message_are_refused(join, words):
    client = await join()
    for session_id in ("20260101_000000_abcdef", "nothing"):
        result = await client.call_tool("converse", {"message": "Hello.", "session_id": session_id})
        assert result.is_error
        assert f"no session '{session_id}' for clients" in words(result)
    assert "message is empty" in words(await client.call_tool("converse", {"message": " "}))


async def test_consent_in_a_turn_is_asked_through_the_client(join, era, person):
    asked = person(decision="once")
    client = await join(mode=era, elicitation_callback=asked)
    result = await client.call_tool("converse", {"message": "Save the tea."})
    assert result.structured_content["text"] == "The tool says: saved tea"
    assert "save tea" in asked.asked[0]
    client = await join(mode=era)
    result = await client.call_tool("converse", {"message": "Save the tea."})
    assert "nobody can be asked here" in result.structured_content["text"]


async def test_one_turn_at_a_time_and_a_cancelled_one_is_interrupted(join, era, words):
    client = await join(mode=era)
    session_id = (await client.call_tool("converse", {"message": "Hello."})).structured_content["session_id"]
    holding = anyio.Event()

    async def heard(progress, total, message):
        if message == "holding":
            holding.set()

    async with anyio.create_task_group() as group:
        arguments = {"message": "Hold.", "session_id": session_id}
        group.start_soon(lambda: client.call_tool("converse", arguments, progress_callback=heard))
        with anyio.fail_after(10):
            await holding.wait()
        result = await client.call_tool("converse", {"message": "And?", "session_id": session_id})
        assert result.is_error
        assert "running already" in words(result)
        group.cancel_scope.cancel()
    result = await client.call_tool("converse", {"message": "How often?", "session_id": session_id})
    while result.is_error and "running already" in words(result):  # until the cancellation has arrived
        result = await client.call_tool("converse", {"message": "How often?", "session_id": session_id})
    assert result.structured_content["text"] == "3 times"


async def test_a_turn_that_fails_says_why(join, words):
    client = await join()
    result = await client.call_tool("converse", {"message": "Fail."})
    assert result.is_error
    assert result.structured_content["outcome"] == "failed"
    assert "No such key." in words(result)


async def test_sessions_are_resources_in_two_forms_and_news_of_them_is_told(bench):
    heard: asyncio.Queue = asyncio.Queue()
    client = await bench.stdio(message_handler=heard.put)
    assert (await sessions(client))[0] == []
    first = (await client.call_tool("converse", {"message": "Where is the tea?"})).structured_content
    uri = f"hermes://sessions/{first['session_id']}"
    async with asyncio.timeout(10):
        while (await heard.get()).method != "notifications/resources/list_changed":
            pass
    ((resource,), _) = await sessions(client)
    assert (resource.uri, resource.title) == (uri, "Where is the tea?")
    text = (await client.read_resource(uri)).contents[0].text
    assert "## User\n\nWhere is the tea?\n\n## Assistant\n\nThe tea is in the tin." in text
    data = json.loads((await client.read_resource(f"{uri}/json")).contents[0].text)
    assert [message["role"] for message in data["messages"]] == ["user", "assistant"]
    with pytest.warns(match="resources/subscribe"):
        await client.subscribe_resource(uri)
    await client.call_tool("converse", {"message": "Really?", "session_id": first["session_id"]})
    async with asyncio.timeout(10):
        while not isinstance(message := await heard.get(), ResourceUpdatedNotification):
            pass
    assert message.params.uri == uri


async def test_resources_come_in_pages(bench):
    store = Host(home=bench.home, plugins=["compatible"], environ=bench.environ())
    async with store as host:
        for number in range(120):
            session = await host.start(source="mcp", title=f"number {number}")
            await events_of(session.run("Hello."))
            await session.close()
    client = await bench.stdio()
    first, answer = await sessions(client)
    rest, last = await sessions(client, cursor=answer.next_cursor)
    assert len(answer.resources) == 100
    assert len({item.uri for item in [*first, *rest]}) == 120
    assert last.next_cursor is None


async def test_sessions_of_other_surfaces_are_seen_only_where_that_is_allowed(bench):
    async with Host(home=bench.home, plugins=["compatible"], environ=bench.environ()) as host:
        session = await host.start()
        await events_of(session.run("A private matter."))
        uri = f"hermes://sessions/{session.id}"
    for allowed in ("own", "all"):
        bench.configure(mcp_server={"sessions": allowed})
        client = await bench.stdio()
        listed = [item.uri for item in (await client.list_resources()).resources]
        assert (uri in listed) == (allowed == "all")
        found = await asyncio.gather(client.read_resource(uri), return_exceptions=True)
        assert isinstance(found[0], Exception) == (allowed != "all")
        arguments = {"message": "Hello.", "session_id": session.id}
        assert (await client.call_tool("converse", arguments)).is_error == (allowed != "all")
