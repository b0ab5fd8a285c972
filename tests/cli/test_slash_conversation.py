"""Slash commands that change the conversation itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hermes_host import slash
from hermes_host.frontends import SlashCall
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing import StandInHost, events_of


class Surface:
    """A front end that remembers what commands asked of it."""

    def __init__(self, host: StandInHost, session: Any) -> None:
        self.host = host
        self.session = session
        self.submitted: list[str] = []
        self.shown: list[bool] = []

    async def command(self, text: str) -> str:
        name, _, arguments = text.removeprefix("/").partition(" ")

        async def switch(session: Any) -> None:
            await self.session.close()
            self.session = session

        call = SlashCall(
            name=name,
            arguments=arguments,
            host=self.host,
            session=self.session,
            switch_session=switch,
            submit=self.submitted.append,
            show_reasoning=self.shown.append,
        )
        return await slash.run(await slash.find(self.host, self.session, name), call)

    @property
    def said(self) -> list[str]:
        return [message.text for message in self.session.messages if message.text]


@pytest.fixture
async def surface(tmp_path: Path) -> Any:
    async with StandInHost(tmp_path / "home") as host:

        @host.tool
        def look() -> str:
            """Look."""
            return "seen"

        look_first = assistant_message(ToolCall(id="1", name="look", arguments={}))
        host.script("one", look_first, "two", "three", "four")
        session = await host.start(directory=str(tmp_path))
        await events_of(session.run("first"))
        await events_of(session.run("second"))
        yield Surface(host, session)


async def test_undo_takes_back_the_last_exchange_with_its_tool_calls(surface: Surface) -> None:
    assert "second" in await surface.command("/undo")
    assert surface.said == ["first", "one"]
    assert surface.session.messages[-1].role == "assistant"
    await surface.command("/undo")
    assert "nothing" in await surface.command("/undo")
    assert not surface.session.messages


async def test_what_was_taken_back_stays_away_after_a_restart_and_stays_in_the_log(surface: Surface) -> None:
    await surface.command("/undo")
    identity = surface.session.id
    await surface.session.close()
    again = await surface.host.resume(identity)
    assert [message.text for message in again.messages] == ["first", "one"]
    assert any("second" in str(record.message) for record in surface.host.sessions.load(identity))
    await events_of(again.run("third"))
    assert [message.text for message in again.messages] == ["first", "one", "third", "three"]


async def test_retry_asks_the_last_message_again(surface: Surface) -> None:
    assert await surface.command("/retry") == ""
    assert [message.said for message in surface.submitted] == ["second"]
    assert surface.said == ["first", "one"]


async def test_fork_goes_on_in_a_copy_and_leaves_the_original(surface: Surface) -> None:
    original = surface.session.id
    assert original in await surface.command("/fork a branch")
    assert surface.session.id != original
    assert surface.session.info.title == "a branch"
    assert surface.said == ["first", "one", "second", "two"]
    await events_of(surface.session.run("only here"))
    untouched = await surface.host.resume(original)
    assert "only here" not in [message.text for message in untouched.messages]


async def test_save_writes_json_once_and_overwrites_nothing(surface: Surface, tmp_path: Path) -> None:
    assert "Saved" in await surface.command("/save out.json")
    data = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [message["role"] for message in data["messages"]] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert "exists already" in await surface.command("/save out.json")
    assert "cannot be written" in await surface.command("/save nowhere/out.json")


async def test_reasoning_is_set_for_the_conversation_and_survives_a_restart(surface: Surface) -> None:
    assert "high" in await surface.command("/reasoning high")
    assert surface.session.settings.reasoning == "high"
    identity = surface.session.id
    await surface.session.close()
    assert (await surface.host.resume(identity)).settings.reasoning == "high"


async def test_an_unknown_reasoning_level_says_which_there_are(surface: Surface) -> None:
    assert "xhigh" in await surface.command("/reasoning enormous")
    assert surface.session.settings.reasoning == ""


async def test_reasoning_is_shown_and_hidden(surface: Surface) -> None:
    await surface.command("/reasoning show")
    await surface.command("/reasoning hide")
    assert surface.shown == [True, False]
    assert surface.host.config.section("display").show_reasoning is False
