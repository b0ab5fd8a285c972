"""The command hooks of all Claude Code plugins: asked about tool calls and messages, told of what happened.

A call is judged once. The judgement begins when the host asks for assessments, which has to be answered within seconds;
a hook that takes longer goes on, and the call waits for it before it runs (`waited`).
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hermes_bridges.hook_answer import Said, read_answer
from hermes_bridges.hook_process import hook_environment, run_hook
from hermes_bridges.tool_names import fits, known_as
from hermes_host.context import private_directory
from hermes_host.errors import HermesError
from hermes_host.protocols import Assessment
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_bridges.bridges import Bridge, Bridges
    from hermes_bridges.bundle import CommandHook
    from hermes_host.context import SessionContext
    from hermes_host.messages import ToolCall

__all__ = ["ClaudeHooks", "assess", "hooks_of", "waited"]

ANSWER_WITHIN = 3.5
"""Seconds until an assessment is given; the host waits for 5."""

_KEY = "bridges.judgements"
"""Where a session's memory holds, by call, the judgement that was begun; None once the gate knows it."""
_MOST_BEGUN = 64


class Judgement(msgspec.Struct, frozen=True):
    """What all hooks together said about a call."""

    said: tuple[tuple[str, Said], ...] = ()
    """The bridge's name and what its hook said."""


class ClaudeHooks:
    """The hooks of one host."""

    def __init__(self, bridges: Bridges) -> None:
        self._bridges = bridges

    @property
    def failures(self) -> str:
        """What a hook that fails counts as."""
        return self._bridges.settings.hook_failures

    def absent(self) -> Assessment | None:
        """A question, where a folder that guards calls was accepted and is off now: it may have been tampered with."""
        if self.failures != "ask":
            return None
        try:
            off = [bridge for bridge in self._bridges.all() if bridge.state != "on" and bridge.consent.guards]
        except HermesError as error:
            return Assessment(verdict="ask", reason=str(error), rememberable=False)
        if not off:
            return None
        reason = f"The bridge {off[0].name!r} guards tool calls and is off: {off[0].reason}"
        return Assessment(verdict="ask", reason=reason, rememberable=False)

    # -------------------------------------------------------------------------------------------------- judging

    def judge(self, call: ToolCall, session: SessionContext) -> asyncio.Task[Judgement] | None:
        """Begin to judge a call; None where no hook is for it."""
        wanted = self._for_call("PreToolUse", call, session)
        if not wanted:
            return None
        return asyncio.create_task(self._judge(wanted, call, session), name="bridge hooks")

    async def _judge(self, wanted: Sequence[Any], call: ToolCall, session: SessionContext) -> Judgement:
        facts = {"tool_use_id": call.id}
        return Judgement(tuple(await self._run("PreToolUse", wanted, session, facts)))

    async def after(self, call: ToolCall, output: str, session: SessionContext) -> list[str]:
        """Tell hooks what a call gave; what they want the model to know of it."""
        wanted = self._for_call("PostToolUse", call, session)
        if not wanted:
            return []
        facts = {"tool_use_id": call.id, "tool_response": {"output": output[:100_000]}}
        said = await self._run("PostToolUse", wanted, session, facts)
        return [f"[{name}: {text}]" for name, item in said for text in (item.reason, item.context) if text]

    # ------------------------------------------------------------------------------------------------ other events

    async def event(
        self, event: str, session: SessionContext, subject: str = "", **facts: Any
    ) -> list[tuple[str, Said]]:
        """Run the hooks of an event. `subject` is what their matcher is compared with."""
        wanted: list[tuple[Bridge, CommandHook, dict[str, Any]]] = [
            (bridge, hook, {})
            for bridge, hook in hooks_of(self._bridges, event)
            if not subject or fits(hook.matcher, "", subject, {})
        ]
        return await self._run(event, wanted, session, facts) if wanted else []

    def _for_call(
        self, event: str, call: ToolCall, session: SessionContext
    ) -> list[tuple[Bridge, CommandHook, dict[str, Any]]]:
        found = []
        hooks = hooks_of(self._bridges, event)
        for name, arguments in known_as(call.name, call.arguments or {}, session.directory) if hooks else ():
            for bridge, hook in hooks:
                if fits(hook.matcher, hook.condition, name, arguments):
                    found.append((bridge, hook, {"tool_name": name, "tool_input": arguments}))
        if call.name.startswith("mcp_") or len({item[2]["tool_name"] for item in found}) > 1:
            # One call under several names it could have: each hook is asked once.
            found = list({id(hook): (bridge, hook, facts) for bridge, hook, facts in reversed(found)}.values())[::-1]
        return found

    async def _run(
        self, event: str, wanted: Sequence[Any], session: SessionContext, facts: dict[str, Any]
    ) -> list[tuple[str, Said]]:
        said = await asyncio.gather(
            *(self._one(event, bridge, hook, {**own, **facts}, session) for bridge, hook, own in wanted)
        )
        for (bridge, _, _), item in zip(wanted, said, strict=True):
            if item.message:
                session.announce(f"{bridge.name}: {one_line(item.message, 300)}", code="bridges")
            if item.failure:
                text = f"A {event} hook of the bridge {bridge.name!r} failed: {one_line(item.failure, 300)}."
                session.announce(text, level="warning", code="bridges")
            if item.ignored:
                text = f"A {event} hook of the bridge {bridge.name!r} gave {item.ignored}, which has no effect here."
                session.announce(text, level="warning", code="bridges")
        return [(bridge.name, item) for (bridge, _, _), item in zip(wanted, said, strict=True)]

    async def _one(
        self, event: str, bridge: Bridge, hook: CommandHook, facts: dict[str, Any], session: SessionContext
    ) -> Said:
        if not await asyncio.to_thread(self._bridges.still_on, bridge):
            return Said(failure="its files were changed a moment ago, so it was not run")
        context = self._bridges.context
        directory = _existing(session.directory) or bridge.consent.path
        environment = hook_environment(
            os.environ,
            root=bridge.consent.path,
            project=directory,
            data=str(private_directory(context.state_directory / "data" / bridge.name)),
            cache=str(context.cache_directory / "compiled"),
            passed=self._bridges.settings.environment,
        )
        payload = {
            "session_id": session.id,
            "transcript_path": "",
            "cwd": directory,
            "permission_mode": "default",
            "hook_event_name": event,
            **facts,
        }
        limit = min(hook.timeout, self._bridges.settings.hook_timeout)
        work = run_hook(hook, payload, environment=environment, directory=directory, limit=limit)
        if hook.background:
            context.spawn(_unheard(work), name=f"{event} hook of {bridge.name}")
            return Said()
        return read_answer(event, await work)


