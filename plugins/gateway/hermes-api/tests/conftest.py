"""The API behind the gateway's own server, with a real host and a scripted model vendor behind it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hermes_gateway.parts import WebServer

from hermes_host.testing import ModelServer, StandInHost

KEY = "main-key-of-the-owner-1234"


class Served:
    """A running API."""

    def __init__(self, url: str, host: StandInHost, vendor: ModelServer, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.host = host
        self.vendor = vendor
        self.http = http
        self.task: Any = None

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str = KEY, **headers: str
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, decoded body, headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            named["Authorization"] = f"Bearer {key}"
        async with self.http.request(method, self.url + path, json=body, headers=named) as answer:
            data = await answer.read()
            kind = answer.content_type
            return answer.status, json.loads(data) if kind == "application/json" and data else data, answer.headers

    async def chat(self, *messages: Any, key: str = KEY, headers: Any = None, **more: Any) -> tuple[int, Any, Any]:
        """Ask for a completion; strings are the user's."""
        said = [{"role": "user", "content": text} if isinstance(text, str) else text for text in messages]
        body = {"model": "hermes-agent", "messages": said, **more}
        return await self.ask("POST", "/v1/chat/completions", body, key=key, **(headers or {}))

    async def events(self, path: str, body: Any, *, key: str = KEY, **headers: str) -> list[tuple[str, Any]]:
        """The events of a stream: name and decoded data; `[DONE]` as it is, comments as name `:`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {key}"
        async with self.http.post(self.url + path, json=body, headers=named) as answer:
            assert answer.status == 200, await answer.text()
            return events_in(await answer.text())

    def key(self, name: str, *scopes: str) -> str:
        """A new named key."""
        from hermes_api.keys import Keys

        return Keys(self.host.context("api").state_directory).create(name, scopes)[1]


def events_in(text: str) -> list[tuple[str, Any]]:
    """The events of the text of a stream."""
    found = []
    for block in text.split("\n\n"):
        name, data = "", ""
        for line in block.splitlines():
            if line.startswith(":"):
                found.append((":", line[1:].strip()))
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data += line[6:]
        if data:
            found.append((name, data if data == "[DONE]" else json.loads(data)))
    return found


@pytest.fixture
def serve(tmp_path: Path):
    """Run an API: `async with serve(script, **settings) as served`."""

    @asynccontextmanager
    async def run(script: Any = (), *, plugins: Any = (), tools: Any = (), overrides: Any = None, **settings: Any):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        async with ModelServer(script) as vendor:
            office = {"name": "office", "base_url": vendor.url, "api_key": "sk-office-1234", "model": "test-model"}
            chosen = {
                "server.listen": "127.0.0.1:0",
                "model": {"default": "office:test-model"},
                "custom_providers": [office],
                "api.key": settings.pop("key", KEY),
                "api.model": "office:test-model",
                **{f"api.{name}": value for name, value in settings.items()},
                **(overrides or {}),
            }
            host = StandInHost(home, plugins=["api", "gateway", "compatible", *plugins], overrides=chosen)
            for tool in tools:
                host.tool(**tool) if isinstance(tool, dict) else host.tool(tool)
            daemon = await host.part(host.registry("daemons").get("api"))
            server = await host.context("gateway").services.get(WebServer)
            listening, mounted = asyncio.Event(), asyncio.Event()
            tasks = [asyncio.create_task(server.run(listening.set)), asyncio.create_task(daemon.run(mounted.set))]
            await listening.wait()
            begun = asyncio.create_task(mounted.wait())
            await asyncio.wait([begun, *tasks], return_when=asyncio.FIRST_COMPLETED)
            begun.cancel()
            if tasks[1].done():
                tasks[0].cancel()
                await asyncio.wait(tasks)
                await host.aclose()
                tasks[1].result()
            async with aiohttp.ClientSession() as http:
                served = Served(server.address, host, vendor, http)
                served.task = tasks[1]
                try:
                    yield served
                finally:
                    for task in reversed(tasks):
                        task.cancel()
                    await asyncio.wait(tasks)
                    await host.aclose()

    return run
