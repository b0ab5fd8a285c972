"""A message for a conversation that is being put aside."""

from __future__ import annotations

import asyncio

from hermes_host import hookimpl


class SlowToEnd:
    """Ends of sessions take as long as they are let."""

    def __init__(self):
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    @hookimpl
    async def hermes_session_ended(self, session, reason):
        self.begun.set()
        await self.go_on.wait()


async def test_a_message_that_comes_while_its_session_is_put_aside_is_answered_in_it(gateway, platform):
    running = await gateway("first answer", "second answer", gateway={"idle_seconds": 0.0}, start=False)
    slow = SlowToEnd()
    running.host.add_plugin("slow", slow)
    await running.start()
    await platform.say("one")
    await platform.until_said("first answer")
    await slow.begun.wait()
    await platform.say("two")
    await platform.until(lambda: running.conversations.turns.running)
    asyncio.get_running_loop().call_later(0.1, slow.go_on.set)
    await platform.until(lambda: len(platform.texts()) == 2)
    assert platform.texts() == ["first answer", "second answer"]
    assert running.rows("SELECT COUNT(DISTINCT session) FROM turns") == [(1,)]
