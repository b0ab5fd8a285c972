"""A workspace, a home, and a host with terminal, files and approvals."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hermes_host.agent.session import Session
from hermes_host.messages import Text, ToolCall, ToolResult, assistant_message, user_message
from hermes_host.testing import ScriptedApprover, StandInHost, events_of
from hermes_host.testing.providers import ScriptedProvider

PLUGINS = ("approvals", "files", "local", "terminal")


@dataclass
class Answer:
    text: str
    approver: ScriptedApprover

    @property
    def denied(self) -> bool:
        return "Denied" in self.text or "denied" in self.text

    @property
    def reasons(self) -> list[str]:
        return [request.reason for request in self.approver.requests]


class Desk:
    """Gives a session calls to make, and people's answers to what is asked."""

    def __init__(self, host: StandInHost, work: Path) -> None:
        self.host = host
        self.home = host.home
        self.work = work
        self.file = host.home / "approvals.yaml"
        self.provider = ScriptedProvider()
        host.use_provider(self.provider)
        self.session: Session | None = None
        self._numbers = itertools.count(1)

    async def start(self, *answers: Any, attended: bool = True, **options: Any) -> ScriptedApprover:
        if self.session is not None:
            await self.session.close()
        approver = ScriptedApprover(*answers)
        self.session = await self.host.start(
            approver=approver if attended else None, directory=str(self.work), **options
        )
        return approver

    async def call(
        self,
        tool: str,
        arguments: dict[str, Any],
        *answers: Any,
        origin: Any = "owner",
        smart: Sequence[Any] = (),
        **options: Any,
    ) -> Answer:
        """One call in a new session. `smart` are the answers of the approval model."""
        approver = await self.start(*answers, **options)
        return await self.again(tool, arguments, approver, origin=origin, smart=smart)

    async def again(
        self,
        tool: str,
        arguments: dict[str, Any],
        approver: ScriptedApprover,
        *,
        origin: Any = "owner",
        smart: Sequence[Any] = (),
    ) -> Answer:
        assert self.session is not None
        before = len(self.session.messages)
        call = ToolCall(id=f"c{next(self._numbers)}", name=tool, arguments=arguments)
        self.provider.steps = [assistant_message(call), *smart, "done"]
        await events_of(self.session.run(user_message("go on", provenance=origin)))
        results = [part for message in self.session.messages[before:] for part in message.parts]
        texts = [text for part in results if isinstance(part, ToolResult) for text in part.content]
        return Answer(" ".join(text.text for text in texts if isinstance(text, Text)), approver)

    async def command(self, text: str, *answers: Any, **options: Any) -> Answer:
        return await self.call("terminal", {"command": text}, *answers, **options)


MakeDesk = Callable[..., Any]


@pytest.fixture
async def make_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeDesk]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    work = tmp_path / "work"
    work.mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    # Programs that nobody knows, so that every use of them is asked about.
    for name in ("deploy", "other"):
        (programs / name).write_text('#!/bin/sh\necho "$0 ran: $*"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    environ = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), "ACME_API_KEY": "canary-0123456789abcdef"}
    async with contextlib.AsyncExitStack() as stack:

        async def make(rules: str = "", **settings: Any) -> Desk:
            home = tmp_path / ".hermes"
            home.mkdir(mode=0o700, exist_ok=True)
            if rules:
                (home / "approvals.yaml").write_text(rules, encoding="utf-8")
            host = StandInHost(home, plugins=PLUGINS, environ=environ, overrides=settings)
            await stack.enter_async_context(host)
            return Desk(host, work)

        yield make


@pytest.fixture
async def desk(make_desk: MakeDesk) -> Desk:
    made: Desk = await make_desk()
    return made
