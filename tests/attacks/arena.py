"""A real host with terminal, files and approvals, in which nothing that is allowed runs: it is only noted."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from hermes_host.context import ToolContext
from hermes_host.messages import Provenance, Text, ToolCall, ToolResult, assistant_message, user_message
from hermes_host.protocols import ApprovalRequest, Approver, ToolOutput
from hermes_host.specs import MiddlewareSpec
from hermes_host.testing import ScriptedApprover, StandInHost, events_of
from hermes_host.testing.providers import ScriptedProvider, Step

PLUGINS = ("approvals", "files", "local", "terminal")

RULES = """\
rules:  # as careless as people are
  push: {verdict: allow, command: git push, surfaces: any}
  show: {verdict: allow, command: [ls ..., cat ..., echo ..., git status ...], surfaces: any}
  build: {verdict: allow, command: [make ..., npm run *], surfaces: any}
"""


class Tripwire:
    """A layer around tools: what gets here was allowed. It goes no further, but with `through`."""

    def __init__(self) -> None:
        self.ran: list[ToolCall] = []
        self.through = False

    async def __call__(
        self, call: ToolCall, context: ToolContext, call_next: Callable[[ToolCall], Awaitable[ToolOutput]]
    ) -> ToolOutput:
        self.ran.append(call)
        if self.through:
            return await call_next(call)
        return ToolOutput(content="It would have run.")


@dataclass
class Attempt:
    """What became of one call."""

    ran: bool
    requests: list[ApprovalRequest] = field(default_factory=list)
    answer: str = ""

    @property
    def asked(self) -> bool:
        return bool(self.requests)

    @property
    def verdict(self) -> str:
        return "allow" if self.ran else "ask" if self.asked else "deny"


class Arena:
    """One host and what is tried in it."""

    def __init__(self, host: StandInHost, work: Path, tripwire: Tripwire) -> None:
        self.host = host
        self.work = work
        self.tripwire = tripwire
        self.provider = ScriptedProvider()
        self._numbers = itertools.count(1)
        host.use_provider(self.provider)

    async def attempt(
        self,
        tool: str,
        arguments: dict[str, Any],
        *answers: Any,
        attended: bool = True,
        approver: Approver | None = None,
        origin: Provenance = "owner",
        first: Sequence[Step] = (),
        **options: Any,
    ) -> Attempt:
        """Have the model make a call in a session of its own. A person who is asked gives `answers`, then denies."""
        call = ToolCall(id=f"call-{next(self._numbers)}", name=tool, arguments=arguments)
        self.provider.steps = [*first, assistant_message(call), "done"]
        scripted = ScriptedApprover(*answers)
        asks = approver or (scripted if attended else None)
        session = await self.host.start(approver=asks, directory=str(self.work), **options)
        before = len(self.tripwire.ran)
        try:
            await events_of(session.run(user_message("go on", provenance=origin)))
            parts = [part for message in session.messages for part in message.parts]
        finally:
            await session.close()
        results = [part for part in parts if isinstance(part, ToolResult)]
        answer = " ".join(text.text for result in results for text in result.content if isinstance(text, Text))
        return Attempt(len(self.tripwire.ran) > before, scripted.requests, answer)

    async def command(self, text: str, *answers: Any, **options: Any) -> Attempt:
        """The same for a shell command."""
        return await self.attempt("terminal", {"command": text}, *answers, **options)

    async def never_runs_by_itself(self, text: str) -> bool:
        """Whether a command waits for a person where there is one, and is refused where there is none."""
        attended = await self.command(text)
        alone = await self.command(text, attended=False, source="cron")
        refused = attended.asked or "Denied" in attended.answer
        return refused and not attended.ran and not alone.ran and "Denied" in alone.answer


@asynccontextmanager
async def arena(*, rules: str = RULES, settings: dict[str, Any] | None = None, **options: Any) -> AsyncIterator[Arena]:
    """A home, a workspace and a host of their own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="hermes-attack-") as name:
        home = Path(os.path.realpath(name), "user")  # noqa: ASYNC240
        work = home / "work"
        work.mkdir(parents=True)
        agent = home / ".hermes"
        agent.mkdir(mode=0o700)
        if rules:
            (agent / "approvals.yaml").write_text(rules, encoding="utf-8")
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
        host = StandInHost(agent, plugins=PLUGINS, environ=environ, overrides=settings or {}, **options)
        with mock.patch.dict(os.environ, {"HOME": str(home)}):
            async with host:
                tripwire = Tripwire()
                spec = MiddlewareSpec(
                    name="tripwire",
                    summary="Notes what was allowed",
                    target="tests.attacks:arena",
                    around="tool",
                    priority=1000,
                )
                host.use_part("middleware", spec, tripwire)
                yield Arena(host, work, tripwire)
