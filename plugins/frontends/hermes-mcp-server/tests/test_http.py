"""Streamable HTTP: who gets in, and what is sent."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import httpx2
import pytest

GREETING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture
async def web(token):
    async with httpx2.AsyncClient(headers={**ACCEPT, "Authorization": f"Bearer {token}"}) as client:
        yield client


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong-token-0123456789", "Basic a-token-for-tests-0123456789"]
)
async def test_without_the_token_nothing_is_answered(shared_server, header):
    async with httpx2.AsyncClient(headers=ACCEPT) as client:
        for method in ("GET", "POST", "DELETE"):
            headers = {"Authorization": header} if header else {}
            answer = await client.request(method, shared_server, headers=headers, json=GREETING)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example"}, 421),
        ({"Host": "localhost@evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Host": "localhost"}, 200),
    ],
    ids=str,
)
async def test_host_and_origin_are_checked(shared_server, web, headers, status):
    assert (await web.post(shared_server, headers=headers, json=GREETING)).status_code == status


async def test_a_request_that_is_too_large_is_refused(shared_server, web):
    body = json.dumps({**GREETING, "padding": "x" * 5_000_000})
    assert (await web.post(shared_server, content=body)).status_code == 413


async def test_hosts_and_origins_can_be_allowed(bench, web):
    bench.configure(mcp_server={"http": {"allowed_hosts": ["mcp.example"], "allowed_origins": ["https://app.example"]}})
    url = bench.http()
    headers = {"Host": "mcp.example", "Origin": "https://app.example"}
    assert (await web.post(url, headers=headers, json=GREETING)).status_code == 200


async def test_one_client_does_not_see_the_other_s_session(join, words):
    first, second = await join(), await join()
    one = words(await first.call_tool("origin", {}))
    assert words(await first.call_tool("origin", {})) == one
    assert words(await second.call_tool("origin", {})) != one


async def test_a_broken_connection_loses_nothing(shared_server, web):
    greeted = await web.post(shared_server, json=GREETING)
    headers = {"Mcp-Session-Id": greeted.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    assert (await web.post(shared_server, headers=headers, json=ready)).status_code == 202
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "test_reconnection", "arguments": {}}}
    async with web.stream("POST", shared_server, headers=headers, json=call) as answer:
        text = "".join([part async for part in answer.aiter_text()])
    assert "You came back." not in text
    last = next(line.split()[1] for line in text.splitlines() if line.startswith("id:"))
    async with web.stream("GET", shared_server, headers={**headers, "Last-Event-ID": last}) as answer:
        async with asyncio.timeout(10):
            async for line in answer.aiter_lines():
                if "You came back." in line:
                    break
    other = await web.post(shared_server, json=GREETING)
    stolen = {**headers, "Mcp-Session-Id": other.headers["mcp-session-id"], "Last-Event-ID": last}
    async with web.stream("GET", shared_server, headers=stolen) as answer:
        assert answer.status_code >= 400 or "You came back." not in await _first(answer)


async def _first(answer):
    try:
        async with asyncio.timeout(0.5):
            return "".join([line async for line in answer.aiter_lines()])
    except TimeoutError:
        return ""


@pytest.mark.parametrize("secret", ["", "short"])
def test_it_does_not_start_without_a_token_also_on_the_loopback_interface(bench, secret):
    environ = {**bench.environ(), "HERMES_MCP_SERVER_TOKEN": secret}
    command = [sys.executable, bench.command().args[0], "--http", "--port", "0"]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=20, encoding="utf-8")
    assert run.returncode != 0
    assert "hermes mcp serve --new-token" in run.stderr
    assert run.stdout == ""
