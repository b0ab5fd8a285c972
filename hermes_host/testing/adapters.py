# ruff: noqa: D102  (the names of the tests are their documentation)
"""The conformance kit for adapters of chat platforms.

Give it the adapter, connected to a platform of your own making (a real server, or a fake one that speaks the platform's
wire format), and a `PlatformDriver` that acts on the far side::

    class TestMyAdapter(AdapterContract):
        features = frozenset({"edit", "typing"})

        @pytest.fixture
        async def driver(self):
            async with FakeAcme() as server:
                yield AcmeDriver(server)

        @pytest.fixture
        def adapter(self, driver, tmp_path):
            return connect(PluginContext("acme", home=tmp_path, ...), spec)
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hermes_host.errors import (
    BadRequest,
    ConnectionLost,
    DeliveryRefused,
    DeliveryUncertain,
    HermesError,
    RateLimited,
)
from hermes_host.messages import Media
from hermes_host.protocols import (
    Adapter,
    AdapterLimits,
    Button,
    CommandEntry,
    Outbound,
    Receipt,
)
from hermes_host.testing.contract import Contract
from hermes_host.testing.platform_driver import PlatformDriver, ScriptedInbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["ADAPTER_FEATURES", "AdapterContract"]

ADAPTER_FEATURES = frozenset(
    {
        "buttons",
        "commands",
        "deduplicate",
        "delete",
        "edit",
        "external",
        "media_in",
        "media_out",
        "threads",
        "typing",
        "voice",
    }
)

_END = 3.0
"""Seconds an adapter gets to end when it is cancelled."""


class AdapterContract(Contract):
    """What every adapter keeps to. Override the fixtures `driver` and `adapter`, and set `features`."""

    @pytest.fixture
    def driver(self) -> PlatformDriver:
        """The far side."""
        raise NotImplementedError("override the fixture `driver`")

    @pytest.fixture
    def adapter(self, driver: PlatformDriver) -> Adapter:
        """The adapter, not running yet."""
        raise NotImplementedError("override the fixture `adapter`")

    @pytest.fixture
    def inbox(self) -> ScriptedInbox:
        """Where it delivers."""
        return ScriptedInbox()

    @pytest.fixture
    async def running(self, adapter: Adapter, inbox: ScriptedInbox) -> AsyncIterator[Adapter]:
        """The adapter, running."""
        async with _running(adapter, inbox):
            yield adapter
        await adapter.aclose()

    def _needs(self, feature: str) -> None:
        if feature not in self.features:
            pytest.skip(f"it does not declare {feature!r}")

    # ------------------------------------------------------------------------------------------------ as such

    def test_it_has_the_methods_of_the_protocol(self, adapter: Adapter) -> None:
        assert isinstance(adapter, Adapter)
        assert self.features <= ADAPTER_FEATURES, f"unknown features: {self.features - ADAPTER_FEATURES}"

    def test_its_limits_make_sense(self, adapter: Adapter) -> None:
        limits = adapter.limits
        assert isinstance(limits, AdapterLimits)
        assert limits.text >= 100
        assert limits.media_per_message >= 1
        assert limits.edit_interval >= 0

    def test_a_longer_text_never_measures_less(self, adapter: Adapter) -> None:
        words = "word **bold** `code` 👩‍👩‍👧 é ½ & < > _ * [x](https://e.test) "
        sizes = [adapter.measure(words * count) for count in (1, 2, 4, 8)]
        assert sizes == sorted(sizes)
        assert sizes[0] > 0

    async def test_closing_twice_does_no_harm(self, adapter: Adapter) -> None:
        await adapter.aclose()
        await adapter.aclose()

    # --------------------------------------------------------------------------------------------- from people

    async def test_what_a_person_writes_arrives_as_it_is(
        self, running: Adapter, driver: PlatformDriver, inbox: ScriptedInbox
    ) -> None:
        text = "Grüße 👋 — *not bold* <b>&amp;</b> \\ `x` /not/a/command"
        await _far(driver.say(text))
        update = await inbox.until(lambda update: "Grüße" in update.text)
        assert update.text == text
        assert update.update, "an update needs the platform's own id"
        assert update.sender.id, "a sender needs the platform's own id"
        assert update.address == driver.address
        assert inbox.accounts, "a connected adapter says so"

    async def test_an_update_that_comes_twice_has_one_id(
        self, running: Adapter, driver: PlatformDriver, inbox: ScriptedInbox
    ) -> None:
        await _far(driver.say("once"))
        await inbox.until(lambda update: update.text == "once")
        await _far(driver.say("other"))
        await inbox.until(lambda update: update.text == "other")
        await _far(driver.say_again())
        await inbox.until(lambda update: update.text == "other", times=2)
        ids = {text: {item.update for item in inbox.updates if item.text == text} for text in ("once", "other")}
        assert [len(found) for found in ids.values()] == [1, 1]
        assert ids["once"] != ids["other"]

    async def test_what_could_not_be_kept_is_not_acknowledged(
        self, adapter: Adapter, driver: PlatformDriver, inbox: ScriptedInbox
    ) -> None:
        inbox.refuse = 1
        async with _running(adapter, inbox, restart=True):
            await _far(driver.say("keep me"))
            await inbox.until(lambda update: update.text == "keep me")
        await adapter.aclose()

    async def test_a_broken_connection_is_opened_again(
        self, adapter: Adapter, driver: PlatformDriver, inbox: ScriptedInbox
    ) -> None:
        async with _running(adapter, inbox, restart=True):
            await _far(driver.say("before"))
            await inbox.until(lambda update: update.text == "before")
            await _far(driver.disturb())
            await _far(driver.say("after"))
            await inbox.until(lambda update: update.text == "after")
        await adapter.aclose()

    async def test_cancelling_ends_it(self, adapter: Adapter, driver: PlatformDriver, inbox: ScriptedInbox) -> None:
        task = asyncio.create_task(adapter.run(inbox))
        await _far(driver.say("hello"))
        await inbox.until(lambda update: update.text == "hello")
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=_END)
        assert done, f"it still runs {_END:g} s after it was cancelled"
        await adapter.aclose()

    async def test_a_message_in_a_thread_names_the_thread(
        self, running: Adapter, driver: PlatformDriver, inbox: ScriptedInbox
    ) -> None:
        self._needs("threads")
        await _far(driver.say("in a thread", thread="77"))
        update = await inbox.until(lambda update: update.text == "in a thread")
        assert update.address.thread

    async def test_a_file_is_fetched_when_it_is_asked_for(
        self, running: Adapter, driver: PlatformDriver, inbox: ScriptedInbox
    ) -> None:
        self._needs("media_in")
        await _far(driver.attach(b"contents of the file", "../../etc/notes.txt"))
        update = await inbox.until(lambda update: update.attachments)
        attachment = update.attachments[0]
        assert await running.fetch(attachment, limit=1000) == b"contents of the file"
        with pytest.raises(BadRequest):
            await running.fetch(attachment, limit=5)

    # ----------------------------------------------------------------------------------------------- to people

    async def test_a_message_is_sent_and_has_an_id(self, running: Adapter, driver: PlatformDriver) -> None:
        receipt = await running.send(driver.address, Outbound(text="Hello there"))
        assert isinstance(receipt, Receipt)
        assert receipt.address == driver.address
        assert driver.texts() == ["Hello there"]

    @pytest.mark.parametrize(
        ("markdown", "words"),
        [
            ("**bold** and _slanted_ and ~~gone~~", ["bold", "slanted", "gone"]),
            ("# Title\n\n- one\n- two\n\n1. first\n2. second", ["Title", "one", "two", "first", "second"]),
            ("```python\nif a < b and c > d & e:\n    print('*_`')\n```", ["if a < b and c > d & e:", "print('*_"]),
            ("| a | b |\n|---|---|\n| 1.5 | x_y |", ["1.5", "x_y"]),
            ("[a link](https://example.test/a_b?x=1&y=(2)) and <html> & 3 < 4 > 2", ["a link", "3 < 4 > 2"]),
            ("unbalanced * and _ and ` and [ and ~ and \\ and ! and > # + - = | { } . end", ["unbalanced", "end"]),
            ("> quoted\n\nafter", ["quoted", "after"]),
            ("👩‍👩‍👧‍👦 é 漢字 עברית ‮x", ["👩‍👩‍👧‍👦", "漢字"]),
        ],
    )
    async def test_any_markdown_arrives_readable(
        self, running: Adapter, driver: PlatformDriver, markdown: str, words: list[str]
    ) -> None:
        await running.send(driver.address, Outbound(text=markdown))
        assert len(driver.texts()) == 1
        shown = driver.texts()[0]
        for word in words:
            assert word in shown, f"{word!r} is missing in {shown!r}"

    async def test_the_longest_text_is_one_message(self, running: Adapter, driver: PlatformDriver) -> None:
        words = "Wort_1 *a* & <b> 👋. "
        count = 1
        while count < 100_000 and running.measure(words * (count * 2)) <= running.limits.text:
            count *= 2
        text = words * count
        assert running.measure(text) <= running.limits.text
        await running.send(driver.address, Outbound(text=text))
        assert len(driver.texts()) == 1
        assert Counter(re.findall(r"Wort", driver.texts()[0]))["Wort"] == count

    async def test_a_message_is_edited(self, running: Adapter, driver: PlatformDriver) -> None:
        self._needs("edit")
        receipt = await running.send(driver.address, Outbound(text="draft"))
        await running.edit(receipt, Outbound(text="final *text*"))
        await running.edit(receipt, Outbound(text="final *text*"))
        assert len(driver.texts()) == 1
        assert "final" in driver.texts()[0]

    async def test_a_message_is_deleted(self, running: Adapter, driver: PlatformDriver) -> None:
        self._needs("delete")
        receipt = await running.send(driver.address, Outbound(text="draft"))
        await running.delete(receipt)
        assert list(driver.texts()) == []

    async def test_a_file_is_sent(self, running: Adapter, driver: PlatformDriver) -> None:
        self._needs("media_out")
        file = Media(kind="file", mime="text/plain", data=b"the file", name="notes.txt")
        await running.send(driver.address, Outbound(text="See the file.", media=(file,)))
        assert b"the file" in list(driver.media())

    async def test_typing_never_fails(self, running: Adapter, driver: PlatformDriver) -> None:
        self._needs("typing")
        await running.typing(driver.address)

    async def test_commands_can_be_shown(self, running: Adapter) -> None:
        self._needs("commands")
        await running.show_commands([CommandEntry(name="new", summary="A new conversation.")])

    async def test_a_pressed_button_comes_back_as_its_value(
        self, running: Adapter, driver: PlatformDriver, inbox: ScriptedInbox
    ) -> None:
        self._needs("buttons")
        buttons = ((Button(label="Yes", value="approve:ab12:once"), Button(label="No", value="approve:ab12:deny")),)
        receipt = await running.send(driver.address, Outbound(text="May I?", buttons=buttons))
        await _far(driver.press(receipt.messages[0], "approve:ab12:once"))
        update = await inbox.until(lambda update: update.action)
        assert update.action == "approve:ab12:once"
        assert update.message == receipt.messages[0]
        assert update.sender.id
        assert update.update

    async def test_one_key_arrives_once(self, running: Adapter, driver: PlatformDriver) -> None:
        self._needs("deduplicate")
        for _ in range(3):
            await running.send(driver.address, Outbound(text="only once", key="k1"))
        assert list(driver.texts()) == ["only once"]

    # ------------------------------------------------------------------------------------------------ failures

    async def test_being_told_to_wait_is_rate_limited(self, running: Adapter, driver: PlatformDriver) -> None:
        _fails(driver, "rate_limited")
        with pytest.raises(RateLimited):
            await running.send(driver.address, Outbound(text="too fast"))
        assert list(driver.texts()) == []

    async def test_a_refusal_is_final(self, running: Adapter, driver: PlatformDriver) -> None:
        _fails(driver, "refused")
        with pytest.raises(DeliveryRefused):
            await running.send(driver.address, Outbound(text="no"))
        assert list(driver.texts()) == []

    async def test_what_was_surely_not_sent_is_said_so_or_uncertain(
        self, running: Adapter, driver: PlatformDriver
    ) -> None:
        _fails(driver, "lost")
        with pytest.raises((ConnectionLost, DeliveryUncertain)) as caught:
            await running.send(driver.address, Outbound(text="lost"))
        assert list(driver.texts()) == []
        assert not getattr(caught.value, "partial", False)

    async def test_what_may_have_arrived_is_uncertain(self, running: Adapter, driver: PlatformDriver) -> None:
        _fails(driver, "uncertain")
        with pytest.raises(DeliveryUncertain):
            await running.send(driver.address, Outbound(text="perhaps"))

    async def test_it_goes_on_after_every_failure(self, running: Adapter, driver: PlatformDriver) -> None:
        for how in ("rate_limited", "refused", "lost"):
            _fails(driver, how)
            with pytest.raises(HermesError):
                await running.send(driver.address, Outbound(text="fails"))
        await running.send(driver.address, Outbound(text="works"))
        assert list(driver.texts()) == ["works"]


@asynccontextmanager
async def _running(adapter: Adapter, inbox: ScriptedInbox, *, restart: bool = False) -> AsyncIterator[None]:
    """Run the adapter; with `restart` as the gateway does, again after an error."""

    async def work() -> None:
        while True:
            try:
                await adapter.run(inbox)
            except HermesError:
                if not restart:
                    raise

    task = asyncio.create_task(work())
    try:
        connected = asyncio.ensure_future(inbox.until_connected())
        await asyncio.wait({task, connected}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            connected.cancel()
            task.result()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=_END)


def _fails(driver: PlatformDriver, how: Any) -> None:
    try:
        driver.fail(how)
    except NotImplementedError as error:
        pytest.skip(str(error))


async def _far(action: Any) -> None:
    try:
        await action
    except NotImplementedError as error:
        pytest.skip(str(error))
