"""Frozen: never edit."""

from __future__ import annotations

import msgspec

from hermes_host.protocols import ToolOutput
from hermes_host.stream import ProviderNotice


def model(context, spec):
    async def wrapped(request, call_next):
        yield ProviderNotice("Frozen middleware was here.", "frozen")
        async for event in call_next(msgspec.structs.replace(request, system=request.system + "\nFROZEN MIDDLEWARE")):
            yield event

    return wrapped


def tool(context, spec):
    async def wrapped(call, context, call_next):
        output = await call_next(call)
        assert isinstance(output, ToolOutput)
        return msgspec.structs.replace(output, content=f"<{output.content}>")

    return wrapped
