"""A real agent over real pipes: the protocol's Python client on one side, a scripted model on the other."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from acp import PROTOCOL_VERSION, connect_to_agent, spawn_agent_process, text_block
from acp.schema import AllowedOutcome, ClientCapabilities, DeniedOutcome, RequestPermissionResponse
from hermes_acp.server import Server
from hermes_acp.settings import Settings
from hermes_acp.wires import LineTransport

from hermes_host.testing import ModelServer, StandInHost

HERMES = Path(sys.executable).with_name("hermes")
NOISY = Path(__file__).parent / "noisy"


def _noisy() -> Any:
    """The plugin as a module, without making it one that every host of this process finds."""
    spec = importlib.util.spec_from_file_location("noisy_plugin", NOISY / "noisy_plugin" / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


noisy_plugin = _noisy()

PLUGINS = "acp,compatible,local,files,planning,catalog,noisy"


class EditorInTest:
    """A client that keeps what it is told and answers permission requests by `decide`."""

    def __init__(self) -> None:
        self.agent: Any = None
        self.process: Any = None
        self.hello: Any = None
        self.updates: list[tuple[str, Any]] = []
        self.requests: list[Any] = []
        self.decide: Callable[[Any], Awaitable[str | None]] = self._deny
        self.changed = asyncio.Condition()

    @staticmethod
    async def _deny(request: Any) -> str | None:
        return "deny"

    def on_connect(self, conn: Any) -> None:
        self.agent = conn

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append((session_id, update))
        async with self.changed:
            self.changed.notify_all()

    async def request_permission(
        self, session_id: str, tool_call: Any, options: Any, **_: Any
    ) -> RequestPermissionResponse:
        request = {"session": session_id, "call": tool_call, "options": [option.option_id for option in options]}
        self.requests.append(request)
        async with self.changed:
            self.changed.notify_all()
        chosen = await self.decide(request)
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=chosen))

    # What tests look at.

    def of(self, session_id: str, kind: str = "") -> list[Any]:
        """The updates of a conversation, of one kind where that is said."""
        return [update for owner, update in self.updates if owner == session_id and kind in ("", update.session_update)]

    def text(self, session_id: str, kind: str = "agent_message_chunk") -> str:
        """What was said in chunks of that kind."""
        return "".join(update.content.text for update in self.of(session_id, kind) if update.content.type == "text")

    async def until(self, reached: Callable[[], Any]) -> Any:
        """Wait until something holds; gives it."""
        async with asyncio.timeout(15), self.changed:
            await self.changed.wait_for(reached)
        return reached()

    async def say(self, session_id: str, *blocks: Any) -> Any:
        """Send a prompt of strings and blocks."""
        shaped = [text_block(block) if isinstance(block, str) else block for block in blocks]
        return await self.agent.prompt(session_id=session_id, prompt=shaped)


class Place:
    """A home, a project, a scripted model, and editors that are started on demand."""

    def __init__(self, folder: Path, server: ModelServer, stack: AsyncExitStack) -> None:
        self.home = folder / "home"
        self.project = folder / "project"
        self.server = server
        self._stack = stack
        self.plugins = PLUGINS
        self.home.mkdir()
        self.project.mkdir()
        self.settings: dict[str, Any] = {
            "model": {
                "provider": "custom",
                "default": "test-model",
                "base_url": server.url,
                "api_key": "sk-not-a-secret",
            },
            "approvals": {"timeout": 20},
        }

    @property
    def environ(self) -> dict[str, str]:
        return {
            "HERMES_HOME": str(self.home),
            "HOME": str(self.home.parent),
            "PATH": os.environ["PATH"],
            "HERMES_PLUGINS": self.plugins,
            "PYTHONPATH": str(NOISY),
        }

    def write_settings(self) -> None:
        (self.home / "config.yaml").write_text(json.dumps(self.settings), encoding="utf-8")

    async def editor(self, *, capabilities: ClientCapabilities | None = None, **handlers: Any) -> EditorInTest:
        """An editor and its agent, over pipes within this process. `handlers` are further methods of the client."""
        self.write_settings()
        editor = _client(handlers)
        to_agent, to_editor = os.pipe(), os.pipe()
        host = StandInHost(self.home, plugins=self.plugins.split(","), environ=self.environ)
        host.add_plugin("noisy", noisy_plugin)
        await self._stack.enter_async_context(host)
        server = Server(host, host.context("acp").section(Settings, "acp"))
        serving = asyncio.create_task(server.serve(await LineTransport.open(to_agent[0], to_editor[1])))
        transport = await LineTransport.open(to_editor[0], to_agent[1])
        connection = connect_to_agent(editor, transport, use_unstable_protocol=True)

        async def part() -> None:
            await connection.close()
            await asyncio.wait_for(serving, 10)

        self._stack.push_async_callback(part)
        await self._introduce(editor, capabilities)
        return editor

    async def process_editor(self) -> EditorInTest:
        """An editor that starts the agent as a program, as editors do."""
        self.write_settings()
        editor = _client({})
        _, editor.process = await self._stack.enter_async_context(
            spawn_agent_process(
                editor,
                str(HERMES),
                "acp",
                env=self.environ,
                cwd=self.project,
                transport_kwargs={"stderr": None},
                use_unstable_protocol=True,
            )
        )
        await self._introduce(editor, None)
        return editor

    async def _introduce(self, editor: EditorInTest, capabilities: ClientCapabilities | None) -> None:
        editor.hello = await editor.agent.initialize(
            protocol_version=PROTOCOL_VERSION, client_capabilities=capabilities
        )

    async def begin(self, editor: EditorInTest, directory: Path | None = None) -> str:
        """A new conversation; gives its id."""
        opened = await editor.agent.new_session(cwd=str(directory or self.project), mcp_servers=[])
        return str(opened.session_id)


def _client(handlers: dict[str, Any]) -> EditorInTest:
    editor = EditorInTest()
    for name, handler in handlers.items():
        setattr(editor, name, handler)
    return editor


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Place]]]:
    """Makes a place whose model follows a script."""
    async with AsyncExitStack() as stack:

        async def make(script: Any, **options: Any) -> Place:
            server = await stack.enter_async_context(ModelServer(script, **options))
            return Place(tmp_path, server, stack)

        yield make
