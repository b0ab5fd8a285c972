"""The protocol's TypeScript library as the editor: what both Python sides agree on by mistake, it does not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hermes_host.messages import Text, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server_chat import chat

PACKAGE = "@agentclientprotocol/sdk@2"
CLIENT = Path(__file__).with_name("independent_client.mjs")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library and the client in it."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    shutil.copy(CLIENT, folder)
    command = [npm, "install", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=0", PACKAGE]
    try:
        installed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, encoding="utf-8")
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm gave no answer when it was asked for {PACKAGE}")
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install {PACKAGE}: {installed.stderr.strip()[-200:]}")
    return folder


async def test_an_independent_client_can_do_all_of_it(place, library):
    there = await place(
        [
            chat(Text(text="I act. "), ToolCall(id="a", name="act", arguments={"text": "now"})),
            chat(Text(text="Done."), usage=Usage(input=40, output=2)),
            chat(ToolCall(id="h", name="hang", arguments={})),
        ]
    )
    there.write_settings()
    process = await asyncio.create_subprocess_exec(
        "node",
        *(library / CLIENT.name, there.project, Path(sys.executable).with_name("hermes"), "acp"),
        env={**os.environ, **there.environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    seen = json.loads(out)
    assert (seen["version"], seen["name"]) == (1, "hermes")
    assert seen["modes"] == ["default", "ask", "read_only"]
    assert seen["options"] == ["mode", "model", "thought_level"]
    assert seen["answered"]["stopReason"] == "end_turn"
    (asked,) = seen["asked"]
    assert (asked["call"], asked["options"][-1]) == ("a", "reject_once")
    assert seen["calls"][:2] == [["a", "execute", "`now`"], ["h", "read", "Hang"]]
    assert seen["text"].startswith("I act. Done.")
    assert seen["cancelled"]["stopReason"] == "cancelled"
    assert seen["took"] < 1000
    assert seen["refusal"]["code"] == -32602
    assert "absolute" in seen["refusal"]["message"]
    assert seen["listed"] == [[True, "Act, please"]]
    assert seen["replayed"][:4] == ["user_message_chunk", "agent_message_chunk", "tool_call", "tool_call_update"]
