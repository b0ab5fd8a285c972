"""What a user says is completed before the turn, or refused whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hermes_host.errors import HermesError
from hermes_host.events import Notice
from hermes_host.messages import Message, Text
from hermes_host.services import NOTICES, PromptExpander
from hermes_host.testing import StandInHost, events_of


class Expander:
    async def expand(self, message: Message, session: Any) -> Message:
        if "@huge" in message.text:
            raise HermesError("The file is too large.", remedy="Name a range.")
        if "@file" not in message.text:
            return message
        parts = (*message.parts, Text(text="\n\n## Attached context\n\nthe file"))
        return msgspec.structs.replace(message, parts=parts, meta={NOTICES: ["It is long."], "kept": 1})


@pytest.fixture(autouse=True)
def expander(host: StandInHost) -> None:
    host.services.provide(PromptExpander, Expander())


async def test_the_expanded_message_is_stored_and_sent(host: StandInHost) -> None:
    model = host.script("ok")
    session = await host.start()
    events = await events_of(session.run("read @file please"))
    sent = model.requests[0].messages[0]
    assert sent.text == "read @file please\n\n## Attached context\n\nthe file"
    assert sent.meta == {"kept": 1}
    assert session.messages[0] is sent
    assert [event.text for event in events if isinstance(event, Notice)] == ["It is long."]


async def test_a_refused_message_leaves_nothing_behind(host: StandInHost) -> None:
    host.script("ok")
    session = await host.start()
    with pytest.raises(HermesError, match="too large"):
        await events_of(session.run("read @huge"))
    assert not session.messages
    assert not session.busy
    await events_of(session.run("plain"))
    assert session.messages[0].text == "plain"
