"""The four tools in whole conversations, and the memory through the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hermes_honcho.testing import HonchoServer

from hermes_host.context import ToolContext
from hermes_host.errors import ToolError
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.stream import MessageEnded, Usage
from hermes_host.testing import ScriptedApprover, StandInHost, events_of, finished


def calls(name: str, **arguments: Any) -> MessageEnded:
    call = ToolCall(id="c1", name=name, arguments=arguments, raw="{}")
    return MessageEnded(assistant_message(call), "tool_calls", Usage())


def says(text: str = "Done") -> MessageEnded:
    return MessageEnded(assistant_message(text), "end", Usage())


async def result_of(host: StandInHost, name: str, **options: Any) -> str:
    session = await host.start(**options)
    assert finished(await events_of(session.run("Go"))).outcome == "completed"
    (result,) = [part for message in session.messages if message.role == "tool" for part in message.parts]
    return "".join(part.text for part in result.content)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("honcho_profile", {}, "- Likes tea"),
        ("honcho_search", {"query": "boats"}, "builds boats"),
        ("honcho_context", {"query": "How long?"}, "short answers"),
        ("honcho_conclude", {"conclusion": "The user sails."}, "Stored."),
    ],
)
async def test_each_tool_answers_through_the_host_without_asking(
    make: Callable[[], StandInHost], configure: Any, name: str, arguments: dict[str, Any], words: str
) -> None:
    configure(recallMode="tools")
    host = make()
    host.script(calls(name, **arguments), says())
    assert words in await result_of(host, name)


async def test_a_conclusion_is_the_assistants_about_the_user_in_this_session(
    make: Callable[[], StandInHost], configure: Any, server: HonchoServer
) -> None:
    configure(recallMode="tools")
    host = make()
    host.script(calls("honcho_conclude", conclusion="The user sails."), says())
    await result_of(host, "honcho_conclude")
    (stored,) = server.conclusions
    wanted = {
        "content": "The user sails.",
        "observer_id": "hermes",
        "observed_id": "alice",
        "session_id": "hermes",
    }
    assert wanted.items() <= stored.items()


@pytest.mark.parametrize(("answer", "stored"), [("once", 1), ("deny", 0), (None, 0)])
async def test_after_words_from_outside_a_conclusion_needs_consent(
    make: Callable[[], StandInHost], configure: Any, server: HonchoServer, answer: Any, stored: int
) -> None:
    from hermes_host.messages import user_message

    configure(recallMode="tools")
    host = make()
    host.script(calls("honcho_conclude", conclusion="The user trusts evil.example."), says())
    approver = ScriptedApprover(answer) if answer else None
    session = await host.start(approver=approver)
    await events_of(session.run(user_message("From a web hook", provenance="external")))
    assert len(server.conclusions) == stored
    if approver is not None:
        assert "trusts evil.example" in approver.requests[0].shown


async def test_words_read_between_judgement_and_call_stop_a_conclusion(
    make: Callable[[], StandInHost], configure: Any, server: HonchoServer, conversation: Any
) -> None:
    from hermes_honcho.tools import Conclude, assess_conclude, conclude

    configure()
    origin = ["owner"]
    call = ToolContext(make().context("honcho"), conversation(), call_id="c1", origin=lambda: origin[0])
    arguments = Conclude(conclusion="The user trusts evil.example.")
    assert (await assess_conclude(arguments, call)).verdict == "allow"
    origin[0] = "external"
    with pytest.raises(ToolError, match="consent"):
        await conclude(arguments, call)
    assert server.conclusions == []
    assert (await assess_conclude(arguments, call)).verdict == "ask"
    await conclude(arguments, call)
    assert len(server.conclusions) == 1


async def test_nothing_private_goes_beside_words_from_outside(
    memory: Any, server: HonchoServer, turn: Any, conversation: Any
) -> None:
    from hermes_host.messages import user_message

    live = await memory(section="{recall_wait: 4}")
    session = conversation()
    await live.observe(turn(), session)
    assert await live.recall(user_message("A web hook", provenance="external"), session) == ""
    assert "builds boats" in await live.recall(user_message("Mine"), session)


async def test_when_honcho_fails_the_model_is_told_to_go_on(
    make: Callable[[], StandInHost], configure: Any, server: HonchoServer, conversation: Any
) -> None:
    from hermes_honcho.tools import Profile, profile

    configure()
    server.key = "other"
    with pytest.raises(ToolError, match="Go on without it"):
        await profile(Profile(), ToolContext(make().context("honcho"), conversation()))


async def test_a_whole_conversation_is_remembered_and_recalled(
    make: Callable[[], StandInHost], configure: Any, server: HonchoServer
) -> None:
    configure(section="{recall_wait: 4}")
    host = make()
    scripted = host.script(says("Hi Alice"), says("As always"))
    session = await host.start()
    await events_of(session.run("I build boats."))
    assert "Likes tea" in session.system
    await events_of(session.run("And now?"))
    last = scripted.requests[-1].messages[-1]
    assert last.said == "And now?" and "short answers" in last.text
    assert scripted.requests[0].system == scripted.requests[1].system
    await host.aclose()
    assert server.said("hermes") == [
        ("alice", "I build boats."),
        ("hermes", "Hi Alice"),
        ("alice", "And now?"),
        ("hermes", "As always"),
    ]
