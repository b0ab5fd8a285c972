"""The tool `send_message`: writing to a chat other than the one the conversation is held in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from hermes_gateway.outgoing import collect
from hermes_gateway.sending import Sending
from hermes_host.errors import HermesError, ToolError
from hermes_host.protocols import Assessment, ToolOutput
from hermes_host.services import Outbox

if TYPE_CHECKING:
    from hermes_host.context import PluginContext, ToolContext

__all__ = ["SendMessage", "assess", "send_message", "unavailable"]

_WAIT_SECONDS = 20.0


class SendMessage(Struct, frozen=True, kw_only=True):
    """The arguments."""

    action: Literal["send", "list"] = "send"
    target: Annotated[str, Meta(description="platform (its home), platform:#name, or platform:id")] = ""
    message: Annotated[str, Meta(description="Markdown; MEDIA:/path attaches a file")] = ""


def unavailable(context: PluginContext) -> str:
    """Why the tool cannot be used; empty once a gateway has run here: a tool that can reach nobody costs words."""
    return "" if (context.home / "gateway.db").exists() else "No gateway has run here: `hermes gateway setup`."


async def assess(arguments: SendMessage, call: ToolContext) -> Assessment:
    """Looking is free. Writing to people is asked about, but for the home chats, which the owner chose."""
    if arguments.action == "list":
        return Assessment(verdict="allow")
    shown = f"Send to {arguments.target}: {arguments.message}"
    try:
        outbox = await _outbox(call)
        address = await outbox.resolve(arguments.target)
    except HermesError:
        return Assessment(verdict="allow")  # the call itself says what is wrong, and sends nothing
    if address == outbox.directory.home(address.platform) and call.origin == "owner":
        return Assessment(verdict="allow", shown=shown)
    return Assessment(verdict="ask", reason=f"It writes to {address}.", shown=shown)


async def send_message(arguments: SendMessage, call: ToolContext) -> ToolOutput:
    """Send, or list the chats there are."""
    outbox = await _outbox(call)
    if arguments.action == "list":
        places = outbox.directory.places()
        lines = [f"{item.address}  {item.name} ({item.kind})" for item in places]
        return ToolOutput(content="\n".join(lines) or "No chats are known yet.", provenance="external")
    if not arguments.target or not arguments.message.strip():
        raise ToolError("send_message needs a target and a message.")
    try:
        address = await outbox.resolve(arguments.target)
        roots = [Path(call.session.directory), call.plugin.home / "cache"]
        collected = collect(arguments.message, roots, call.plugin.home)
        if collected.refused:
            raise ToolError(f"These files may not be sent or are not there: {', '.join(collected.refused)}.")
        ids = await outbox.send(
            address,
            collected.text,
            media=collected.media,
            key=f"tool:{call.session.id}:{call.call_id}",
            source=f"session {call.session.id}",
        )
    except HermesError as error:
        raise ToolError(str(error)) from error
    outbox.mirror(address, collected.text)
    fates = await outbox.wait(ids, timeout=_WAIT_SECONDS)
    return ToolOutput(content=_said(str(address), [item.state for item in fates], [item.error for item in fates]))


def _said(address: str, states: list[str], errors: list[str]) -> str:
    if all(state == "sent" for state in states):
        return f"Sent to {address}."
    if "failed" in states:
        return f"Not delivered to {address}: {errors[states.index('failed')]}"
    if "unknown" in states:
        return f"It may have arrived at {address}; the platform cannot tell. Do not send it again without asking."
    return f"Taken for {address}; it is sent as soon as the gateway reaches it. Do not send it again."


async def _outbox(call: ToolContext) -> Sending:
    found = await call.plugin.services.get(Outbox)
    assert isinstance(found, Sending), "the gateway offers its own outbox"
    return found
