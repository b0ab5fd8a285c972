"""The adapter keeps to the contract, with the Bot API server of conftest.py on the far side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hermes_host.protocols import Address
from hermes_host.testing import AdapterContract, PlatformDriver, PluginContract


class TestPlugin(PluginContract):
    plugin = "telegram"


class Driver(PlatformDriver):
    """A person, and what she sees."""

    address = Address(platform="telegram", chat="4242")

    def __init__(self, api: Any, refusal: Any) -> None:
        self.api = api
        self.refusal = refusal
        self._last: dict[str, Any] = {}

    async def say(self, text: str, *, thread: str = "") -> None:
        topic = {"message_thread_id": int(thread), "is_topic_message": True} if thread else {}
        self._last = await self.api.say(text, **topic)

    async def say_again(self) -> None:
        await self.api.repeat(self._last)

    async def attach(self, data: bytes, name: str) -> None:
        await self.api.say(document=self.api.upload(data, file_name=name, mime_type="text/plain"))

    async def press(self, message: str, value: str) -> None:
        sent = self.api.messages[int(message)]
        shown = [button["callback_data"] for row in sent["reply_markup"]["inline_keyboard"] for button in row]
        assert value in shown
        await self.api.happen(
            callback_query={
                "id": "77001",
                "from": {"id": 4242, "is_bot": False, "first_name": "Ann"},
                "chat_instance": "1",
                "message": {**self.api.message(text=sent["text"]), "message_id": int(message)},
                "data": value,
            }
        )

    def texts(self) -> Sequence[str]:
        return self.api.texts()

    def media(self) -> Sequence[bytes]:
        return [message["data"] for message in self.api.messages.values() if "data" in message]

    def fail(self, how: Any) -> None:
        faults = {
            "rate_limited": self.refusal(429, "Too Many Requests: retry after 7", retry_after=7),
            "refused": self.refusal(403, "Forbidden: bot was blocked by the user"),
        }
        self.api.faults.append(faults.get(how, how))

    async def disturb(self) -> None:
        await self.api.disturb()


class TestTelegram(AdapterContract):
    features = frozenset(
        {"edit", "delete", "typing", "threads", "buttons", "media_in", "media_out", "voice", "commands"}
    )

    @pytest.fixture
    def driver(self, api: Any, refusal: Any) -> Driver:
        return Driver(api, refusal)

    @pytest.fixture
    async def adapter(self, driver: Driver, adapter_of: Any) -> Any:
        return await adapter_of()
