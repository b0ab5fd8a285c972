"""What the conformance kit for adapters acts with on the far side, and where the adapter delivers to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from hermes_host.errors import SessionError
from hermes_host.protocols import Address, Inbound, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PlatformDriver", "ScriptedInbox"]

_WAIT = 15.0


class PlatformDriver:
    """What the kit does on the far side. Override what the adapter's features need; a test whose driver says
    `Unsupported` by raising `NotImplementedError` is skipped with that reason."""

    address = Address(platform="testing", chat="c1")
    """Where messages are sent, and where `say` writes."""

    async def say(self, text: str, *, thread: str = "") -> None:
        """A person writes `text` in the chat of `address`."""
        raise NotImplementedError("the driver cannot write")

    async def say_again(self) -> None:
        """Deliver the last update once more, as the platform would after an acknowledgement was lost."""
        raise NotImplementedError("the driver cannot deliver twice")

    async def attach(self, data: bytes, name: str) -> None:
        """A person sends a file."""
        raise NotImplementedError("the driver cannot attach")

    async def press(self, message: str, value: str) -> None:
        """A person presses the button `value` under a message."""
        raise NotImplementedError("the driver has no buttons")

    def texts(self) -> Sequence[str]:
        """The visible text of every message the adapter sent that is not deleted, oldest first, as it is now; without
        marks of formatting where the platform renders them."""
        raise NotImplementedError("the driver cannot see")

    def media(self) -> Sequence[bytes]:
        """The bytes of every file the adapter sent."""
        raise NotImplementedError("the driver cannot see files")

    def fail(self, how: Literal["rate_limited", "refused", "lost", "uncertain"]) -> None:
        """Have the next call to send fail: told to wait, refused for good, the connection closed before anything was
        sent, or after the request was sent but before the answer."""
        raise NotImplementedError(f"the driver cannot fail with {how}")

    async def disturb(self) -> None:
        """Break the connection over which updates come, and let it be opened again."""
        raise NotImplementedError("the driver cannot break the connection")


class ScriptedInbox:
    """An inbox that keeps what comes; `refuse` makes the next `put` fail, as on a full disk."""

    def __init__(self) -> None:
        self.updates: list[Inbound] = []
        self.troubles: list[str] = []
        self.accounts: list[tuple[str, str]] = []
        self.known_places: list[Place] = []
        self.refuse = 0
        self._kept: dict[str, str] = {}
        self._changed = asyncio.Condition()
        self._connected = asyncio.Event()

    async def put(self, *updates: Inbound) -> None:
        """Keep them."""
        if self.refuse:
            self.refuse -= 1
            raise SessionError("The disk is full.")
        async with self._changed:
            self.updates += updates
            self._changed.notify_all()

    def connected(self, account: str = "", *, name: str = "") -> None:
        """Keep it."""
        self.accounts.append((account, name))
        self._connected.set()

    async def until_connected(self) -> None:
        """Wait until the adapter says that it is."""
        async with asyncio.timeout(_WAIT):
            await self._connected.wait()

    def trouble(self, text: str) -> None:
        """Keep it."""
        self.troubles.append(text)

    def places(self, places: Sequence[Place]) -> None:
        """Keep them."""
        self.known_places += places

    def remember(self, name: str, value: str) -> None:
        """Keep it."""
        self._kept[name] = value

    def recall(self, name: str) -> str:
        """What was kept."""
        return self._kept.get(name, "")

    async def until(self, condition: Callable[[Inbound], Any], *, times: int = 1) -> Inbound:
        """The update for which `condition` holds, as soon as there are `times` of them."""
        async with asyncio.timeout(_WAIT), self._changed:
            while len(found := [update for update in self.updates if condition(update)]) < times:
                await self._changed.wait()
            return found[-1]
