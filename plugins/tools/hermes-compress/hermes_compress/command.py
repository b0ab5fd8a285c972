"""The command `/compress`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_compress.compaction import short
from hermes_compress.compactor import Compactor
from hermes_compress.conversation import Conversation
from hermes_host.cli.listing import count
from hermes_host.protocols import ModelRequest

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall

__all__ = ["compress"]

_FEWEST = 4


async def compress(call: SlashCall) -> str:
    """`/compress [focus]`: compact now, whatever the size, and say what it gained."""
    session = call.session
    if session.busy:
        return "A turn is running. Use `/compress` when it is done."
    if len(session.messages) < _FEWEST:
        there = count(len(session.messages), "message")
        return f"There is too little to compact: {there}, and it takes at least {_FEWEST}."
    await session.prepare()
    request = ModelRequest(
        provider=session.provider.name,
        model=session.model_name,
        messages=tuple(session.messages),
        system=session.system,
        tools=session.toolbox.definitions(),
        session_id=session.id,
    )
    conversation = Conversation.of(session)
    conversation.follow(request.messages)
    compactor = await Compactor.connect(call.host.context("compress"))
    outcome = await compactor.compact(conversation, request, manual=True, focus=call.arguments.strip())
    if not outcome.changed:
        return f"{outcome.text} It has {short(outcome.before)} tokens."
    return f"{outcome.text} The whole conversation stays in its log."
