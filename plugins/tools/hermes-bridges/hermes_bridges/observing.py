"""Where conversations meet what folders brought: at a message, around a call of a tool or a model, at their ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_bridges.bridges import KEY, Bridges
from hermes_bridges.claude_hooks import ClaudeHooks, assess, waited
from hermes_host.errors import Denied, HermesError, ToolError
from hermes_host.messages import ATTACHED, Message, Text, text_of
from hermes_host.services import Conversations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from hermes_host.agent.session import Session
    from hermes_host.context import PluginContext, SessionContext, ToolContext
    from hermes_host.messages import ToolCall
    from hermes_host.protocols import Assessment, ModelRequest, ToolOutput
    from hermes_host.stream import ProviderEvent

__all__ = ["ModelWatch", "Prompts", "ToolWatch", "ended", "judged", "models", "prompts", "tools", "turn_finished"]

_STARTED = "bridges.started"
_STEPS = "bridges.steps"
_BACKGROUND = frozenset({"subagent"})


async def prompts(context: PluginContext, spec: object) -> Prompts:
    """The expander."""
    return Prompts(context, await context.services.get(Bridges))


async def tools(context: PluginContext, spec: object) -> ToolWatch:
    """The middleware around tools."""
    return ToolWatch(await context.services.get(Bridges))


async def models(context: PluginContext, spec: object) -> ModelWatch:
    """The middleware around models."""
    return ModelWatch(context, await context.services.get(Bridges))


async def judged(call: ToolCall, session: SessionContext) -> Assessment | None:
    """What folders say about a call before it runs. A conversation that nobody attends to has no opinion here; the
    middleware around tools asks again."""
    bridges: Bridges | None = session.memory.get(KEY)
    return await assess(ClaudeHooks(bridges), call, session) if bridges is not None else None


class Prompts:
    """What happens at a message: a session that begins, a message that is refused or added to."""

    def __init__(self, context: PluginContext, bridges: Bridges) -> None:
        self._context = context
        self._bridges = bridges

    async def expand(self, message: Message, session: SessionContext) -> Message:
        """The message with what hooks add to it. Raises `Denied` where one refuses it."""
        first = KEY not in session.memory
        await self._bridges.load()
        self._bridges.attend(session)
        if not self._bridges.on() or session.source in _BACKGROUND:
            return message
        live = await _live(self._context, session)
        found = await self._started(session, live) if first else []
        found += await self._submitted(message, session, live)
        if not found:
            return message
        text = self._context.redact("\n\n".join(found))
        added = Text(text=f"\n\n{text}", meta={ATTACHED: "bridge"})
        return msgspec.structs.replace(message, parts=(*message.parts, added))

    async def _started(self, session: SessionContext, live: Session | None) -> list[str]:
        resumed = bool(session.recorded(_STARTED)) or bool(live is not None and live.messages)
        session.record(_STARTED, {"started": True})
        facts = _facts(session, live)
        for plugin in self._bridges.python():
            await plugin.tell("on_session_start", **facts)
            await plugin.tell_event("session:start", {**_gateway_facts(session), "session_id": session.id})
        source = "resume" if resumed else "startup"
        said = await ClaudeHooks(self._bridges).event("SessionStart", session, source, source=source)
        return [item.context for _, item in said if item.context]

    async def _submitted(self, message: Message, session: SessionContext, live: Session | None) -> list[str]:
        session.memory[_STEPS] = 0
        words = message.said
        found = []
        for name, said in await ClaudeHooks(self._bridges).event("UserPromptSubmit", session, prompt=words):
            if said.verdict == "deny":
                raise Denied(f"The bridge {name!r} refused the message: {said.reason}")
            found += [said.context] if said.context else []
        history = plain_history(live.messages) if live is not None else []
        for plugin in self._bridges.python():
            await plugin.tell_event(
                "agent:start", {**_gateway_facts(session), "session_id": session.id, "message": words}
            )
            returned = await plugin.tell(
                "pre_llm_call",
                user_message=words,
                conversation_history=history,
                is_first_turn=not history,
                **_facts(session, live),
            )
            found += filter(None, map(_context_of, returned))
        return found


class ToolWatch:
    """Around every approved tool call."""

    def __init__(self, bridges: Bridges) -> None:
        self._bridges = bridges

    async def __call__(
        self, call: ToolCall, context: ToolContext, call_next: Callable[[ToolCall], Awaitable[ToolOutput]]
    ) -> ToolOutput:
        """Wait for hooks that are still judging, tell those that listen, make the call."""
        hooks = ClaudeHooks(self._bridges)
        refusal = await waited(hooks, call, context.session)
        if refusal:
            raise ToolError(f"Denied by policy: {refusal} Do not try to get around it.")
        listeners = [plugin for plugin in self._bridges.python() if plugin.hooks]
        facts = {
            "tool_name": call.name,
            "args": call.arguments or {},
            "task_id": context.session.id,
            "session_id": context.session.id,
            "tool_call_id": call.id,
            "turn_type": "user",
        }
        for plugin in listeners:
            await plugin.tell("pre_tool_call", **facts)
        try:
            output = await call_next(call)
        except HermesError as error:
            for plugin in listeners:
                await plugin.tell("post_tool_call", result=f"Error: {error}", **facts)
            raise
        text = output.content if isinstance(output.content, str) else text_of(output.content)
        for plugin in listeners:
            await plugin.tell("post_tool_call", result=text, **facts)
        notes = [] if output.is_error else await hooks.after(call, text, context.session)
        return _with_notes(output, notes) if notes else output


class ModelWatch:
    """Around every call of a model, for the plugins of Hermes 0.5 that listen to them."""

    def __init__(self, context: PluginContext, bridges: Bridges) -> None:
        self._context = context
        self._bridges = bridges

    def __call__(
        self, request: ModelRequest, call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
    ) -> AsyncIterator[ProviderEvent]:
        """The answer as it comes; nothing is done for its pieces."""
        listeners = [
            plugin
            for plugin in self._bridges.python()
            if plugin.handle is not None or {"pre_llm_call", "post_llm_call"} & plugin.hooks.keys()
        ]
        if not listeners or request.purpose != "turn":
            return call_next(request)
        return self._told(listeners, request, call_next)

    async def _told(
        self,
        listeners: Sequence[Any],
        request: ModelRequest,
        call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]],
    ) -> AsyncIterator[ProviderEvent]:
        from time import monotonic

        from hermes_host.stream import MessageEnded

        conversations = await self._context.services.get(Conversations)
        live = conversations.session(request.session_id)
        steps = 1
        if live is not None:
            steps = live.context.memory[_STEPS] = live.context.memory.get(_STEPS, 0) + 1
        facts = {
            "task_id": request.session_id,
            "session_id": request.session_id,
            "platform": live.context.source if live is not None else "",
            "model": request.model,
            "provider": request.provider,
            "base_url": "",
            "api_mode": "",
            "api_call_count": steps,
            "max_tokens": request.settings.max_output_tokens,
            "turn_type": "user",
        }
        history = plain_history(request.messages)
        for plugin in listeners:
            # What it returns counts only when it is told of a turn.
            await plugin.tell("pre_llm_call", messages=history, tools=[tool.name for tool in request.tools], **facts)
            if live is not None and steps > 1:
                names = next((m.tool_calls for m in reversed(request.messages) if m.tool_calls), ())
                step = {"iteration": steps, "tool_names": [item.name for item in names], "session_id": live.id}
                await plugin.tell_event("agent:step", {**_gateway_facts(live.context), "message": "", **step})
        began = monotonic()
        async for event in call_next(request):
            yield event
            if type(event) is MessageEnded:
                answer = plain_history([event.message])[0]
                ended_facts = {"api_duration": monotonic() - began, "finish_reason": event.stop_reason}
                for plugin in listeners:
                    await plugin.tell(
                        "post_llm_call", response=answer, assistant_message=answer, **ended_facts, **facts
                    )


async def turn_finished(session: SessionContext, outcome: str) -> None:
    """A turn is over: told to plugins as the end of a run, which is what Hermes 0.5 meant by a session's end."""
    bridges: Bridges | None = session.memory.get(KEY)
    if bridges is None:
        return
    live = await _live(bridges.context, session)
    messages = list(live.messages) if live is not None else []
    said = next((message.said for message in reversed(messages) if message.role == "user"), "")
    answer = messages[-1].text if messages and messages[-1].role == "assistant" else ""
    for plugin in bridges.python():
        await plugin.tell(
            "post_llm_call",
            user_message=said,
            assistant_response=answer,
            conversation_history=plain_history(messages),
            **_facts(session, live),
        )
        await plugin.tell(
            "on_session_end",
            completed=outcome in ("completed", "truncated"),
            interrupted=outcome == "interrupted",
            **_facts(session, live),
        )
        facts = {"session_id": session.id, "message": said, "response": answer}
        await plugin.tell_event("agent:end", {**_gateway_facts(session), **facts})
    bridges.context.spawn(_stopped(bridges, session), name="Stop hooks")


