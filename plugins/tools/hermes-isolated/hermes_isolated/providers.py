"""Providers of isolated plugins: requests and the events of answers cross the border, nothing else."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.errors import ConnectionLost
from hermes_host.protocols import ModelInfo
from hermes_isolated.guest import Ended
from hermes_isolated.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.protocols import ModelRequest
    from hermes_host.specs import ProviderSpec
    from hermes_host.stream import ProviderEvent
    from hermes_isolated.guest import Guest

__all__ = ["IsolatedProvider", "connect"]


async def connect(context: PluginContext, spec: ProviderSpec) -> IsolatedProvider:
    """The provider. Its process is started with the first request."""
    return IsolatedProvider(context, spec, await context.services.get(Runtime))


class IsolatedProvider:
    """Implements `Provider`."""

    def __init__(self, context: PluginContext, spec: ProviderSpec, runtime: Runtime) -> None:
        self._context = context
        self._spec = spec
        self._runtime = runtime
        self._opening = asyncio.Lock()
        self._guest: Guest | None = None
        self._handle = 0

    async def stream(self, request: ModelRequest) -> AsyncIterator[ProviderEvent]:
        """See `Provider.stream`."""
        partial = False
        try:
            guest, handle = await self._open()
            params = {"handle": handle, "request": msgspec.Raw(msgspec.json.encode(request))}
            async with aclosing(guest.events(params)) as events:  # type: ignore[type-var]
                async for event in events:
                    partial = True
                    yield event
        except Ended as error:
            raise ConnectionLost(error.message, remedy=error.remedy, partial=partial) from error

    async def models(self) -> Sequence[ModelInfo]:
        """See `Provider.models`."""
        guest, handle = await self._open()
        seconds = self._runtime.settings.call_seconds
        found: list[ModelInfo] = await guest.request(
            "hermes/providers/models", {"handle": handle}, list[ModelInfo], seconds=seconds
        )
        return found

    async def aclose(self) -> None:
        """See `Provider.aclose`."""
        guest, self._guest = self._guest, None
        if guest is not None and guest.is_open:
            try:
                await guest.request("hermes/providers/close", {"handle": self._handle}, Any, seconds=2.0)
            except Exception:  # noqa: BLE001 - it is closed either way: its process ends with the host
                pass

    async def _open(self) -> tuple[Guest, int]:
        async with self._opening:
            resident = self._runtime.resident(self._spec.options["plugin"])
            guest = await resident.ready()
            if guest is not self._guest:
                params = {"provider": self._spec.name, "secrets": resident.secrets(self._context)}
                seconds = self._runtime.settings.start_seconds
                self._handle = await guest.request("hermes/providers/open", params, int, seconds=seconds)
                self._guest = guest
            return guest, self._handle
