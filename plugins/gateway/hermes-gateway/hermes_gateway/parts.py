"""What the rooms of the gateway are given without knowing who gives it, and the server that other plugins ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.events import Event
    from hermes_host.protocols import Adapter, Receipt
    from hermes_host.specs import AdapterSpec

__all__ = ["Adapters", "Presenter", "WebServer"]


class Adapters(Protocol):
    """The adapters of this process. Kept by the service, used by all."""

    def get(self, platform: str) -> Adapter | None:
        """The live adapter, also while it is not connected; None where it is not installed or not configured."""
        ...

    def spec(self, platform: str) -> AdapterSpec | None:
        """The spec of an installed adapter."""
        ...

    def platforms(self) -> Sequence[str]:
        """The names of the configured ones."""
        ...


class Presenter(Protocol):
    """Shows one turn in one chat while it runs: typing, text as it comes, tools at work."""

    async def show(self, event: Event) -> None:
        """Take an event of the turn. Returns at once; never raises for a failure of the platform."""
        ...

    async def end(self) -> Receipt | None:
        """Stop showing. Gives the message that the final text is to take the place of, or None for a message of its
        own. After this nothing more is sent by the presenter."""
        ...


class WebServer(Protocol):
    """The gateway's HTTP server, shared by all who serve something. Found as a service."""

    def mount(self, prefix: str, application: Any) -> None:
        """Serve an `aiohttp.web.Application` below `prefix`, such as `/v1`. Raises `PluginError` for a prefix that is
        taken. Before the server runs, or while it runs."""
        ...

    def unmount(self, prefix: str) -> None:
        """Serve it no more."""
        ...

    @property
    def address(self) -> str:
        """Where it listens, such as `http://127.0.0.1:8642`; empty before it does."""
        ...
