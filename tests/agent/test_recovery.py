"""A conversation that was cut off anywhere goes on whole, and no tool runs twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hermes_host.messages import Text, ToolCall, ToolResult, assistant_message
from hermes_host.testing import StandInHost, events_of, finished


def log_of(host: StandInHost, session_id: str) -> Path:
    (path,) = host.home.rglob(f"{session_id}.jsonl")
    return path


def two_calls() -> Any:
    return assistant_message(
        ToolCall(id="a", name="act", arguments={"what": "one"}), ToolCall(id="b", name="act", arguments={"what": "two"})
    )


async def run_whole(home: Path) -> tuple[str, list[str], Path]:
    """One turn with two calls; the id, what was done, and the log."""
    async with StandInHost(home) as host:
        done: list[str] = []

        @host.tool
        def act(what: str) -> str:
            """Act."""
            done.append(what)
            return f"did {what}"

        host.script(two_calls(), "all done")
        session = await host.start()
        await events_of(session.run("go"))
        await session.close()
        return session.id, done, log_of(host, session.id)


async def test_a_conversation_cut_after_any_record_resumes_whole_and_repeats_nothing(tmp_path: Path) -> None:
    session_id, done, log = await run_whole(tmp_path / "home")
    assert done == ["one", "two"]
    lines = log.read_bytes().splitlines(keepends=True)
    assert len(lines) > 6
    for kept in range(2, len(lines) + 1):
        log.write_bytes(b"".join(lines[:kept]))
        async with StandInHost(tmp_path / "home") as host:
            again: list[str] = []

            @host.tool
            def act(what: str) -> str:
                """Act."""
                again.append(what)  # noqa: B023
                return f"did {what}"

            model = host.script("going on")
            session = await host.resume(session_id)
            end = finished(await events_of(session.run("go on")))
            assert end.outcome == "completed", kept
            assert not again, kept
            open_ids: set[str] = set()
            for message in model.requests[0].messages:
                for part in message.parts:
                    if isinstance(part, ToolCall):
                        open_ids.add(part.id)
                    elif isinstance(part, ToolResult):
                        open_ids.remove(part.call_id)
            assert not open_ids, kept


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ('"role":"assistant"', ["was not executed", "was not executed"]),
        ('"tool_started"', ["may or may not have taken effect", "was not executed"]),
        ('"tool_finished"', ["did one", "was not executed"]),
    ],
)
async def test_what_is_known_of_each_call_is_told(tmp_path: Path, last: str, expected: list[str]) -> None:
    session_id, _, log = await run_whole(tmp_path / "home")
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    cut = next(number for number, line in enumerate(lines) if last in line.replace(": ", ":"))
    log.write_text("".join(lines[: cut + 1]), encoding="utf-8")
    async with StandInHost(tmp_path / "home") as host:
        host.script()
        session = await host.resume(session_id)
        texts = [
            "".join(inner.text for inner in part.content if isinstance(inner, Text))
            for part in session.messages[-1].parts
            if isinstance(part, ToolResult)
        ]
        assert len(texts) == 2
        for text, wanted in zip(texts, expected, strict=True):
            assert wanted in text


async def test_a_resumed_conversation_keeps_its_prompt_model_and_usage(tmp_path: Path) -> None:
    async with StandInHost(tmp_path / "home") as host:
        model = host.script("one")
        session = await host.start()
        await events_of(session.run("hi"))
        first, used = model.requests[0], session.usage
    (tmp_path / "home" / "SOUL.md").write_text("You are somebody else now.", encoding="utf-8")
    async with StandInHost(tmp_path / "home") as host:
        model = host.script("two")
        session = await host.resume(session.id[:12])
        assert (session.model, session.usage) == ("scripted:scripted", used)
        await events_of(session.run("hi again"))
        assert model.requests[0].system == first.system
        assert model.requests[0].messages[:1] == first.messages


async def test_a_session_in_use_elsewhere_is_refused(tmp_path: Path) -> None:
    from hermes_host.errors import SessionError

    async with StandInHost(tmp_path / "home") as one, StandInHost(tmp_path / "home") as two:
        one.script()
        two.script()
        session = await one.start()
        with pytest.raises(SessionError):
            await two.resume(session.id)


async def test_a_conversation_in_which_nothing_was_said_leaves_nothing_behind(tmp_path: Path) -> None:
    async with StandInHost(tmp_path / "home") as host:
        host.script("one")
        spoken = await host.start()
        await events_of(spoken.run("hi"))
        silent = await host.start()
        await silent.close()
        await spoken.close()
        assert [info.id for info in host.sessions.list()] == [spoken.id]
        host.forget(spoken.id)
        assert not host.sessions.list()
        assert not list((tmp_path / "home").rglob(f"*{spoken.id}*"))


async def test_a_fork_counts_its_own_tokens(tmp_path: Path) -> None:
    async with StandInHost(tmp_path / "home") as host:
        host.script("one")
        session = await host.start()
        await events_of(session.run("hi"))
        writer = host.sessions.fork(session.id)
        writer.close()
        fork = await host.resume(writer.info.id)
        assert session.usage.output > 0
        assert fork.usage.output == 0
        assert [message.text for message in fork.messages] == ["hi", "one"]
