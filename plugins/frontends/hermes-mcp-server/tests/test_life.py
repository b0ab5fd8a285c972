"""Starting and ending, as a program that a client starts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import pytest

HERMES = os.path.join(os.path.dirname(sys.executable), "hermes")
LIST = b'{"jsonrpc":"2.0","id":2,"method":"tools/list"}\n'
GREETING = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"by hand","version":"1"}}}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
)


async def started(bench, *arguments, program=None):
    command = program or [sys.executable, bench.command().args[0]]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command, *arguments, env=bench.environ(), stdin=pipe, stdout=pipe, stderr=pipe
    )


async def line(process):
    return json.loads(await asyncio.wait_for(process.stdout.readline(), 20))


async def test_the_command_serves_a_client_and_ends_with_it(bench):
    process = await started(bench, "mcp", "serve", program=[HERMES])
    process.stdin.write(GREETING + LIST)
    answers = {answer["id"]: answer["result"] for answer in [await line(process), await line(process)]}
    out, _ = await asyncio.wait_for(process.communicate(b""), 20)
    assert out == b""
    assert answers[1]["serverInfo"]["name"] == "hermes-host"
    assert answers[1]["capabilities"]["tools"] == {"listChanged": True}
    assert "converse" in [tool["name"] for tool in answers[2]["tools"]]
    assert process.returncode == 0


async def test_what_is_no_message_ends_nothing(bench):
    process = await started(bench, "--toolsets", "fixture")
    process.stdin.write(b"hello\n\n[1,\n" + b"[" * 100_000 + b"\n" + GREETING + LIST)
    while (await line(process)).get("id") != 2:
        pass
    await asyncio.wait_for(process.communicate(b""), 20)
    assert process.returncode == 0


@pytest.mark.parametrize("arguments", [(), ("--http", "--port", "0")], ids=["pipes", "http"])
async def test_a_polite_kill_ends_it_quietly(bench, arguments):
    process = await started(bench, "--toolsets", "fixture", *arguments)
    if arguments:
        await process.stderr.readline()
    else:
        process.stdin.write(GREETING)
        await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert errors == b""


async def test_a_toolset_that_does_not_exist_is_said_at_the_start(bench):
    process = await started(bench, "--toolsets", "fixtur")
    out, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode != 0
    assert out == b""
    assert b"fixture" in errors


async def test_a_new_token_is_kept_and_printed_once(bench):
    process = await started(bench, "--new-token")
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    token = out.decode().strip()
    assert len(token) > 30
    assert f"HERMES_MCP_SERVER_TOKEN={token}" in (bench.home / ".env").read_text(encoding="utf-8").replace('"', "")
    assert (bench.home / ".env").stat().st_mode & 0o777 == 0o600
