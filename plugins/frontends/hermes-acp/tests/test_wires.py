"""Standard output is the protocol's alone, and nonsense on standard input harms nobody."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from acp import image_block

from hermes_host.messages import Text, ToolCall
from hermes_host.testing.model_server_chat import chat

HERE = Path(sys.executable).parent


class Pipes:
    """The agent, spoken to by hand: every line of its output is kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[bytes] = []
        self._next = 0

    def write(self, *lines: object) -> None:
        """Bytes as they are, anything else as JSON."""
        for line in lines:
            data = line if isinstance(line, bytes) else json.dumps(line).encode()
            self.process.stdin.write(data + b"\n")

    async def until(self, identity: object) -> dict:
        """The answer with that id."""
        async with asyncio.timeout(20):
            while True:
                line = await self.process.stdout.readline()
                assert line, "the agent ended"
                self.lines.append(line)
                message = json.loads(line)
                if "method" not in message and message["id"] == identity:
                    return message

    async def ask(self, method: str, **params: object) -> dict:
        """Send a request and wait for its answer."""
        self._next += 1
        self.write({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        return await self.until(self._next)

    async def end(self) -> str:
        """Close standard input; gives standard error."""
        self.process.stdin.close()
        rest, errors = await asyncio.wait_for(self.process.communicate(), 15)
        self.lines += rest.splitlines()
        return errors.decode()


@pytest.fixture
async def pipes(place):
    started = []

    async def start(script, *command: str) -> Pipes:
        there = await place(script)
        there.write_settings()
        process = await asyncio.create_subprocess_exec(
            *(command or (str(HERE / "hermes"), "acp")),
            env=there.environ,
            cwd=there.project,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**26,
        )
        found = Pipes(process)
        found.there = there
        started.append(process)
        return found

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("program", [("hermes", "acp"), ("hermes-acp",)])
async def test_whoever_prints_the_output_is_clean(pipes, program):
    script = [chat(ToolCall(id="s", name="shout", arguments={})), chat(Text(text="Done"))]
    agent = await pipes(script, str(HERE / program[0]), *program[1:])
    await agent.ask("initialize", protocolVersion=1)
    opened = await agent.ask("session/new", cwd=str(agent.there.project), mcpServers=[])
    session = opened["result"]["sessionId"]
    answer = await agent.ask("session/prompt", sessionId=session, prompt=[{"type": "text", "text": "Shout"}])
    assert answer["result"]["stopReason"] == "end_turn"
    errors = await agent.end()
    for line in agent.lines:
        assert json.loads(line)["jsonrpc"] == "2.0"
    for printed in ("a plugin prints", "a tool prints", "a library writes", "a child writes"):
        assert printed in errors
    assert agent.process.returncode == 0
    ended = [json.loads(line)["params"]["update"] for line in agent.lines if b"tool_call_update" in line]
    assert [content["content"]["type"] for content in ended[-1]["content"]] == ["text", "image"]


async def test_nonsense_is_answered_with_errors_and_the_conversation_goes_on(pipes):
    agent = await pipes([chat(Text(text="Still here"))])
    agent.write(b"{", b"\xff\xfe", b"[]", b"17", b"", {"jsonrpc": "2.0", "id": {"a": 1}, "method": "initialize"})
    agent.write({"jsonrpc": "2.0", "id": 99, "result": {}}, {"id": "x", "error": "no object"}, {"jsonrpc": "2.0"})
    agent.write(
        {"jsonrpc": "2.0", "method": "session/cancel", "params": [1]}, {"jsonrpc": "2.0", "method": "$/unknown"}
    )
    hello = await agent.ask("initialize", protocolVersion=1)
    assert hello["result"]["protocolVersion"] == 1
    refused = [json.loads(line) for line in agent.lines[:-1]]
    assert [answer["error"]["code"] for answer in refused] == [-32700, -32700, -32600, -32600, -32600]
    unknown = await agent.ask("session/dance")
    assert unknown["error"]["code"] == -32601
    wrong = await agent.ask("session/prompt", sessionId=5, prompt="text")
    assert wrong["error"]["code"] == -32602
    assert "sessionId" in wrong["error"]["message"]
    await agent.ask("session/new", cwd=str(agent.there.project), mcpServers=[], _meta={"cwd": "/", "self": 1})
    opened = await agent.ask("session/new", cwd=str(agent.there.project), mcpServers=[])
    prompt = [{"type": "text", "text": "half \ud83d a character"}]
    answer = await agent.ask("session/prompt", sessionId=opened["result"]["sessionId"], prompt=prompt)
    assert answer["result"]["stopReason"] == "end_turn"
    await agent.end()


async def test_a_message_of_many_megabytes_is_read_whole(place):
    there = await place([chat(Text(text="Seen"))])
    editor = await there.editor()
    session = await there.begin(editor)
    await editor.say(session, image_block("A" * 8_000_000, "image/png"))
    assert len(there.server.requests[0].body) > 8_000_000


async def test_an_editor_that_goes_away_in_the_middle_of_a_turn_ends_the_agent(pipes):
    agent = await pipes([chat(ToolCall(id="h", name="hang", arguments={}))])
    opened = await agent.ask("session/new", cwd=str(agent.there.project), mcpServers=[])
    prompt = [{"type": "text", "text": "Hang"}]
    session = opened["result"]["sessionId"]
    agent.write(
        {"jsonrpc": "2.0", "id": "p", "method": "session/prompt"} | {"params": {"sessionId": session, "prompt": prompt}}
    )
    while b"in_progress" not in await agent.process.stdout.readline():
        pass
    await agent.end()
    assert agent.process.returncode == 0


@pytest.mark.parametrize(("key", "code"), [("sk-not-a-secret", 0), ("", 1)])
async def test_the_check_says_whether_it_would_work(place, key, code):
    there = await place([])
    there.settings["model"] = {"provider": "openai", "default": "m"} if not key else there.settings["model"]
    there.write_settings()
    environ = {**there.environ, "HERMES_PLUGINS": "acp,compatible,openai"}
    process = await asyncio.create_subprocess_exec(
        *(str(HERE / "hermes"), "acp", "--check", "--json"),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    found = json.loads(out)
    assert process.returncode == code
    assert found["usable"] is (code == 0)
    assert ("needs a key" in found["problem"]) is (code == 1)


@pytest.mark.parametrize("program", [("hermes", "acp"), ("hermes-acp",)])
async def test_a_person_at_a_terminal_is_told_what_this_is_for(place, program):
    there = await place([])
    there.write_settings()
    controller, terminal = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(str(HERE / program[0]), *program[1:]), env=there.environ, stdin=terminal, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    os.close(controller)
    os.close(terminal)
    assert process.returncode == 2
    assert b"hermes acp --check" in errors
