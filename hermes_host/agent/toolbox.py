"""Tool calls of one session: found, checked, judged, run, limited. Every way a call can go wrong ends in a result."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from hermes_host.agent.approvals import ApprovalGate, by_effects
from hermes_host.context import SessionContext, ToolContext
from hermes_host.dispatch import chain_tool, decide
from hermes_host.errors import HermesError, PluginError, ToolError
from hermes_host.events import Event, ToolFinished, ToolProgress, ToolStarted
from hermes_host.messages import Media, Provenance, Text, ToolCall, ToolResult, Unknown
from hermes_host.protocols import Assessment, Questioner, ToolDefinition, ToolMiddleware, ToolOutput
from hermes_host.registry import Contribution, near_names
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_host.agent.schema import Parameters
    from hermes_host.host import Host
    from hermes_host.specs import ToolSpec

__all__ = ["RESULT_LIMIT", "Toolbox"]

log = logging.getLogger(__name__)

RESULT_LIMIT = 100_000
"""Characters of a result the model gets; the whole is kept in a file."""


class Toolbox:
    """The tools a session may use."""

    def __init__(
        self,
        host: Host,
        tools: Sequence[Contribution[ToolSpec]],
        *,
        session: SessionContext,
        gate: ApprovalGate,
        extra: Sequence[Contribution[ToolSpec]] = (),
        questioner: Questioner | None = None,
        started: Callable[[str], None] = lambda call_id: None,
    ) -> None:
        """`extra` are tools that only this session has; `started` is called before a call acts, with its id."""
        self._host = host
        self._tools = {tool.name: tool for tool in (*tools, *extra)}
        # The host keeps what it read of a tool by its name; another session may have another tool of that name.
        self._extra: dict[str, Parameters | None] = {tool.name: host.read_parameters(tool) for tool in extra}
        self._session = session
        self._gate = gate
        self._middleware: Sequence[ToolMiddleware] = ()
        self._questioner = questioner
        self._started = started
        self.emit: Callable[[Event], None] = lambda event: None
        self.origin: Provenance = "owner"
        """Who stands behind the running turn; `external` as soon as it read something from the network."""
        self._began: dict[str, float] = {}
        self._definitions: tuple[ToolDefinition, ...] | None = None

    def use_middleware(self, middleware: Sequence[ToolMiddleware]) -> None:
        """Wrap every call, the first one outermost."""
        self._middleware = middleware

    @property
    def specs(self) -> Sequence[ToolSpec]:
        """The tools, by name."""
        return [self._tools[name].spec for name in sorted(self._tools)]

    def definitions(self) -> tuple[ToolDefinition, ...]:
        """What the model is told, in a stable order. A tool whose parameters cannot be read is left out."""
        if self._definitions is None:
            found = []
            for name in sorted(self._tools):
                parameters = self._parameters(self._tools[name])
                if parameters is not None:
                    spec = self._tools[name].spec
                    found.append(ToolDefinition(name=spec.name, summary=spec.summary, parameters=parameters.schema))
            self._definitions = tuple(found)
        return self._definitions

    def import_handlers(self) -> None:
        """Import the code behind every tool, so that no call has to wait for it. Faults wait for the call."""
        for tool in self._tools.values():
            for target in filter(None, (tool.spec.assess, tool.spec.target)):
                try:
                    self._host.target(tool, target)
                except PluginError as error:
                    log.info("preloading failed: %s", error)

    def may_run_beside(self, call: ToolCall) -> bool:
        """Whether the call may run beside others."""
        tool = self._tools.get(call.name)
        return tool is not None and tool.spec.parallel

    async def run(self, call: ToolCall, *, turn_id: str, deadline: float | None) -> ToolResult:
        """Make one call. Never raises but for cancellation; failures are error results the model can act on."""
        self._began[call.id] = time.monotonic()
        try:
            output = await self._run(call, turn_id, deadline)
        except HermesError as error:
            output = ToolOutput(content=f"Error: {error}", is_error=True)
        result = self._result(call, output)
        if result.provenance == "external" and self._reaches_network(call.name):
            self.origin = "external"
        self.emit(
            ToolFinished(
                call_id=call.id,
                name=call.name,
                result=result,
                seconds=time.monotonic() - self._began.pop(call.id),
                title=output.title,
                diff=output.diff,
            )
        )
        return result

    async def _run(self, call: ToolCall, turn_id: str, deadline: float | None) -> ToolOutput:
        tool = self._find(call)
        parameters = self._parameters(tool)
        if parameters is None:
            raise ToolError(f"The tool {call.name!r} is broken.", remedy="Use another one.")
        if call.arguments is None:
            raise ToolError(
                f"The arguments are not one valid JSON object: {one_line(call.raw, 300)!r}. Nothing was executed.",
                remedy="Send the call again with correct JSON.",
            )
        arguments = parameters.check(call.arguments)
        context = self._context(call, tool, turn_id, deadline)
        await self._consent(call, tool, arguments, context)
        self._started(call.id)
        self._began[call.id] = time.monotonic()  # the time a person took to approve is not the tool's
        shown = one_line(str(call.arguments.get(tool.spec.shows, ""))) if tool.spec.shows else ""
        self.emit(ToolStarted(call_id=call.id, name=call.name, arguments=call.arguments, shown=shown))

        async def execute(wanted: ToolCall) -> ToolOutput:
            # Middleware may change arguments, but what runs must be what was approved or pass the same gate.
            if wanted.arguments == call.arguments:
                return await self._execute(tool, arguments, context)
            checked = parameters.check(wanted.arguments or {})
            await self._consent(wanted, tool, checked, context)
            return await self._execute(tool, checked, context)

        return await chain_tool(self._middleware, context, execute)(call)

    def _parameters(self, tool: Contribution[ToolSpec]) -> Parameters | None:
        return self._extra[tool.name] if tool.name in self._extra else self._host.parameters(tool)

    def _reaches_network(self, name: str) -> bool:
        tool = self._tools.get(name)
        return tool is not None and "net" in tool.spec.effects

    def _find(self, call: ToolCall) -> Contribution[ToolSpec]:
        tool = self._tools.get(call.name)
        if tool is None:
            near = near_names(call.name, self._tools)
            hint = f"Did you mean {near}?" if near else f"There are: {', '.join(sorted(self._tools)) or 'none'}."
            raise ToolError(f"There is no tool {one_line(call.name, 80)!r}. {hint} Nothing was executed.")
        return tool

    def _context(
        self, call: ToolCall, tool: Contribution[ToolSpec], turn_id: str, deadline: float | None
    ) -> ToolContext:
        limit = time.monotonic() + tool.spec.timeout if tool.spec.timeout else None
        return ToolContext(
            self._host.context(tool.plugin),
            self._session,
            call_id=call.id,
            turn_id=turn_id,
            tool=call.name,
            deadline=min((end for end in (limit, deadline) if end is not None), default=None),
            progress=lambda text: self.emit(ToolProgress(call_id=call.id, text=self._host.secrets.redact(text))),
            terminals=self._host.terminals if len(self._host.terminal_backends) else None,
            questioner=self._questioner,
            can_approve=self._gate.attended,
            call_tool=self._caller(call, turn_id, deadline),
            effects=tool.spec.effects,
            origin=lambda: self.origin,
        )

    def _caller(
        self, outer: ToolCall, turn_id: str, deadline: float | None
    ) -> Callable[[str, dict[str, Any]], Awaitable[ToolResult]]:
        numbers = itertools.count(1)

        async def call_tool(name: str, arguments: dict[str, Any]) -> ToolResult:
            inner = ToolCall(id=f"{outer.id}.{next(numbers)}", name=name, arguments=arguments)
            return await self.run(inner, turn_id=turn_id, deadline=deadline)

        return call_tool

    async def _consent(
        self, call: ToolCall, tool: Contribution[ToolSpec], arguments: Any, context: ToolContext
    ) -> None:
        assessments = [await self._own_assessment(tool, arguments, context)]
        others = await decide(
            self._host.plugins,
            "hermes_assess_tool_call",
            call=call,
            session=self._session,
            effects=tool.spec.effects,
        )
        assessments += [assessment for _, assessment in others]
        runs = "process" in tool.spec.effects
        verdict = await self._gate.decide(
            call,
            assessments,
            effects=tool.spec.effects,
            origin=self.origin,
            terminal=self._host.terminals.backend(self._session) if runs and context.has_terminal else "",
            directory=self._session.directory,
        )
        if not verdict.allowed:
            raise ToolError(verdict.message)

    async def _own_assessment(self, tool: Contribution[ToolSpec], arguments: Any, context: ToolContext) -> Assessment:
        if not tool.spec.assess:
            return by_effects(tool.spec)
        try:
            assess = self._host.target(tool, tool.spec.assess)
            assessment = await assess(arguments, context)
        except Exception as error:
            log.warning("tool %r of plugin %r could not judge a call", tool.name, tool.plugin, exc_info=error)
            why = f": {error}" if isinstance(error, HermesError) else "."
            return Assessment(verdict="ask", reason=f"The tool {tool.name!r} could not judge this call{why}")
        if isinstance(assessment, Assessment):
            return assessment
        return Assessment(verdict="ask", reason=f"The tool {tool.name!r} gave no usable judgement of this call.")

    async def _execute(self, tool: Contribution[ToolSpec], arguments: Any, context: ToolContext) -> ToolOutput:
        handler = self._host.target(tool, tool.spec.target)
        try:
            async with asyncio.timeout(tool.spec.timeout or None):
                value = await handler(arguments, context)
        except TimeoutError as error:
            if not tool.spec.timeout:
                raise self._broken(tool, error) from error
            raise ToolError(f"The call took longer than {tool.spec.timeout:g} s and was ended.") from None
        except HermesError:
            raise
        except Exception as error:
            raise self._broken(tool, error) from error
        return as_output(value)

    def _broken(self, tool: Contribution[ToolSpec], error: Exception) -> PluginError:
        log.error("tool %r of plugin %r failed", tool.name, tool.plugin, exc_info=error)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return PluginError(f"The tool {tool.name!r} (plugin {tool.plugin!r}) failed: {one_line(text, 500)}.")

    def _result(self, call: ToolCall, output: ToolOutput) -> ToolResult:
        parts = (Text(text=output.content),) if isinstance(output.content, str) else output.content
        return ToolResult(
            call_id=call.id,
            name=call.name,
            content=self._limit(call, parts),
            is_error=output.is_error,
            provenance=output.provenance,
        )

    def _limit(self, call: ToolCall, parts: tuple[Text | Media | Unknown, ...]) -> tuple[Text | Media | Unknown, ...]:
        redact = self._host.secrets.redact
        parts = tuple(
            Text(text=redact(part.text), meta=part.meta) if isinstance(part, Text) else part for part in parts
        )
        texts = [part.text for part in parts if isinstance(part, Text)]
        if sum(map(len, texts)) <= RESULT_LIMIT:
            return parts
        whole = "".join(texts)
        context = ToolContext(self._host.context("host"), self._session, call_id=call.id, tool=call.name)
        path = context.keep("result.txt", whole.encode("utf-8", "surrogatepass"))
        head, tail = whole[: RESULT_LIMIT * 2 // 5], whole[-RESULT_LIMIT * 3 // 5 :]
        note = f"\n\n[… {len(whole) - len(head) - len(tail)} characters left out; the whole result is in {path}]\n\n"
        return (Text(text=head + note + tail), *(part for part in parts if not isinstance(part, Text)))


def as_output(value: Any) -> ToolOutput:
    """What a handler returned, as a `ToolOutput`. Dicts and lists become JSON."""
    if isinstance(value, ToolOutput):
        return value
    if isinstance(value, str):
        return ToolOutput(content=value)
    if value is None:
        return ToolOutput(content="Done.")
    return ToolOutput(content=json.dumps(value, ensure_ascii=False, default=str))
