"""A chat platform for tests, over a real socket, and the adapter for it.

`Platform` is the far side: tests deliver messages with it, see what was sent, and have calls fail. `PlatformAdapter`
speaks with it (JSON lines over TCP on loopback), also from another process, so that a gateway can be killed and started
again while the platform stays. `hermes_host.testing.platform_plugin` is the plugin that brings the adapter.

An update that was not acknowledged is delivered again to the next connection, as real platforms do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    DeliveryRefused,
    DeliveryUncertain,
    RateLimited,
)
from hermes_host.protocols import (
    AdapterLimits,
    Address,
    Attachment,
    CommandEntry,
    Inbound,
    Inbox,
    Outbound,
    Receipt,
    Sender,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FEATURES", "Fault", "Platform", "PlatformAdapter", "SentMessage"]

FEATURES = frozenset(
    {"edit", "delete", "typing", "threads", "buttons", "media_in", "media_out", "voice", "commands", "deduplicate"}
)

Fault = Literal["rate_limited", "refused", "lost", "uncertain", "hang", "unauthorised"]
"""What happens to a call: a 429 with `retry_after` 0.05, a permanent no, the connection closed before or after the call
was done, no answer at all, a wrong token."""

_LINE_LIMIT = 64_000_000


class SentMessage(msgspec.Struct):
    """A message as people see it on the platform."""

    id: str
    address: Address
    message: Outbound
    edits: list[Outbound] = []
    deleted: bool = False

    @property
    def text(self) -> str:
        """What it says now."""
        return (self.edits[-1] if self.edits else self.message).text


class Platform:
    """The far side. Use it as `async with Platform() as platform`."""

    def __init__(self, *, deduplicates: bool = True) -> None:
        """`deduplicates`: a message with a `key` that was seen arrives once."""
        self.messages: list[SentMessage] = []
        self.calls: list[str] = []
        """Every call that came, such as `send`, in order, refused ones too."""
        self.acknowledged: list[str] = []
        self.files: dict[str, bytes] = {}
        self.commands: list[CommandEntry] = []
        self.typing: list[Address] = []
        self.faults: deque[Fault] = deque()
        """What happens to the next sends, edits and deletes."""
        self.port = 0
        self._deduplicates = deduplicates
        self._waiting: dict[str, Inbound] = {}
        self._keys: dict[str, str] = {}
        self._count = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_LINE_LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.disconnect()
        await self._server.wait_closed()

    # ------------------------------------------------------------------------------------------- for the test

    def update(self, text: str = "", *, chat: str = "c1", user: str = "u1", **fields: Any) -> Inbound:
        """An update with an id of its own; `fields` are those of `Inbound`."""
        self._count += 1
        number = str(self._count)
        values: dict[str, Any] = {
            "update": number,
            "message": f"in{number}",
            "address": Address(platform="testing", chat=chat, thread=fields.pop("thread", "")),
            "sender": Sender(id=user, name=fields.pop("name", user)),
            "text": text,
        }
        return Inbound(**{**values, **fields})

    async def say(self, text: str = "", **fields: Any) -> Inbound:
        """Deliver a message; gives the update."""
        update = self.update(text, **fields)
        await self.deliver(update)
        return update

    async def deliver(self, *updates: Inbound) -> None:
        """Deliver updates, in this order, as often as they are given."""
        for update in updates:
            self._waiting[update.update] = update
            for writer in list(self._writers):
                await _write(writer, {"update": msgspec.to_builtins(update)})

    def attach(self, data: bytes, **fields: Any) -> Attachment:
        """An attachment with these bytes behind it."""
        reference = f"file{len(self.files) + 1}"
        self.files[reference] = data
        return Attachment(**{"kind": "file", "reference": reference, "size": len(data), **fields})

    def disconnect(self) -> None:
        """Close every connection."""
        for writer in list(self._writers):
            writer.close()

    async def until(self, condition: Callable[[], Any], *, timeout: float = 10.0) -> Any:
        """Wait until `condition()` holds; gives its value. Asked whenever something happened here."""
        async with asyncio.timeout(timeout), self._changed:
            while not (value := condition()):
                await self._changed.wait()
            return value

    async def until_said(self, words: str, *, timeout: float = 10.0) -> SentMessage:
        """The first message that holds `words`, as it is now."""

        def found() -> SentMessage | None:
            return next((item for item in self.messages if words in item.text), None)

        try:
            message: SentMessage = await self.until(found, timeout=timeout)
        except TimeoutError:
            raise AssertionError(f"nothing says {words!r}; there is {[item.text for item in self.messages]}") from None
        return message

    def texts(self, chat: str = "") -> list[str]:
        """What the messages say now, of one chat or of all, without deleted ones."""
        return [item.text for item in self.messages if not item.deleted and chat in ("", item.address.chat)]

    # --------------------------------------------------------------------------------------------- connections

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async for line in reader:
                request = json.loads(line)
                if "listen" in request:
                    self._writers.add(writer)
                    for update in list(self._waiting.values()):
                        await _write(writer, {"update": msgspec.to_builtins(update)})
                elif "ack" in request:
                    self._waiting.pop(request["ack"], None)
                    self.acknowledged.append(request["ack"])
                else:
                    await self._answer(writer, request)
                async with self._changed:
                    self._changed.notify_all()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, request: dict[str, Any]) -> None:
        call = str(request["call"])
        self.calls.append(call)
        fault = self.faults.popleft() if self.faults and call in ("send", "edit", "delete") else None
        if fault in ("rate_limited", "refused", "unauthorised"):
            await _write(writer, {"id": request["id"], "error": fault})
        elif fault == "lost":
            writer.close()
        elif fault == "hang":
            return
        else:
            reply = getattr(self, f"_do_{call}")(request)
            if fault == "uncertain":
                writer.close()
            else:
                await _write(writer, {"id": request["id"], **reply})

    def _do_send(self, request: dict[str, Any]) -> dict[str, Any]:
        message = msgspec.convert(request["message"], Outbound)
        known = self._keys.get(message.key) if self._deduplicates and message.key else None
        if known is None:
            known = f"m{len(self.messages) + 1}"
            self.messages.append(SentMessage(known, msgspec.convert(request["address"], Address), message))
            self._keys[message.key] = known
        return {"message": known}

    def _do_edit(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request["message_id"])
        if found is None:
            return {"error": "refused"}
        found.edits.append(msgspec.convert(request["message"], Outbound))
        return {}

    def _do_delete(self, request: dict[str, Any]) -> dict[str, Any]:
        found = self._find(request["message_id"])
        if found is not None:
            found.deleted = True
        return {}

    def _do_typing(self, request: dict[str, Any]) -> dict[str, Any]:
        self.typing.append(msgspec.convert(request["address"], Address))
        return {}

    def _do_fetch(self, request: dict[str, Any]) -> dict[str, Any]:
        data = self.files.get(request["reference"])
        return {"error": "gone"} if data is None else {"data": data.hex()}

    def _do_commands(self, request: dict[str, Any]) -> dict[str, Any]:
        self.commands = msgspec.convert(request["commands"], list[CommandEntry])
        return {}

    def _find(self, message_id: str) -> SentMessage | None:
        return next((item for item in self.messages if item.id == message_id and not item.deleted), None)


async def _write(writer: asyncio.StreamWriter, value: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):
        writer.write(msgspec.json.encode(value) + b"\n")
        await writer.drain()


class PlatformAdapter:
    """The adapter for `Platform`. One connection for `run`, another for everything else."""

    def __init__(self, port: int, *, limits: AdapterLimits | None = None) -> None:
        self.limits = limits or AdapterLimits(text=1000, edit_interval=0.05)
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pump: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._number = 0

    async def run(self, inbox: Inbox) -> None:
        """Deliver until cancelled."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=_LINE_LIMIT)
            except OSError as error:
                raise ConnectionLost(f"The platform does not answer: {error}") from error
            try:
                await _write(writer, {"listen": True})
                inbox.connected(f"testing-{self._port}", name="Testing")
                async for line in reader:
                    update = msgspec.convert(json.loads(line)["update"], Inbound)
                    await inbox.put(update)
                    await _write(writer, {"ack": update.update})
            except ConnectionError:
                pass
            finally:
                writer.close()
            inbox.trouble("The connection was closed.")

    def measure(self, text: str) -> int:
        """Characters."""
        return len(text)

    async def send(self, to: Address, message: Outbound) -> Receipt:
        """Send one message."""
        answer = await self._call("send", address=to, message=message)
        return Receipt(address=to, messages=(answer["message"],))

    async def edit(self, receipt: Receipt, message: Outbound) -> None:
        """Change a message."""
        await self._call("edit", message_id=receipt.messages[0], message=message)

    async def delete(self, receipt: Receipt) -> None:
        """Take a message back."""
        await self._call("delete", message_id=receipt.messages[0])

    async def typing(self, to: Address) -> None:
        """Show that an answer is coming."""
        with contextlib.suppress(ConnectionLost, DeliveryUncertain):
            await self._call("typing", address=to)

    async def fetch(self, attachment: Attachment, *, limit: int) -> bytes:
        """The bytes of an attachment."""
        if attachment.size > limit:
            raise BadRequest(f"The file has {attachment.size} bytes, more than {limit}.")
        data = bytes.fromhex((await self._call("fetch", reference=attachment.reference))["data"])
        if len(data) > limit:
            raise BadRequest(f"The file has {len(data)} bytes, more than {limit}.")
        return data

    async def show_commands(self, commands: Sequence[CommandEntry]) -> None:
        """Show a menu of commands."""
        await self._call("commands", commands=list(commands))

    async def aclose(self) -> None:
        """Close the connection."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait({self._pump})
        if self._writer is not None:
            self._writer.close()

    async def _call(self, call: str, **values: Any) -> dict[str, Any]:
        writer = await self._connection()
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await _write(writer, {"id": number, "call": call, **msgspec.to_builtins(values)})
            reply = await answer
        finally:
            self._answers.pop(number, None)
        return _checked(reply)

    async def _connection(self) -> asyncio.StreamWriter:
        async with self._opening:
            if self._pump is None or self._pump.done():
                try:
                    reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=_LINE_LIMIT)
                except OSError as error:
                    raise ConnectionLost(f"The platform does not answer: {error}") from error
                self._pump = asyncio.create_task(self._take_answers(reader, self._writer))
            assert self._writer is not None
            return self._writer

    async def _take_answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async for line in reader:
                reply = json.loads(line)
                waiting = self._answers.get(reply["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(reply)
        except ConnectionError:
            pass
        finally:
            writer.close()
            for waiting in self._answers.values():
                if not waiting.done():
                    # As with real platforms: the request was sent, so nobody can tell whether it was carried out.
                    waiting.set_exception(DeliveryUncertain("The connection was closed before the answer."))


def _checked(reply: dict[str, Any]) -> dict[str, Any]:
    error = reply.get("error")
    if error == "rate_limited":
        raise RateLimited("Too many messages.", retry_after=0.05)
    if error == "refused":
        raise DeliveryRefused("The platform refused the message.")
    if error == "unauthorised":
        raise AuthFailed("The token is wrong.")
    if error == "gone":
        raise BadRequest("The file is gone.")
    return reply