async def _stopped(bridges: Bridges, session: SessionContext) -> None:
    for name, said in await ClaudeHooks(bridges).event("Stop", session, stop_hook_active=False):
        if said.verdict == "deny" and said.reason:
            session.announce(f"{name} thinks that the work is not done: {said.reason}", code="bridges")


async def ended(session: SessionContext, reason: str) -> None:
    """A conversation was left."""
    bridges: Bridges | None = session.memory.get(KEY)
    if bridges is None or reason == "parked":
        return
    event = "session:reset" if reason == "new_session" else "session:end"
    for plugin in bridges.python():
        await plugin.tell_event(event, _gateway_facts(session))
    await ClaudeHooks(bridges).event("SessionEnd", session, reason, reason=reason)


def plain_history(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as the plain objects that plugins of Hermes 0.5 know."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "tool":
            for part in message.parts:
                content = text_of(getattr(part, "content", ()))
                found.append({"role": "tool", "tool_call_id": getattr(part, "call_id", ""), "content": content})
            continue
        plain: dict[str, Any] = {"role": message.role, "content": message.text}
        if message.tool_calls:
            plain["tool_calls"] = [
                {"id": item.id, "type": "function", "function": {"name": item.name, "arguments": item.raw or "{}"}}
                for item in message.tool_calls
            ]
        found.append(plain)
    return found


async def _live(context: PluginContext, session: SessionContext) -> Session | None:
    with suppress(HermesError):
        return (await context.services.get(Conversations)).session(session.id)
    return None


def _facts(session: SessionContext, live: Session | None) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "model": live.model if live is not None else "",
        "platform": session.source,
    }


def _gateway_facts(session: SessionContext) -> dict[str, Any]:
    chat = getattr(session, "chat", None)
    return {
        "platform": session.source,
        "user_id": str(getattr(chat, "user_id", "") or ""),
        "session_key": session.id,
    }


def _context_of(returned: Any) -> str:
    if isinstance(returned, dict):
        returned = returned.get("context")
    return returned.strip()[:20_000] if isinstance(returned, str) else ""


def _with_notes(output: ToolOutput, notes: list[str]) -> ToolOutput:
    text = "\n\n" + "\n".join(notes)
    if isinstance(output.content, str):
        return msgspec.structs.replace(output, content=output.content + text)
    return msgspec.structs.replace(output, content=(*output.content, Text(text=text)))
