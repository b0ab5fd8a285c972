"""What the rooms of the gateway give each other: the seams between admission, turns, delivery and the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_host.events import Event
    from hermes_host.messages import Media
    from hermes_host.protocols import Adapter, Address, Button, Inbox, Receipt
    from hermes_host.specs import AdapterSpec

__all__ = ["Adapters", "Conversations", "Deliveries", "Presenter", "WebServer"]


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


class Deliveries(Protocol):
    """Everything that goes out. Messages are rows before they are sent; each chat's are sent in order."""

    def enqueue(
        self,
        connection: sqlite3.Connection,
        to: Address,
        text: str,
        *,
        key: str,
        media: Sequence[Media] = (),
        buttons: Sequence[Sequence[Button]] = (),
        reply_to: str = "",
        instead_of: Receipt | None = None,
        source: str = "",
        turn: int | None = None,
        silent: bool = False,
    ) -> Sequence[int]:
        """Put a message of any length into the outbox, within the caller's transaction.

        Gives the ids of the messages it becomes. A `key` that is there already takes nothing and gives those of the
        first time. `instead_of` is edited into the first of them.
        """
        ...

    def wake(self) -> None:
        """Say that something was put into the outbox; called after the transaction."""
        ...

    async def say(self, to: Address, text: str, *, key: str = "", **options: Any) -> Sequence[int]:
        """`enqueue` in a transaction of its own, and `wake`."""
        ...

    def presenter(self, to: Address, *, reply_to: str = "", turn: int) -> Presenter:
        """Shows a turn."""
        ...

    async def run(self, started: Callable[[], None]) -> None:
        """Send what is due until cancelled; what was being sent when the last process died is settled first."""
        ...


class Conversations(Protocol):
    """Everything that comes in, and the turns it starts."""

    def inbox(self, platform: str) -> Inbox:
        """Where the adapter of that name delivers."""
        ...

    async def run(self, started: Callable[[], None]) -> None:
        """Recover what was interrupted, then work until cancelled; running turns get `gateway.drain_seconds` to end."""
        ...

    def live(self) -> dict[str, int]:
        """Numbers for metrics and status: `turns_running`, `updates_waiting`, `conversations_open`."""
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
