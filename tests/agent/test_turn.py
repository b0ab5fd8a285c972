"""A turn from the user's message to its one and only end."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from hermes_host.agent.toolbox import RESULT_LIMIT
from hermes_host.context import ToolContext
from hermes_host.errors import AuthFailed, ConnectionLost, SessionError
from hermes_host.events import (
    MessageAdded,
    Notice,
    SegmentFinished,
    SteeringAdded,
    TextDelta,
    ToolCallStarted,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnFinished,
    TurnStarted,
)
from hermes_host.messages import Text, ToolCall, ToolResult, assistant_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import MessageEnded, PartDelta, PartStarted, Usage
from hermes_host.testing import StandInHost, events_of, finished


def calls(*named: tuple[str, dict[str, Any]]) -> Any:
    return assistant_message(
        *(ToolCall(id=f"c{index}", name=name, arguments=arguments) for index, (name, arguments) in enumerate(named))
    )


def results_of(request: ModelRequest) -> list[ToolResult]:
    return [part for part in request.messages[-1].parts if isinstance(part, ToolResult)]


def text_of(result: ToolResult) -> str:
    return "".join(part.text for part in result.content if isinstance(part, Text))


async def test_a_text_answer_streams_and_ends_once(host: StandInHost) -> None:
    host.script("Hello there, friend.")
    session = await host.start()
    events = await events_of(session.run("hi"))
    assert isinstance(events[0], TurnStarted)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Hello there, friend."
    assert [event.text for event in events if isinstance(event, SegmentFinished)] == ["Hello there, friend."]
    end = finished(events)
    assert (end.outcome, end.text, end.steps) == ("completed", "Hello there, friend.", 1)
    assert end.usage.output > 0
    assert [message.role for message in session.messages] == ["user", "assistant"]
    assert [record.kind for record in host.sessions.load(session.id)] == [
        "message",
        "state",
        "message",
        "turn_finished",
    ]


async def test_a_tool_is_called_and_its_result_goes_to_the_model(host: StandInHost) -> None:
    @host.tool
    def add(a: int, b: int, call: ToolContext) -> str:
        """Add two numbers."""
        call.progress("adding")
        return str(a + b)

    model = host.script(calls(("add", {"a": 2, "b": "3"})), "It is 5.")
    session = await host.start()
    events = await events_of(session.run("what is 2+3?"))
    assert finished(events).text == "It is 5."
    (result,) = results_of(model.requests[1])
    assert (text_of(result), result.is_error, result.provenance) == ("5", False, "external")
    kinds = [type(event) for event in events]
    order = [kinds.index(kind) for kind in (ToolCallStarted, ToolStarted, ToolProgress, ToolFinished)]
    assert order == sorted(order)


async def test_a_pause_for_a_tool_is_the_end_of_a_segment_and_not_of_the_turn(host: StandInHost) -> None:
    @host.tool
    def look() -> str:
        """Look."""
        return "seen"

    host.script(assistant_message("Let me look.", ToolCall(id="1", name="look", arguments={})), "I see.")
    session = await host.start()
    events = await events_of(session.run("look"))
    assert [event.text for event in events if isinstance(event, SegmentFinished)] == ["Let me look.", "I see."]
    assert finished(events).text == "I see."


async def test_parallel_tools_run_together_and_answer_in_call_order(host: StandInHost) -> None:
    both = asyncio.Event()
    running: list[str] = []

    async def meet(name: str) -> str:
        """Wait until two are here."""
        running.append(name)
        if len(running) == 2:
            both.set()
        async with asyncio.timeout(5):
            await both.wait()
        return name

    host.tool(meet, parallel=True)
    model = host.script(calls(("meet", {"name": "first"}), ("meet", {"name": "second"})), "done")
    session = await host.start()
    assert finished(await events_of(session.run("go"))).outcome == "completed"
    assert [text_of(result) for result in results_of(model.requests[1])] == ["first", "second"]


async def test_other_tools_run_one_after_another(host: StandInHost) -> None:
    active = 0
    most = 0

    @host.tool
    async def alone() -> str:
        """Must be alone."""
        nonlocal active, most
        active += 1
        most = max(most, active)
        await asyncio.sleep(0)
        active -= 1
        return "ok"

    host.script(calls(("alone", {}), ("alone", {}), ("alone", {})), "done")
    session = await host.start()
    await events_of(session.run("go"))
    assert most == 1


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (ToolCall(id="1", name="delet", arguments={"path": "x"}), "Did you mean 'delete'"),
        (ToolCall(id="1", name="delete", arguments=None, raw='{"path": "x'), "not one valid JSON object"),
        (ToolCall(id="1", name="delete", arguments={"path": 5}), "Expected `str`, got `int`"),
        (ToolCall(id="1", name="delete", arguments={}), "missing required field `path`"),
        (ToolCall(id="1", name="delete", arguments={"path": "x", "force": True}), "unknown field `force`"),
    ],
)
async def test_a_call_that_does_not_fit_is_never_executed(host: StandInHost, call: ToolCall, expected: str) -> None:
    executed: list[str] = []

    @host.tool
    def delete(path: str) -> str:
        """Delete."""
        executed.append(path)
        return "gone"

    model = host.script(assistant_message(call), "sorry")
    session = await host.start()
    events = await events_of(session.run("go"))
    assert not executed
    (result,) = results_of(model.requests[1])
    assert result.is_error
    assert expected in text_of(result)
    assert not [event for event in events if isinstance(event, ToolStarted)]


async def test_a_raw_json_schema_is_checked_too(host: StandInHost) -> None:
    from hermes_host import hookimpl
    from hermes_host.specs import ToolSpec

    class Plugin:
        @hookimpl
        def hermes_tools(self) -> list[ToolSpec]:
            schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
            return [
                ToolSpec(name="take", summary="s", parameters=schema, target="json:dumps", effects=frozenset({"read"}))
            ]

    host.add_plugin("raw", Plugin())
    model = host.script(calls(("take", {"n": "many"})), "ok")
    await events_of((await host.start()).run("go"))
    assert "'many' is not of type 'integer' - at $.n" in text_of(results_of(model.requests[1])[0])


async def test_a_tool_that_fails_becomes_an_error_result_with_its_plugin(host: StandInHost) -> None:
    @host.tool
    def fail() -> str:
        """Fail."""
        raise ValueError("bad luck")

    model = host.script(calls(("fail", {})), "ok")
    session = await host.start()
    assert finished(await events_of(session.run("go"))).outcome == "completed"
    (result,) = results_of(model.requests[1])
    assert result.is_error
    assert "ValueError: bad luck" in text_of(result)
    assert "'program'" in text_of(result)


async def test_a_tool_past_its_time_is_ended(host: StandInHost) -> None:
    ended = asyncio.Event()

    async def slow() -> str:
        """Never returns."""
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    host.tool(slow, timeout=0.05)
    model = host.script(calls(("slow", {})), "ok")
    await events_of((await host.start()).run("go"))
    assert ended.is_set()
    assert "longer than 0.05 s" in text_of(results_of(model.requests[1])[0])


async def test_a_result_beyond_the_limit_is_cut_and_kept_whole_in_a_file(host: StandInHost) -> None:
    whole = "".join(f"{number:09}\n" for number in range(RESULT_LIMIT // 5))

    @host.tool
    def much() -> str:
        """Much."""
        return whole

    model = host.script(calls(("much", {})), "ok")
    await events_of((await host.start()).run("go"))
    shown = text_of(results_of(model.requests[1])[0])
    assert len(shown) < RESULT_LIMIT + 500
    assert shown.startswith(whole[:1000])
    assert shown.endswith(whole[-1000:])
    path = shown.partition("the whole result is in ")[2].partition("]")[0]
    assert Path(path).read_text(encoding="utf-8") == whole  # noqa: ASYNC240 - a test may wait for its disk


async def test_secrets_do_not_reach_the_model(host: StandInHost) -> None:
    host.secrets.set("ZZ_API_KEY", "canary-0123456789")

    @host.tool
    def leak() -> str:
        """Leak."""
        return "the key is canary-0123456789."

    model = host.script(calls(("leak", {})), "ok")
    await events_of((await host.start()).run("go"))
    assert "canary" not in text_of(results_of(model.requests[1])[0])


async def test_the_model_is_told_when_the_budget_runs_low_and_answers_at_its_end(tmp_path: Path) -> None:
    host = StandInHost(tmp_path / "home", overrides={"agent.max_turns": 10})

    @host.tool
    def step() -> str:
        """Step."""
        return "again"

    model = host.script(*[calls(("step", {}))] * 10, "that is all")
    session = await host.start()
    events = await events_of(session.run("go"))
    await host.aclose()
    end = finished(events)
    assert (end.outcome, end.text, end.steps) == ("budget", "that is all", 11)
    noted = [number for number, request in enumerate(model.requests) if "steps are used" in str(request.messages[-1])]
    assert noted == [7, 9]
    assert model.requests[-1].settings.tool_choice == "none"
    assert model.requests[-1].tools == model.requests[0].tools
    assert [event.code for event in events if isinstance(event, Notice)] == ["budget"]


async def test_each_request_begins_with_the_one_before(host: StandInHost) -> None:
    @host.tool
    def step() -> str:
        """Step."""
        return "again"

    model = host.script(calls(("step", {})), calls(("step", {})), "first", "second")
    session = await host.start()
    await events_of(session.run("one"))
    await events_of(session.run("two"))
    for earlier, later in zip(model.requests, model.requests[1:], strict=False):
        assert (later.system, later.tools, later.model) == (earlier.system, earlier.tools, earlier.model)
        assert all(old is new for old, new in zip(earlier.messages, later.messages, strict=False))
    assert model.requests[0].system


async def test_steering_is_added_at_the_next_step(host: StandInHost) -> None:
    @host.tool
    def step() -> str:
        """Step."""
        session.steer("use French")
        return "again"

    model = host.script(calls(("step", {})), "oui")
    session = await host.start()
    events = await events_of(session.run("go"))
    assert [event.text for event in events if isinstance(event, SteeringAdded)] == ["use French"]
    assert model.requests[1].messages[-1].text == "use French"


async def test_steering_after_the_last_step_is_still_answered(host: StandInHost) -> None:
    def late(request: ModelRequest) -> str:
        session.steer("and then?")
        return "first answer"

    host.script(late, "second answer")
    session = await host.start()
    assert finished(await events_of(session.run("go"))).text == "second answer"


async def hangs_in_the_model(host: StandInHost, reached: asyncio.Event) -> None:
    async def hang(request: ModelRequest) -> Any:
        yield PartStarted(0, "text")
        yield PartDelta(0, "Once upon")
        reached.set()
        await asyncio.Event().wait()

    host.script(hang, "go on")


async def hangs_in_a_tool(host: StandInHost, reached: asyncio.Event) -> None:
    @host.tool
    async def hang() -> str:
        """Hang."""
        reached.set()
        await asyncio.Event().wait()
        return ""

    host.script(calls(("hang", {}), ("hang", {})), "go on")


async def ignores_cancellation(host: StandInHost, reached: asyncio.Event) -> None:
    @host.tool
    async def stubborn() -> str:
        """Ignore everything."""
        reached.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if host.environ.get("over"):
                    raise

    host.script(calls(("stubborn", {})), "go on")


@pytest.mark.parametrize("hang", [hangs_in_the_model, hangs_in_a_tool, ignores_cancellation])
async def test_an_interrupt_takes_effect_within_a_second_and_the_conversation_goes_on(
    host: StandInHost, hang: Any
) -> None:
    host.environ = {}
    reached = asyncio.Event()
    await hang(host, reached)
    session = await host.start()
    events: list[Any] = []

    async def follow() -> None:
        events.extend(await events_of(session.run("go")))

    task = asyncio.create_task(follow())
    await reached.wait()
    began = time.monotonic()
    session.interrupt()
    await task
    assert time.monotonic() - began < 1.0
    assert finished(events).outcome == "interrupted"
    assert not session.busy
    last = session.messages[-1]
    if hang is hangs_in_the_model:
        assert (last.text, last.incomplete) == ("Once upon", True)
    else:
        texts = [text_of(part) for part in last.parts if isinstance(part, ToolResult)]
        assert "may have taken effect" in texts[0]
        assert all("was not run" in text for text in texts[1:])
    assert finished(await events_of(session.run("again"))).text == "go on"
    host.environ = {"over": "1"}
    for left in asyncio.all_tasks() - {asyncio.current_task()}:
        left.cancel()


async def test_leaving_the_iterator_interrupts_the_turn(host: StandInHost) -> None:
    reached = asyncio.Event()
    await hangs_in_the_model(host, reached)
    session = await host.start()
    turn = session.run("go")
    async for event in turn:
        if isinstance(event, TextDelta):
            break
    await turn.aclose()  # type: ignore[attr-defined]
    assert not session.busy
    assert session.messages[-1].incomplete


async def test_interrupting_one_conversation_leaves_another_alone(host: StandInHost) -> None:
    reached = asyncio.Event()
    release = asyncio.Event()

    async def wait(request: ModelRequest) -> str:
        reached.set()
        await release.wait()
        return "finished"

    async def hang(request: ModelRequest) -> Any:
        await asyncio.Event().wait()
        yield

    host.script(hang, wait)
    one, two = await host.start(), await host.start()
    first = asyncio.create_task(events_of(one.run("go")))
    await asyncio.sleep(0)
    second = asyncio.create_task(events_of(two.run("go")))
    await reached.wait()
    one.interrupt()
    assert finished(await first).outcome == "interrupted"
    release.set()
    assert finished(await second).text == "finished"


async def test_the_deadline_ends_a_turn_that_hangs(host: StandInHost) -> None:
    await hangs_in_the_model(host, asyncio.Event())
    session = await host.start()
    end = finished(await events_of(session.run("go", deadline=0.05)))
    assert (end.outcome, end.error_kind) == ("budget", "TimeoutError")
    assert session.messages[-1].incomplete


async def test_a_stream_that_breaks_keeps_what_was_said_and_fails(host: StandInHost) -> None:
    async def cut(request: ModelRequest) -> Any:
        yield PartStarted(0, "text")
        yield PartDelta(0, "The answer is")
        raise ConnectionLost("The connection was cut.", partial=True)

    host.script(cut)
    session = await host.start()
    events = await events_of(session.run("go"))
    end = finished(events)
    assert (end.outcome, end.error_kind) == ("failed", "ConnectionLost")
    assert (session.messages[-1].text, session.messages[-1].incomplete) == ("The answer is", True)
    assert isinstance(events[-2], MessageAdded)


async def test_a_refused_key_ends_the_turn_with_what_to_do(host: StandInHost) -> None:
    host.script(AuthFailed("The key was refused.", remedy="Set ZZ_KEY."))
    end = finished(await events_of((await host.start()).run("go")))
    assert (end.outcome, end.error, end.error_kind) == ("failed", "The key was refused. Set ZZ_KEY.", "AuthFailed")


async def test_an_answer_cut_at_the_output_limit_is_truncated_and_not_completed(host: StandInHost) -> None:
    host.script(MessageEnded(assistant_message("and so"), "length", Usage(output=3)))
    assert finished(await events_of((await host.start()).run("go"))).outcome == "truncated"


async def test_a_second_turn_at_the_same_time_is_refused(host: StandInHost) -> None:
    reached = asyncio.Event()
    await hangs_in_the_model(host, reached)
    session = await host.start()
    task = asyncio.create_task(events_of(session.run("go")))
    await reached.wait()
    with pytest.raises(SessionError, match="running already"):
        await events_of(session.run("me too"))
    session.interrupt()
    await task


async def test_repeated_call_ids_of_a_vendor_are_told_apart(host: StandInHost) -> None:
    @host.tool
    def echo(text: str) -> str:
        """Echo."""
        return text

    model = host.script(
        assistant_message(
            ToolCall(id="same", name="echo", arguments={"text": "a"}),
            ToolCall(id="same", name="echo", arguments={"text": "b"}),
            ToolCall(id="", name="echo", arguments={"text": "c"}),
        ),
        "ok",
    )
    await events_of((await host.start()).run("go"))
    results = results_of(model.requests[1])
    assert [text_of(result) for result in results] == ["a", "b", "c"]
    assert len({result.call_id for result in results}) == 3
    assert [call.id for call in model.requests[1].messages[-2].tool_calls] == [result.call_id for result in results]


async def test_turns_leave_no_task_behind(host: StandInHost) -> None:
    host.script("one", "two")
    session = await host.start()
    await events_of(session.run("a"))
    await events_of(session.run("b"))
    await session.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


def test_turn_finished_is_the_only_end() -> None:
    with pytest.raises(AssertionError, match="exactly once"):
        finished([TurnFinished(outcome="completed", text="", steps=0, usage=Usage(), seconds=0.0)] * 2)
