"""Costs that do not depend on the machine: what is imported, sent, connected and waited for."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import threading
import time
from pathlib import Path

import pytest

from hermes_host.messages import ToolCall
from hermes_host.testing.hosts import StandInHost, events_of, finished
from hermes_host.testing.model_server import Answer, ModelServer, Received
from hermes_host.testing.model_server_chat import chat

SDKS = {"openai", "anthropic", "httpx", "httpx2", "mcp", "aiohttp", "pydantic", "requests"}
HERMES = str(Path(sys.executable).with_name("hermes"))
STEPS = 50


class Program:
    """Runs `hermes` in a folder and a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(mode=0o700)

    def use_server(self, url: str) -> None:
        settings = {"model": {"provider": "custom", "base_url": url, "default": "test-model", "api_key": "none"}}
        (self.home / "config.yaml").write_text(json.dumps(settings) + "\n", encoding="utf-8")

    async def run(self, *arguments: str, options: tuple[str, ...] = ()) -> tuple[str, str]:
        """Standard output and standard error; the test fails when the program does."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "HERMES_HOME": str(self.home)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *options, HERMES, *arguments),
            cwd=self.folder,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = (data.decode() for data in await process.communicate())
        assert process.returncode == 0, (output + errors)[-1500:]
        return output, errors

    async def imported(self, *arguments: str) -> set[str]:
        """The modules a command imports."""
        _, errors = await self.run(*arguments, options=("-X", "importtime"))
        return set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", errors, re.MULTILINE))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


async def test_the_version_is_told_without_click_and_without_a_plugin(program):
    modules = await program.imported("--version")
    assert not packages(modules) & {"click", "pluggy", "msgspec", "rich", "yaml", "importlib_metadata", *SDKS}
    assert not [name for name in modules if name.endswith(".plugin")]
    assert len(modules) <= 45


async def test_help_imports_light_plugin_modules_and_no_library_of_theirs(program):
    modules = await program.imported("--help")
    assert not packages(modules) & {"rich", "yaml", "jsonschema", "ruamel", "asyncio", "tree_sitter", *SDKS}
    of_plugins = {name for name in modules if re.match(r"hermes_(?!host)\w+\.", name)}
    assert of_plugins == {name for name in of_plugins if name.endswith(".plugin")}
    assert len(modules) <= 280


async def test_one_question_imports_no_vendors_sdk(program):
    async with ModelServer(lambda received: chat("Hello.")(received)) as server:
        program.use_server(server.url)
        modules = await program.imported("chat", "-Q", "-q", "hi", "--provider", "custom")
    assert not packages(modules) & (SDKS - {"httpx2"})
    assert not packages(modules) & {"rich", "prompt_toolkit", "ruamel", "tree_sitter"}
    assert len(modules) <= 660, "with every plugin of this repository, a few modules each"


def fifty_steps(name: str, arguments: dict[str, object]):
    """A model that calls a tool fifty times, one call after the other."""

    def answer(received: Received) -> Answer:
        done = sum(message["role"] == "tool" for message in received.json["messages"])
        if done == STEPS:
            return chat("Done.")(received)
        return chat(ToolCall(id=f"call_{done}", name=name, arguments=arguments, raw=json.dumps(arguments)))(received)

    return answer


async def test_fifty_steps_use_one_connection_and_repeat_their_beginning_byte_for_byte(program):
    (program.folder / "notes.txt").write_text("a line\n" * 20, encoding="utf-8")
    async with ModelServer(fifty_steps("read_file", {"path": "notes.txt"})) as server:
        program.use_server(server.url)
        output, _ = await program.run("chat", "-Q", "-q", "go", "--provider", "custom")
    assert output.startswith("Done.")
    assert len(server.requests) == STEPS + 1
    assert server.connections == 1
    bodies = [received.body for received in server.requests]
    for earlier, later in zip(bodies, bodies[1:], strict=False):
        common = len(os.path.commonprefix([earlier, later]))
        # All but what closes the list of messages and the object around it.
        assert common >= len(earlier) - len(b"]}") - len(_after_messages(earlier))


async def test_the_fixed_part_of_a_request_is_small(program):
    async with ModelServer(lambda received: chat("Hello.")(received)) as server:
        program.use_server(server.url)
        await program.run("chat", "-Q", "-q", "hi", "--provider", "custom")
    (received,) = server.requests
    assert received.json["tools"]
    assert len(received.body) <= 16 * 1024


async def test_nothing_sleeps_between_an_answer_and_the_next_request(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("a line\n", encoding="utf-8")
    slept: list[float] = []
    original = asyncio.sleep

    async def recorded(seconds: float, result: object = None) -> object:
        slept.append(seconds)
        return await original(seconds, result)

    monkeypatch.setattr(asyncio, "sleep", recorded)
    monkeypatch.setattr(time, "sleep", lambda seconds: slept.append(seconds))

    async with StandInHost(tmp_path / "home", plugins=["files", "local", "terminal"]) as host:
        calls = [
            ToolCall(id="1", name="read_file", arguments={"path": "notes.txt"}, raw='{"path": "notes.txt"}'),
            ToolCall(id="2", name="terminal", arguments={"command": "true"}, raw='{"command": "true"}'),
        ]
        host.script(*(_asks_for(call) for call in calls), "Done.")
        session = await host.start(directory=str(tmp_path), yolo=True)
        assert finished(await events_of(session.run("go"))).outcome == "completed"
    assert [seconds for seconds in slept if seconds > 0.02] == []


async def test_an_idle_session_has_no_task_and_no_thread_of_its_own(tmp_path):
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with StandInHost(tmp_path / "home", plugins=["files"]) as host:
        host.script("Hello.", "Hello again.")
        session = await host.start(directory=str(tmp_path))
        await events_of(session.run("hi"))
        await events_of(session.run("hi"))
        assert asyncio.all_tasks() - tasks == set()
        assert len(set(threading.enumerate()) - threads) <= 1, "one worker of the default executor may stay"


def _asks_for(call: ToolCall):
    from hermes_host.messages import assistant_message

    return assistant_message(call)


def _after_messages(body: bytes) -> bytes:
    """What stands behind the list of messages."""
    request = json.loads(body)
    keys = list(request)
    behind = {key: request[key] for key in keys[keys.index("messages") + 1 :]}
    return b"," + json.dumps(behind, separators=(",", ":")).encode()[1:] if behind else b""
