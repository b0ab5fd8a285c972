"""Messages become turns, and turns become answers."""

from __future__ import annotations


async def test_a_message_is_answered(gateway, platform):
    running = await gateway("Hello yourself.")
    await platform.say("hello")
    await platform.until_said("Hello yourself.")
    assert running.rows("SELECT state FROM updates") == [("done",)]
    assert running.rows("SELECT state FROM turns") == [("finished",)]
