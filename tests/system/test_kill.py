"""A real process, killed with SIGKILL at each step of a turn: the conversation resumes whole and no tool runs twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_host.messages import ToolCall
from hermes_host.testing.model_server import Answer, ModelServer, Pause, Received
from hermes_host.testing.model_server_chat import chat

EFFECT = "echo ran >> effects.txt; echo x > started.fifo; cat wait.fifo"


class Run:
    """One machine's worth of state: a home, a workspace, a model server."""

    def __init__(self, folder: Path, server: ModelServer) -> None:
        self.home = folder / "home"
        self.workspace = folder / "workspace"
        self.server = server
        self.workspace.mkdir()
        for name in ("started.fifo", "wait.fifo"):
            os.mkfifo(self.workspace / name)

    async def hermes(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start the real command."""
        environ = {
            "HERMES_HOME": str(self.home),
            "HOME": str(self.workspace.parent),
            "PATH": os.environ["PATH"],
            "OPENAI_BASE_URL": self.server.url,
            "OPENAI_API_KEY": "sk-not-a-secret",
        }
        return await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("hermes")),
            *arguments,
            cwd=self.workspace,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def session_id(self) -> str:
        """The id of the only session."""
        listing = await self.hermes("sessions", "list", "--json")
        out, err = await listing.communicate()
        (session,) = json.loads(out)
        assert not err
        identity: str = session["id"]
        return identity

    @property
    def effects(self) -> int:
        """How often the tool took effect."""
        path = self.workspace / "effects.txt"
        return path.read_text(encoding="utf-8").count("ran") if path.exists() else 0


def held(answer: Callable[[Received], Answer]) -> Callable[[Received], Answer]:
    """The same answer, held before its first byte."""
    return lambda request: Answer(pieces=answer(request).pieces, headers=answer(request).headers, hold_first=True)


def held_inside(answer: Callable[[Received], Answer]) -> Callable[[Received], Answer]:
    """The same answer, held in the middle of its stream."""

    def cut(request: Received) -> Answer:
        whole = answer(request)
        middle = len(whole.pieces) // 2
        return Answer(pieces=[*whole.pieces[:middle], Pause.HOLD, *whole.pieces[middle:]], headers=whole.headers)

    return cut


async def until_held(run: Run) -> None:
    await run.server.holding.wait()


async def until_in_tool(run: Run) -> None:
    # Opened for reading and writing, so that opening it waits for nobody.
    descriptor = os.open(run.workspace / "started.fifo", os.O_RDWR | os.O_NONBLOCK)
    try:
        await ready(descriptor)
    finally:
        os.close(descriptor)


async def ready(descriptor: int) -> None:
    """Wait until there is something to read, or until the other end is gone."""
    loop = asyncio.get_running_loop()
    seen = loop.create_future()
    loop.add_reader(descriptor, lambda: seen.done() or seen.set_result(None))
    try:
        await seen
    finally:
        loop.remove_reader(descriptor)


async def alive_until(process: asyncio.subprocess.Process, reached: Awaitable[None]) -> None:
    """Wait for the moment, and fail with what the process said when it ends before."""
    moment = asyncio.ensure_future(reached)
    end = asyncio.ensure_future(process.communicate())
    await asyncio.wait({moment, end}, return_when=asyncio.FIRST_COMPLETED)
    assert moment.done(), end.result()


CALL = chat(
    "Working.",
    ToolCall(id="t1", name="terminal", arguments={"command": EFFECT}),
    ToolCall(id="t2", name="terminal", arguments={"command": "echo second >> second.txt"}),
)
QUICK_CALL = chat(ToolCall(id="t1", name="terminal", arguments={"command": "echo ran >> effects.txt"}))
DONE = chat("All is done.")

POINTS: dict[str, tuple[list[Any], Callable[[Run], Awaitable[None]], int]] = {
    "before the model answers": ([held(CALL)], until_held, 0),
    "while the model answers": ([held_inside(CALL)], until_held, 0),
    "while a tool runs": ([CALL], until_in_tool, 1),
    "after the tool, before the next answer": ([QUICK_CALL, held(DONE)], until_held, 1),
    "while the last answer is written": ([QUICK_CALL, held_inside(DONE)], until_held, 1),
}


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_killed_at_any_step_resumes_whole_and_repeats_nothing(point: str, tmp_path: Path) -> None:
    script, reached, effects = POINTS[point]
    async with asyncio.timeout(50), ModelServer(script) as server:
        run = Run(tmp_path, server)
        first = await run.hermes("chat", "-Q", "-q", "please do it", "--provider", "custom", "-m", "test-model")
        await alive_until(first, reached(run))
        os.kill(first.pid, signal.SIGKILL)
        await first.wait()
        assert run.effects == effects

        session = await run.session_id()
        server.script = [DONE]
        server.requests.clear()
        second = await run.hermes("chat", "-Q", "-r", session, "-q", "go on")
        out, err = await second.communicate()
        assert second.returncode == 0, err.decode()
        assert out.decode().startswith("All is done.")

        assert run.effects == effects, "a tool ran twice"
        assert not (run.workspace / "second.txt").exists()
        (request,) = server.requests
        messages = request.json["messages"]
        said = [message["content"] for message in messages if message["role"] == "user"]
        assert said == ["please do it", "go on"]
        called = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
        answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
        assert called == answered


async def test_a_tool_killed_with_the_host_leaves_no_process_behind(tmp_path: Path) -> None:
    async with asyncio.timeout(50), ModelServer([CALL]) as server:
        run = Run(tmp_path, server)
        process = await run.hermes("chat", "-Q", "-q", "do it", "--provider", "custom", "-m", "test-model")
        await alive_until(process, until_in_tool(run))
        # The tool's `cat` waits at the reading end; this end is told when the last reader is gone.
        writing = os.open(run.workspace / "wait.fifo", os.O_WRONLY)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        await ready(writing)
        os.close(writing)