def _existing(directory: str) -> str:
    # On a far terminal backend it is no path of this machine.
    return directory if os.path.isdir(directory) else ""


async def _unheard(work: Any) -> None:
    await work


def hooks_of(bridges: Bridges, event: str) -> list[tuple[Bridge, CommandHook]]:
    """The hooks of an event, of all folders that are on."""
    return [
        (bridge, hook)
        for bridge in bridges.on()
        if bridge.bundle is not None
        for hook in bridge.bundle.hooks
        if hook.event == event
    ]


async def assess(hooks: ClaudeHooks, call: ToolCall, session: SessionContext) -> Assessment | None:
    """The judgement of a call for the gate; None for no opinion, and where hooks are still at work."""
    begun: dict[str, asyncio.Task[Judgement] | None] = session.memory.setdefault(_KEY, {})
    found = hooks.absent()
    # Models may give the same id again in a later turn: what was judged then does not count.
    begun.pop(_key(call), None)
    task = begun[_key(call)] = hooks.judge(call, session)
    while len(begun) > _MOST_BEGUN:
        begun.pop(next(iter(begun)))
    if task is None:
        return found
    await asyncio.wait({task}, timeout=ANSWER_WITHIN)
    if not task.done():
        return found
    begun[_key(call)] = None  # the gate knows it now
    judged = verdict(task.result(), hooks.failures)
    return judged if judged is not None and judged.verdict == "deny" else found or judged


async def waited(hooks: ClaudeHooks, call: ToolCall, session: SessionContext) -> str:
    """Why a call that was approved must not run after all: a hook that took its time says no. Empty when it may.

    Nobody can be asked any more at this point, so a late question is a no.
    """
    begun: dict[str, asyncio.Task[Judgement] | None] = session.memory.get(_KEY, {})
    key = _key(call)
    # Not begun: another plugin changed the arguments after they were judged.
    task = begun.pop(key) if key in begun else hooks.judge(call, session)
    judged = verdict(await asyncio.shield(task), hooks.failures) if task is not None else None
    if judged is None:
        return ""
    late = "" if judged.verdict == "deny" else " (It wants a person to be asked, but said so too late for that.)"
    return f"{judged.reason}{late}"


def verdict(judgement: Judgement, failures: str) -> Assessment | None:
    """The strictest of what was said: deny, then ask; what failed counts as ask where that is set."""
    wanted: tuple[Literal["deny"], Literal["ask"]] = ("deny", "ask")
    for word in wanted:
        for name, said in judgement.said:
            if said.verdict == word:
                return Assessment(verdict=word, reason=f"{name}: {said.reason or 'a hook of it says so.'}")
    for name, said in judgement.said:
        if said.failure and failures == "ask":
            return Assessment(verdict="ask", reason=f"A hook of {name} that guards this failed: {said.failure}.")
    return None


def _key(call: ToolCall) -> str:
    return f"{call.id} {msgspec.json.encode(call.arguments, order='deterministic').decode()}"
