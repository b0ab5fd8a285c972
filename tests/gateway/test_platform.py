"""The testing platform's own adapter keeps to the contract it is there to test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from hermes_host.errors import BadRequest
from hermes_host.protocols import Address, Inbound, Sender
from hermes_host.testing import AdapterContract, Platform, PlatformAdapter, PlatformDriver


class Driver(PlatformDriver):
    """The far side."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._last: Inbound | None = None

    async def say(self, text: str, *, thread: str = "") -> None:
        self._last = await self.platform.say(text, thread=thread)

    async def say_again(self) -> None:
        assert self._last is not None
        await self.platform.deliver(self._last)

    async def attach(self, data: bytes, name: str) -> None:
        await self.platform.say(attachments=(self.platform.attach(data, name=name),))

    async def press(self, message: str, value: str) -> None:
        await self.platform.say(action=value, message=message)

    def texts(self) -> Sequence[str]:
        return self.platform.texts()

    def media(self) -> Sequence[bytes]:
        return [media.data for item in self.platform.messages for media in item.message.media]

    def fail(self, how: Any) -> None:
        self.platform.faults.append(how)

    async def disturb(self) -> None:
        self.platform.disconnect()


class TestPlatformAdapter(AdapterContract):
    features = frozenset(
        {"edit", "delete", "typing", "threads", "buttons", "media_in", "media_out", "voice", "commands", "deduplicate"}
    )

    @pytest.fixture
    async def driver(self) -> AsyncIterator[Driver]:
        async with Platform() as platform:
            yield Driver(platform)

    @pytest.fixture
    def adapter(self, driver: Driver) -> PlatformAdapter:
        return PlatformAdapter(driver.platform.port)


@pytest.mark.parametrize(
    "address",
    [
        Address(platform="telegram", chat="-100123", thread="45"),
        Address(platform="matrix", chat="!room:home.test"),
        Address(platform="email", chat="a+b@example.test", account="me@x.test"),
        Address(platform="irc", chat="#chan/nel %2F ü", thread="a/b:c"),
    ],
)
def test_an_address_is_read_back_as_it_was_written(address: Address):
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize("text", ["", "telegram", "telegram:", ":123"])
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(BadRequest):
        Address.parse(text)


def test_a_sender_is_verified_unless_said_otherwise():
    assert Sender(id="1").verified
