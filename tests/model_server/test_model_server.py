"""The model server sends exactly what it was told to, to a client that is not ours."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest

from hermes_host.messages import Reasoning, ToolCall
from hermes_host.stream import Usage
from hermes_host.testing.model_server import Answer, ModelServer, Pause, json_answer
from hermes_host.testing.model_server_chat import call_delta, chat, chunk, completion, echo, events, failure
from hermes_host.testing.model_server_program import script_of

ASK = {"model": "m", "messages": [{"role": "user", "content": "Hello there"}]}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(http: aiohttp.ClientSession, server: ModelServer, **more: Any) -> tuple[int, Any, bytes]:
    async with http.post(f"{server.url}/chat/completions", json={**ASK, **more}) as response:
        return response.status, response.headers, await response.read()


async def test_it_keeps_what_it_received(http: aiohttp.ClientSession) -> None:
    async with ModelServer([chat("hi"), chat("hi")]) as server:
        await post(http, server)
        await post(http, server, stream=True)
        first, second = server.requests
        assert (first.method, first.path, first.json) == ("POST", "/v1/chat/completions", ASK)
        assert json.loads(second.body) == {**ASK, "stream": True}
        assert first.headers["content-type"] == "application/json"
        assert (first.connection, second.connection, server.connections) == (1, 1, 1)


async def test_an_answer_is_a_stream_or_one_piece_as_the_request_asks() -> None:
    parts = (Reasoning(text="hm"), "Hello", ToolCall(id="c", name="look", arguments={"a": 1}))
    async with (
        ModelServer([chat(*parts, usage=Usage(input=3, output=4)), chat(*parts)]) as server,
        openai.AsyncOpenAI(base_url=server.url, api_key="sk-test-1234", max_retries=0) as sdk,
    ):
        messages: Any = ASK["messages"]
        whole = await sdk.chat.completions.create(model="m", messages=messages)
        stream = await sdk.chat.completions.create(model="m", messages=messages, stream=True)
        chunks = [chunk async for chunk in stream]
    message = whole.choices[0].message
    assert (message.content, whole.choices[0].finish_reason) == ("Hello", "tool_calls")
    assert message.tool_calls is not None and message.tool_calls[0].to_dict()["function"]["arguments"] == '{"a":1}'  # type: ignore[index]
    assert whole.usage is not None and whole.usage.total_tokens == 7
    assert len([1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]) > 1
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello"


async def test_pieces_become_chunks_of_their_own() -> None:
    async with ModelServer([Answer(pieces=[b"ab", b"c\xff"])]) as server:
        host, port = server.origin.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/x HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
    assert b"transfer-encoding: chunked" in head
    assert body == b"2\r\nab\r\n2\r\nc\xff\r\n0\r\n\r\n"


def test_joining_and_splitting_keep_the_bytes_and_the_pauses() -> None:
    answer = Answer(pieces=[b"ab", b"cd", Pause.HOLD, b"efg"])
    assert list(answer.joined().pieces) == [b"abcd", Pause.HOLD, b"efg"]
    assert list(answer.split(3).pieces) == [b"abc", b"d", Pause.HOLD, b"efg"]


@pytest.mark.parametrize(
    ("pause", "error"), [(Pause.CUT, aiohttp.ClientError), (Pause.CLOSE, aiohttp.ClientPayloadError)]
)
async def test_a_connection_is_cut_where_it_was_said(
    http: aiohttp.ClientSession, pause: Pause, error: type[Exception]
) -> None:
    async with ModelServer([events(chunk({"content": "x"}), pause)]) as server:
        with pytest.raises(error):
            await post(http, server)


async def test_an_answer_is_held_until_it_is_released(http: aiohttp.ClientSession) -> None:
    async with ModelServer([events(b"data: 1\n\n", Pause.HOLD, b"data: 2\n\n"), chat("x")]) as server:
        async with asyncio.timeout(5), http.post(f"{server.url}/chat/completions", json=ASK) as response:
            assert await response.content.readuntil(b"1\n\n")
            await server.holding.wait()
            server.release()
            assert b"data: 2" in await response.read()
        assert (await post(http, server))[0] == 200


async def test_it_notices_when_the_client_goes_away(http: aiohttp.ClientSession) -> None:
    async with ModelServer([Answer(hold_first=True)]) as server:
        async with asyncio.timeout(5):
            task = asyncio.ensure_future(post(http, server))
            await server.holding.wait()
            task.cancel()
            await server.requests[0].gone.wait()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 529])
async def test_errors_have_their_status_headers_and_words(http: aiohttp.ClientSession, status: int) -> None:
    answer = failure(status, "because", code="x", headers={"Retry-After": "3"})
    async with ModelServer([answer]) as server:
        got, headers, body = await post(http, server)
    assert (got, headers["retry-after"], json.loads(body)["error"]["message"]) == (status, "3", "because")


async def test_a_request_after_the_last_step_fails_with_the_reason(http: aiohttp.ClientSession) -> None:
    async with ModelServer() as server:
        status, _, body = await post(http, server)
    assert status == 400 and b"script is over" in body


async def test_a_function_may_answer_everything(http: aiohttp.ClientSession) -> None:
    async with ModelServer(lambda request: json_answer({"n": len(request.json["messages"])})) as server:
        for _ in range(3):
            assert json.loads((await post(http, server))[2]) == {"n": 1}


async def test_models_and_pages_are_given_to_get_requests(http: aiohttp.ClientSession) -> None:
    pages = {"/api/tags": json_answer({"models": []})}
    async with ModelServer(models=["a", "b"], pages=pages) as server:
        async with http.get(f"{server.url}/models") as response:
            assert [model["id"] for model in (await response.json())["data"]] == ["a", "b"]
        async with http.get(f"{server.origin}/api/tags") as response:
            assert await response.json() == {"models": []}
        async with http.get(f"{server.origin}/nothing") as response:
            assert response.status == 404
        assert [request.path for request in server.lookups] == ["/v1/models", "/api/tags", "/nothing"]


async def test_echo_says_the_last_user_message_again(http: aiohttp.ClientSession) -> None:
    async with ModelServer(echo) as server:
        body = json.loads((await post(http, server))[2])
    assert body["choices"][0]["message"]["content"] == "Hello there"


def test_a_call_delta_leaves_out_what_is_not_said() -> None:
    assert call_delta(None, arguments="x") == {"tool_calls": [{"function": {"arguments": "x"}}]}


def test_a_completion_may_be_without_usage() -> None:
    (body,) = completion({"content": "x"}, usage=None).pieces
    assert isinstance(body, bytes) and b"usage" not in body


# ------------------------------------------------------------------------------------------------- as a program


def test_a_step_of_a_script_without_a_known_key_is_refused() -> None:
    with pytest.raises(ValueError, match="Step 2 has none of"):
        script_of([{"text": "x"}, {"txt": "x"}])


async def test_the_program_plays_a_script_over_and_over(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    steps = [
        {"text": "one", "tool_calls": [{"name": "look", "arguments": {"a": 1}}]},
        {"deltas": 100, "delta": "w ", "joined": True},
        {"status": 429, "message": "slow", "headers": {"retry-after": "1"}},
        {"chunks": [chunk({"content": "raw"}), chunk(finish="stop")]},
    ]
    script = tmp_path / "script.json"
    script.write_text(json.dumps(steps), encoding="utf-8")
    with program("--script", str(script), "--loop") as (process, url):
        for _ in range(2):
            answers = []
            for _ in steps:
                async with http.post(f"{url}/chat/completions", json={**ASK, "stream": True}) as response:
                    answers.append((response.status, await response.read()))
            assert [status for status, _ in answers] == [200, 200, 429, 200]
            assert answers[1][1].count(b'"content":"w "') == 100
            assert b'"raw"' in answers[3][1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


async def test_the_program_echoes(http: aiohttp.ClientSession) -> None:
    with program("--echo") as (_, url):
        async with http.post(f"{url}/chat/completions", json=ASK) as response:
            assert (await response.json())["choices"][0]["message"]["content"] == "Hello there"


class program:
    """The model server as a process, stopped at the end."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "hermes_host.testing.model_server", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> tuple[subprocess.Popen[str], str]:
        assert self.process.stdout is not None
        return self.process, self.process.stdout.readline().strip()

    def __exit__(self, *failure: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
