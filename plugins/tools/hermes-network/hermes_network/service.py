"""The service `Network`: one guard and one log for everything this process fetches."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from hermes_network.client import Client
from hermes_network.guard import Guard
from hermes_network.journal import Journal
from hermes_network.resolver import lookup_of
from hermes_network.settings import SecuritySettings, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from hermes_host.context import PluginContext
    from hermes_network.client import Fetched, Response
    from hermes_network.report import Report

__all__ = ["GuardedNetwork", "connect", "guard_of", "journal_of"]


class GuardedNetwork:
    """See `hermes_network.guard.Network`. Raises `ConfigError` when a list in the settings cannot be understood."""

    def __init__(self, context: PluginContext) -> None:
        self.guard = guard_of(context)
        self.journal = journal_of(context)
        self._clients: list[Client] = []

    @cached_property
    def _own(self) -> Client:
        return self.client("unnamed")

    def client(
        self, purpose: str, *, allow_private: Sequence[str] = (), https_only: bool = False, timeout: float | None = None
    ) -> Client:
        """See `Network.client`."""
        narrowed = bool(allow_private) or https_only
        guard = self.guard.with_exceptions(allow_private, https_only=https_only) if narrowed else self.guard
        made = Client(guard, purpose=purpose, journal=self.journal, timeout=timeout)
        self._clients.append(made)
        return made

    def open(
        self,
        url: str,
        *,
        purpose: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Sequence[str] = (),
        limit_bytes: int | None = None,
        timeout: float | None = None,
        retry: bool = True,
    ) -> AbstractAsyncContextManager[Response]:
        """See `Client.open`."""
        return self._own.open(
            url,
            purpose=purpose,
            method=method,
            headers=headers,
            body=body,
            accept=accept,
            limit_bytes=limit_bytes,
            timeout=timeout,
            retry=retry,
        )

    async def fetch(
        self,
        url: str,
        *,
        purpose: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Sequence[str] = (),
        limit_bytes: int | None = None,
        timeout: float | None = None,
        overflow: Literal["refuse", "cut"] = "refuse",
        retry: bool = True,
    ) -> Fetched:
        """See `Client.fetch`."""
        return await self._own.fetch(
            url,
            purpose=purpose,
            method=method,
            headers=headers,
            body=body,
            accept=accept,
            limit_bytes=limit_bytes,
            timeout=timeout,
            overflow=overflow,
            retry=retry,
        )

    async def explain(self, url: str, *, resolve: bool = True) -> Report:
        """See `Network.explain`."""
        from hermes_network.report import explain

        return await explain(self.guard, lookup_of(self.guard.settings.nameservers), url, look_up=resolve)

    async def aclose(self) -> None:
        """Close every client that was given out."""
        for client in self._clients:
            await client.aclose()


def connect(context: PluginContext, _spec: Any) -> GuardedNetwork:
    """The target of the service."""
    return GuardedNetwork(context)


def guard_of(context: PluginContext) -> Guard:
    """The guard of the settings in force."""
    return Guard(
        context.section(Settings, "network", strict=True),
        context.section(SecuritySettings, "security", strict=True),
        home=context.home,
    )


def journal_of(context: PluginContext) -> Journal:
    """The log of the settings in force."""
    settings = context.section(Settings, "network", strict=True)
    return Journal(context.home / "logs" / "network.jsonl", size=settings.log_bytes, enabled=settings.log)
