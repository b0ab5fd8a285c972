"""`/sessions` and `/resume`: titles are shown, words are looked for."""

import pytest

from hermes_host.cli.slash_handlers import resume, sessions
from hermes_host.frontends import SlashCall
from hermes_host.testing import StandInHost
from hermes_host.testing.session_stores import message_record


@pytest.fixture
async def ask(tmp_path):
    """Run a handler in a conversation beside two others."""
    async with StandInHost(tmp_path, plugins=["host"]) as host:
        host.script("hello")
        for title, text in (("Parser hangs", "a loop in lexer.c:42"), ("", "plant the hedgehog garden")):
            writer = host.sessions.create(title=title)
            writer.append(message_record(text))
            writer.close()
        session = await host.start()

        async def switch(other):
            await other.close()

        async def asked(handler, arguments=""):
            return await handler(
                SlashCall(name="x", arguments=arguments, host=host, session=session, switch_session=switch)
            )

        yield asked


async def test_the_latest_conversations_are_listed_by_title_or_first_words(ask):
    said = await ask(sessions)
    assert "Parser hangs" in said
    assert "plant the hedgehog garden" in said
    assert len(await ask(sessions, "1")) < len(said)


async def test_words_are_looked_for(ask):
    said = await ask(sessions, "lexer.c:42")
    assert "Parser hangs" in said
    assert "user: a loop in lexer.c:42" in said
    assert "hedgehog" not in said
    assert "Nothing was found" in await ask(sessions, "submarine")


async def test_resuming_says_what_one_goes_on_with(ask):
    assert "Going on with **Parser hangs**" in await ask(resume, "parser hangs")
