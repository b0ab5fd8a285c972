"""The provider: one step of a plan for each request, then the answer."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import msgspec

from hermes_host.messages import Text, ToolCall, ToolResult, assistant_message
from hermes_host.protocols import ModelInfo, ModelRequest
from hermes_host.stream import (
    MessageEnded,
    PartDelta,
    PartEnded,
    PartStarted,
    ProviderEvent,
    ProviderNotice,
    Usage,
    UsageReported,
)
from hermes_offline.conversation import Standing, failed, stand
from hermes_offline.discovery import SERVERS, Server, advice, find_keys, find_servers
from hermes_offline.grammar import parse
from hermes_offline.plan import Plan, make_plan
from hermes_offline.report import WHAT_I_AM, help_text, report, stopped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.specs import ProviderSpec

__all__ = ["MODEL", "OfflineProvider", "connect"]

MODEL = "imperatives"


def connect(context: PluginContext, spec: ProviderSpec) -> OfflineProvider:
    """The provider; needs nothing."""
    return OfflineProvider()


class OfflineProvider:
    """Turns plain commands into tool calls. Keeps nothing: every answer follows from the request alone.

    `environ` are names of environment variables (never looked at for their values), `servers` where model servers may
    listen on this machine.
    """

    def __init__(self, environ: Iterable[str] | None = None, servers: Sequence[Server] = SERVERS) -> None:
        self._environ = environ
        self._servers = servers

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """The next tool call, or the answer. Notices once in a conversation that this is no language model."""
        standing = stand(request.messages)
        if standing.first:
            yield ProviderNotice(f"{WHAT_I_AM} Say `help` to see them. {self._quick_advice()}", code="offline")
        plan = make_plan(parse(standing.text), [tool.name for tool in request.tools], standing.last_file)
        results, call = _progress(plan, standing)
        events = _calling(call) if call is not None else _saying(await self._answer(request, plan, results))
        for event in events:
            yield event

    async def models(self) -> Sequence[ModelInfo]:
        """The one there is."""
        return [ModelInfo(id=MODEL, name="Plain commands (not a language model)")]

    async def aclose(self) -> None:
        """Nothing is held."""

    def _quick_advice(self) -> str:
        return advice(find_keys(self._names()), [])

    async def _full_advice(self) -> str:
        keys = find_keys(self._names())
        return advice(keys, [] if keys else await find_servers(self._servers))

    def _names(self) -> Iterable[str]:
        return os.environ if self._environ is None else self._environ

    async def _answer(self, request: ModelRequest, plan: Plan, results: Sequence[ToolResult | None]) -> str:
        if plan.problem:
            return await self._explain(plan)
        if not plan.steps:
            return help_text(await self._full_advice())
        if results and results[-1] is not None and failed(results[-1]):
            return stopped(plan, results, request.tools)
        needs_advice = any(step.step.action in ("help", "who") for step in plan.steps)
        return report(plan, results, request.tools, await self._full_advice() if needs_advice else "")

    async def _explain(self, plan: Plan) -> str:
        if not plan.misunderstood:
            return f"{plan.problem}. I did nothing."
        return (
            f"{plan.problem}, so I did nothing. {WHAT_I_AM} For example: "
            "`list the files here, then read README.md and tell me its title`. Say `help` to see what else I "
            f"understand.\n\n{await self._full_advice()}"
        )


def _progress(plan: Plan, standing: Standing) -> tuple[list[ToolResult | None], ToolCall | None]:
    """The results so far, one for each step that is over, and the next call where there is one to make."""
    results: list[ToolResult | None] = []
    for index, step in enumerate(plan.steps):
        if step.call is None:
            results.append(None)
            continue
        call_id = f"{standing.call_prefix}{index + 1}"
        result = standing.results.get(call_id)
        if result is None:
            raw = msgspec.json.encode(step.call.arguments).decode()
            return results, ToolCall(id=call_id, name=step.call.tool, arguments=step.call.arguments, raw=raw)
        results.append(result)
        if failed(result):
            break
    return results, None


def _calling(call: ToolCall) -> Iterator[ProviderEvent]:
    yield PartStarted(0, "tool_call", call.name)
    yield PartDelta(0, call.raw)
    yield PartEnded(0, call)
    yield UsageReported(Usage())
    yield MessageEnded(assistant_message(call), "tool_calls", Usage())


def _saying(text: str) -> Iterator[ProviderEvent]:
    yield PartStarted(0, "text")
    for piece in re.findall(r"\S*\s*\S*\s*\S+\s*|\s+", text):
        yield PartDelta(0, piece)
    part = Text(text=text)
    yield PartEnded(0, part)
    yield UsageReported(Usage())
    yield MessageEnded(assistant_message(part), "end", Usage())
