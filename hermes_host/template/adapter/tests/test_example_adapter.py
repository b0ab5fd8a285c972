"""The plugin and its adapter keep their contracts, with a server that speaks the platform's protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
from hermes_host.errors import ConnectionLost
from hermes_host.protocols import Address
from hermes_host.testing import AdapterContract, PluginContract
from hermes_host.testing.adapters import PlatformDriver, ScriptedInbox

from hermes_example_adapter.adapter import ChatAdapter
from hermes_example_adapter.settings import Settings


class TestPlugin(PluginContract):
    plugin = "example-adapter"


class Platform(PlatformDriver):
    """The platform, on loopback."""

    address = Address(platform="example-adapter", chat="c1")

    def __init__(self) -> None:
        self.port = 0
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._waiting: dict[str, dict[str, Any]] = {}
        self._last: dict[str, Any] = {}
        self._said = 0
        self._sent: dict[str, str] = {}
        self._failing = ""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self.disturb()
        await self._server.wait_closed()

    async def say(self, text: str, *, thread: str = "") -> None:
        if thread:
            raise NotImplementedError("the platform has no threads")
        self._said += 1
        self._last = {"update": f"u{self._said}", "chat": "c1", "user": "7", "name": "Ada", "text": text}
        await self.say_again()

    async def say_again(self) -> None:
        self._waiting[self._last["update"]] = self._last
        for client in list(self._clients):
            await self._write(client, self._last)

    def texts(self) -> list[str]:
        return list(self._sent.values())

    def fail(self, how: Literal["rate_limited", "refused", "lost", "uncertain"]) -> None:
        self._failing = how

    async def disturb(self) -> None:
        while self._clients:
            self._clients.pop().close()

    async def _write(self, client: asyncio.StreamWriter, said: dict[str, Any]) -> None:
        client.write(json.dumps(said).encode() + b"\n")
        await client.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert json.loads(await reader.readline()) == {"token": "a-token"}
            self._clients.add(writer)
            for update in list(self._waiting.values()):
                await self._write(writer, update)
            while line := await reader.readline():
                await self._take(writer, json.loads(line))
        except ConnectionError:
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _take(self, client: asyncio.StreamWriter, said: dict[str, Any]) -> None:
        if "ack" in said:
            self._waiting.pop(said["ack"], None)
            return
        failing, self._failing = self._failing, ""
        answer: dict[str, Any] = {"answer": said["request"]}
        if failing == "rate_limited":
            answer |= {"error": "wait", "seconds": 2}
        elif failing == "refused":
            answer |= {"error": "no such chat"}
        elif failing == "lost":
            client.close()
            return
        elif "send" in said:
            answer["message"] = f"m{len(self._sent) + 1}"
            self._sent[answer["message"]] = said["send"]
        else:
            self._sent[said["edit"]] = said["text"]
        if failing == "uncertain":
            client.close()
            return
        await self._write(client, answer)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    await platform.start()
    yield platform
    await platform.stop()


class TestAdapter(AdapterContract):
    features = frozenset({"edit"})

    @pytest.fixture
    def driver(self, platform: Platform) -> Platform:
        return platform

    @pytest.fixture
    def adapter(self, driver: Platform) -> ChatAdapter:
        return ChatAdapter(Settings(port=driver.port), "a-token", "example-adapter")


async def test_a_platform_that_is_not_there_is_an_error_that_is_tried_again_later() -> None:
    adapter = ChatAdapter(Settings(port=1), "a-token", "example-adapter")
    with pytest.raises(ConnectionLost):
        await adapter.run(ScriptedInbox())
