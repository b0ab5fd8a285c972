"""The adapter: updates of the platform go to the inbox, messages of the agent to the platform. It decides nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ConnectionLost, DeliveryRefused, RateLimited, Unsupported
from hermes_host.protocols import AdapterLimits, Address, Inbound, Receipt, Sender

from hermes_example_adapter.settings import Settings
from hermes_example_adapter.wire import LONGEST_LINE, Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext
    from hermes_host.protocols import Attachment, CommandEntry, Inbox, Outbound
    from hermes_host.specs import AdapterSpec

TOKEN = "EXAMPLE_ADAPTER_TOKEN"
PATIENCE = 10.0
"""Seconds a message waits for a connection that is opened again."""


def configured(context: PluginContext) -> str:
    """Why it cannot run yet; empty when it can."""
    return "" if context.secret(TOKEN) else f"{TOKEN} is not set."


def connect(context: PluginContext, spec: AdapterSpec) -> ChatAdapter:
    """The target of the spec: connects to nothing yet."""
    return ChatAdapter(context.section(Settings), context.secret(TOKEN), spec.name)


class ChatAdapter:
    """One account on the platform."""

    def __init__(self, settings: Settings, token: str, platform: str) -> None:
        self._settings = settings
        self._token = token
        self._platform = platform
        self._wire: Wire | None = None
        self._connected = asyncio.Event()

    @property
    def limits(self) -> AdapterLimits:
        """What the platform allows."""
        return AdapterLimits(text=2000)

    async def run(self, inbox: Inbox) -> None:
        """Deliver until cancelled. A connection that ends is opened again; one that cannot be opened is an error."""
        while True:
            try:
                reader, writer = await asyncio.open_connection(
                    self._settings.host, self._settings.port, limit=LONGEST_LINE
                )
            except OSError as error:
                raise ConnectionLost(f"The platform cannot be reached: {error}.") from error
            wire = Wire(reader, writer)
            try:
                await wire.write(token=self._token)
                self._wire = wire
                self._connected.set()
                inbox.connected("agent", name="The agent")
                async for said in wire.updates():
                    # On disk first, then acknowledged: nothing is lost, and nothing is answered twice.
                    await inbox.put(self._inbound(said))
                    await wire.write(ack=said["update"])
            except OSError as error:
                inbox.trouble(f"The connection broke: {error}.")
            finally:
                self._connected.clear()
                self._wire = None
                wire.close()

    def _inbound(self, said: dict[str, Any]) -> Inbound:
        return Inbound(
            update=str(said["update"]),
            address=Address(platform=self._platform, chat=str(said["chat"])),
            sender=Sender(id=str(said["user"]), name=str(said.get("name", ""))),
            text=str(said["text"]),
            message=str(said.get("message", "")),
        )

    def measure(self, text: str) -> int:
        """The platform shows Markdown as it is, and counts characters."""
        return len(text)

    async def send(self, to: Address, message: Outbound) -> Receipt:
        """Send one message."""
        answer = await self._ask(send=message.text, chat=to.chat)
        return Receipt(address=to, messages=(str(answer["message"]),))

    async def edit(self, receipt: Receipt, message: Outbound) -> None:
        """Change a message that was sent."""
        await self._ask(edit=receipt.messages[0], text=message.text)

    async def _ask(self, **said: Any) -> dict[str, Any]:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._connected.wait()
        except TimeoutError:
            raise ConnectionLost("The platform is not connected.") from None
        assert self._wire is not None
        answer = await self._wire.request(**said)
        if answer.get("error") == "wait":
            raise RateLimited("The platform asks to wait.", retry_after=float(answer.get("seconds", 1)))
        if "error" in answer:
            raise DeliveryRefused(f"The platform says: {answer['error']}.")
        return answer

    async def delete(self, receipt: Receipt) -> None:
        """Without the feature `delete`."""
        raise Unsupported("Messages cannot be taken back here.")

    async def typing(self, to: Address) -> None:
        """Without the feature `typing` nothing is shown."""

    async def fetch(self, attachment: Attachment, *, limit: int) -> bytes:
        """Without the feature `media_in`."""
        raise Unsupported("Files cannot be fetched here.")

    async def show_commands(self, commands: Sequence[CommandEntry]) -> None:
        """Without the feature `commands`."""
        raise Unsupported("There is no menu of commands here.")

    async def aclose(self) -> None:
        """Free what it holds. May be called twice."""
        if self._wire is not None:
            self._wire.close()
