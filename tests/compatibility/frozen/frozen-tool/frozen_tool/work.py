"""Frozen: never edit."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hermes_host.errors import ToolError
from hermes_host.protocols import Assessment, ToolOutput


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    text: Annotated[str, msgspec.Meta(description="The text.", min_length=1)]
    twice: bool = False


def available(context):
    return ""


def unavailable(context):
    return "It is never there."


async def count(arguments, call):
    call.progress("counting")
    if arguments.text == "nothing":
        raise ToolError("There is nothing.", remedy="Give something.")
    assert call.remaining is None or call.remaining <= 5.0
    assert call.tool == "frozen_struct"
    assert call.session.id
    return ToolOutput(content=f"{len(arguments.text)} characters", title="counted", provenance="owner")


async def assess(arguments, call):
    verdict = "deny" if arguments["text"] == "secret" else "allow"
    return Assessment(verdict=verdict, reason="It is a secret.", shown=arguments["text"], rememberable=False)


async def repeat(arguments, call):
    return {"text": arguments["text"], "directory": bool(call.session.directory)}
