"""`/agents`: the subagents that work for this conversation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hermes_delegate.background import of_session
from hermes_delegate.settings import Settings
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall

__all__ = ["agents"]


async def agents(call: SlashCall) -> str:
    """`/agents [stop ID]`."""
    context = call.host.context("delegate")
    background = of_session(call.session.context, call.session, context, context.section(Settings, "delegation"))
    word, _, identity = call.arguments.partition(" ")
    if word == "stop":
        await background.stop(identity.strip())
    rows = [f"- `{child.id}` works now: {one_line(child.info.title, 80)}" for child in call.session.children]
    for state in background.states():
        seconds = (state.get("ended") or time.time()) - state["began"]
        shown = one_line(str(state["goal"]), 80)
        rows.append(f"- `{state['id']}` {state['state']}, {seconds:.0f} s: {shown} (session `{state['session']}`)")
    return "\n".join(rows) or "No subagents have worked for this conversation."
