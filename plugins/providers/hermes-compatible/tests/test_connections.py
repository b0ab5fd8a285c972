"""Connections are used again, closed when they must be, and cost no more than needed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.provider import CompatibleProvider

from hermes_host.errors import ConfigError, HermesError
from hermes_host.messages import user_message
from hermes_host.protocols import ModelRequest
from hermes_host.stream import MessageEnded, PartDelta
from hermes_host.testing.model_server import ModelServer, Pause
from hermes_host.testing.model_server_chat import chat, chunk, events, failure

Make = Callable[..., CompatibleProvider]
REQUEST = ModelRequest(model="m", messages=[user_message("hi")])


async def test_fifty_requests_use_one_connection(make: Make, ask: Any, server: ModelServer) -> None:
    provider = make(*[chat("x") for _ in range(50)])
    for _ in range(50):
        await ask(provider)
    assert (len(server.requests), server.connections) == (50, 1)


async def test_failures_and_lists_leave_the_connection_usable(make: Make, ask: Any, server: ModelServer) -> None:
    provider = make(failure(429, "slow"), failure(500, "oops"), failure(400, "x" * 10_000), chat("x"))
    for _ in range(3):
        with pytest.raises(HermesError):
            await ask(provider)
    await ask(provider)
    await provider.models()
    assert server.connections == 1


async def test_a_consumer_that_stops_at_the_last_event_frees_the_connection(make: Make, server: ModelServer) -> None:
    provider = make(*[chat("x") for _ in range(5)])
    for _ in range(5):
        async for event in provider.stream(REQUEST):
            if isinstance(event, MessageEnded):
                break
    assert server.connections == 1


async def test_what_follows_the_end_is_not_waited_for_long(make: Make, ask: Any, server: ModelServer) -> None:
    held = events(chunk({"content": "x"}), chunk(finish="stop"))
    provider = make(type(held)(pieces=[*held.pieces, Pause.HOLD], headers=held.headers))
    async with asyncio.timeout(10):
        assert (await ask(provider)).message.text == "x"
        await server.requests[0].gone.wait()


async def test_many_answers_come_at_once(make: Make, ask: Any, server: ModelServer) -> None:
    held = events(chunk({"content": "x"}), Pause.HOLD, chunk(finish="stop"))
    provider = make(*[held] * 20)
    tasks = [asyncio.ensure_future(ask(provider, session_id=str(number))) for number in range(20)]
    async with asyncio.timeout(10):
        await server.holds(20)
        server.release()
        assert {(await task).message.text for task in tasks} == {"x"}


async def test_cancelling_one_answer_leaves_the_others_alone(make: Make, ask: Any, server: ModelServer) -> None:
    provider = make(events(chunk({"content": "x"}), Pause.HOLD), chat("fine"))

    async def consume() -> None:
        async for _ in provider.stream(REQUEST):
            pass

    async with asyncio.timeout(10):
        task = asyncio.create_task(consume())
        await server.holding.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.requests[0].gone.wait()
        assert (await ask(provider)).message.text == "fine"


async def test_cancelling_before_the_first_byte_closes_the_request(make: Make, server: ModelServer) -> None:
    from hermes_host.testing.model_server import Answer

    provider = make(Answer(hold_first=True))
    stream = provider.stream(REQUEST)
    async with asyncio.timeout(10):
        task = asyncio.ensure_future(anext(stream))
        await server.holding.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.requests[0].gone.wait()


async def test_closing_the_provider_ends_its_connections_and_it_may_be_used_again(
    make: Make, ask: Any, server: ModelServer
) -> None:
    provider = make(chat("one"), chat("two"))
    await ask(provider)
    await provider.aclose()
    assert (await ask(provider)).message.text == "two"
    assert server.connections == 2


async def test_a_slow_consumer_loses_nothing(make: Make, server: ModelServer) -> None:
    provider = make(events(*[chunk({"content": f"{n},"}) for n in range(2000)], chunk(finish="stop")))
    text = ""
    async for event in provider.stream(REQUEST):
        if isinstance(event, PartDelta):
            text += event.text
            await asyncio.sleep(0)
    assert text == "".join(f"{n}," for n in range(2000))


async def test_a_proxy_of_the_environment_is_used(
    ask: Any, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.origin.replace("//", "//user:p%40ss@"))
    provider = CompatibleProvider(Endpoint(provider="acme", base_url="http://models.invalid/v1"))
    assert server.script is not None
    server.script.append(chat("through the proxy"))
    assert (await ask(provider)).message.text == "through the proxy"
    (request,) = server.requests
    assert request.path == "http://models.invalid/v1/chat/completions"
    assert request.headers["proxy-authorization"] == f"Basic {b64encode(b'user:p@ss').decode()}"
    await provider.aclose()


async def test_addresses_that_are_to_go_round_the_proxy_do(
    make: Make, ask: Any, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.com,127.0.0.1")
    assert (await ask(make(chat("directly")))).message.text == "directly"


async def test_a_socks_proxy_without_its_package_names_it(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    with pytest.raises(ConfigError, match="pip install socksio"):
        await ask(CompatibleProvider(Endpoint(provider="acme", base_url="http://models.invalid/v1")))


async def test_a_certificate_file_that_is_not_there_is_named(ask: Any) -> None:
    endpoint = Endpoint(provider="acme", base_url="https://127.0.0.1:9/v1", ca_bundle="/nowhere/ca.pem")
    with pytest.raises(ConfigError, match="/nowhere/ca.pem"):
        await ask(CompatibleProvider(endpoint))


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_plain_http_reads_no_certificates() -> None:
    code = """
import ssl
def forbidden(*args, **more): raise SystemExit("certificates were read")
ssl.SSLContext.load_verify_locations = ssl.SSLContext.load_default_certs = forbidden
from hermes_compatible.connections import _new_pool
from hermes_compatible.endpoint import Endpoint
_new_pool(Endpoint(provider="x", base_url="http://127.0.0.1:1/v1"))
print("fine")
"""
    assert run(code) == "fine"


def test_the_http_client_is_imported_with_the_first_request_and_no_sdk_ever() -> None:
    code = """
import sys
from hermes_compatible.endpoint import Endpoint
from hermes_compatible.provider import CompatibleProvider
CompatibleProvider(Endpoint(provider="x", base_url="http://127.0.0.1:1/v1"))
print([name for name in ("httpcore2", "httpx2", "openai", "pydantic", "yaml", "aiohttp") if name in sys.modules])
"""
    assert run(code) == "[]"


def test_the_plugin_module_is_light() -> None:
    code = """
import json, sys
from hermes_host import hookimpl, specs
before = set(sys.modules)
import hermes_compatible.plugin as plugin
specs = list(plugin.hermes_providers({})) + list(plugin.hermes_checks()) + [plugin.hermes_plugin_info()]
foreign = {name.split(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(json.dumps(sorted(foreign)))
"""
    assert set(json.loads(run(code))) <= {"hermes_compatible", "hermes_host", "pluggy"}
