"""Middleware: code around model calls and around tool calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from hermes_host.messages import ToolCall
from hermes_host.protocols import ModelMiddleware, ModelRequest, ToolMiddleware, ToolOutput
from hermes_host.stream import ProviderEvent, ProviderNotice

if TYPE_CHECKING:
    from hermes_host.context import PluginContext, ToolContext
    from hermes_host.specs import MiddlewareSpec


def announce(context: PluginContext, spec: MiddlewareSpec) -> ModelMiddleware:
    """Say that the parrot is asked; everything else passes unchanged."""

    async def wrapped(
        request: ModelRequest, call_next: Callable[[ModelRequest], AsyncIterator[ProviderEvent]]
    ) -> AsyncIterator[ProviderEvent]:
        if request.model == "grey":
            yield ProviderNotice("The parrot listens.", "parrot")
        async for event in call_next(request):
            yield event

    return wrapped


def bow(context: PluginContext, spec: MiddlewareSpec) -> ToolMiddleware:
    """Add a bow to every greeting."""

    async def wrapped(
        call: ToolCall, context: ToolContext, call_next: Callable[[ToolCall], Awaitable[ToolOutput]]
    ) -> ToolOutput:
        output = await call_next(call)
        if call.name == "greet" and isinstance(output.content, str) and not output.is_error:
            return msgspec.structs.replace(output, content=f"{output.content} (bows)")
        return output

    return wrapped
