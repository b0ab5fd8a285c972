import asyncio
import socket
import time
from importlib.metadata import entry_points

import pytest
from hermes_offline import discovery
from hermes_offline.discovery import KEYS, SERVERS, Server, find_keys, find_servers, switch_command
from hermes_offline.provider import OfflineProvider

from hermes_host.host import Host
from hermes_host.messages import assistant_message, user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import ProviderNotice
from hermes_host.testing.providers import check_stream


class Environment:
    """Names of variables; looking at a value fails the test."""

    def __init__(self, *names):
        self.names = names

    def __iter__(self):
        return iter(self.names)

    def __getitem__(self, name):
        raise AssertionError(f"the value of {name} was looked at")


async def serve(answer):
    """A server on a free port that gives `answer` to everybody."""

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def models_answer(*names):
    listed = ",".join(f'{{"id":"{name}"}}' for name in names)
    return f'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{{"data":[{listed}]}}'.encode()


async def answer_of(provider, *messages):
    return (await check_stream(provider.stream(ModelRequest(model="imperatives", messages=messages)))).message.text


def test_keys_are_found_by_name_in_the_order_of_the_table():
    found = find_keys(Environment("GROQ_API_KEY", "PATH", "OPENROUTER_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"))
    assert [key.variable for key in found] == ["OPENROUTER_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY"]
    assert find_keys(Environment("PATH")) == []


@pytest.mark.skipif(
    "compatible" not in {point.name for point in entry_points(group="hermes.v1")}, reason="needs hermes-compatible"
)
def test_every_command_names_a_provider_of_hermes_compatible(tmp_path):
    host = Host(home=tmp_path, plugins=["compatible"], environ={})
    for key in KEYS:
        spec = host.providers.get(key.provider).spec
        assert key.variable in spec.secrets
        assert key.model_needed or spec.default_model
    for server in SERVERS:
        assert not host.providers.get(server.provider).spec.secrets


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (KEYS[0], "hermes model set openrouter"),
        (KEYS[1], "hermes model set openai:MODEL"),
        (Server("ollama", "Ollama", 1, "qwen3:8b"), "hermes model set ollama:qwen3:8b"),
        (Server("ollama", "Ollama", 1), "hermes model set ollama:MODEL"),
    ],
)
def test_the_command_switches_to_what_was_found(found, command):
    assert switch_command(found) == command


async def test_the_first_notice_names_the_key_and_the_command():
    provider = OfflineProvider(Environment("OPENROUTER_API_KEY"), servers=())
    request = ModelRequest(model="imperatives", messages=[user_message("hello")])
    events = [event async for event in provider.stream(request)]
    assert isinstance(events[0], ProviderNotice)
    assert events[0].code == "offline"
    assert "OPENROUTER_API_KEY is set: `hermes model set openrouter`" in events[0].text
    later = ModelRequest(
        model="imperatives", messages=[user_message("hello"), assistant_message("x"), user_message("hello")]
    )
    assert not [event async for event in provider.stream(later) if isinstance(event, ProviderNotice)]


async def test_a_model_server_on_this_machine_is_found_with_its_model():
    server, port = await serve(models_answer("qwen3:8b", "other"))
    async with server:
        here = Server("ollama", "Ollama", port)
        assert await find_servers([here]) == [Server("ollama", "Ollama", port, "qwen3:8b")]
        text = await answer_of(OfflineProvider(Environment(), [here]), user_message("help"))
    assert "Ollama runs on this machine: `hermes model set ollama:qwen3:8b`" in text


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 404 Not Found\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n<html>",
        b'HTTP/1.0 200 OK\r\n\r\n{"data": 3}',
        b"HTTP/1.0 200 OK\r\n\r\n[]",
        b"",
        b"SSH-2.0-x\r\n",
    ],
)
async def test_another_program_on_the_port_is_no_model_server(answer):
    server, port = await serve(answer)
    async with server:
        assert await find_servers([Server("vllm", "vLLM", port)]) == []


async def test_silent_ports_cost_little_and_are_asked_all_at_once():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = [Server("vllm", "vLLM", listener.getsockname()[1])] * 4
        begun = time.monotonic()
        assert await find_servers(silent) == []
        assert time.monotonic() - begun < 2 * (discovery.CONNECT_TIMEOUT + discovery.ANSWER_TIMEOUT)


async def test_nothing_is_asked_on_the_network_when_work_is_done():
    connections = []

    async def handle(reader, writer):
        connections.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        provider = OfflineProvider(Environment(), [Server("vllm", "vLLM", server.sockets[0].getsockname()[1])])
        assert "Hello." in await answer_of(provider, user_message("hello"))
        assert connections == []
        await answer_of(provider, user_message("help"))
        assert connections == [b"GET /v1/models HTTP/1.0\r\n"]


async def test_hermes_checks_tells_doctor_what_is_in_reach(tmp_path, monkeypatch):
    for key in KEYS:
        monkeypatch.delenv(key.variable, raising=False)
    monkeypatch.setenv("GROQ_API_KEY", "secret-value")
    host = Host(home=tmp_path, plugins=["offline"], environ={})
    contribution = host.checks.get("models-in-reach")
    findings = await host.target(contribution, contribution.spec.target)(host.context("offline"))
    text = " ".join(f"{finding.detail} {finding.remedy}" for finding in findings)
    assert "GROQ_API_KEY is set" in text
    assert "hermes model set groq:MODEL" in text
    assert "secret-value" not in text
