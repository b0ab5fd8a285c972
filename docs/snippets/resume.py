"""Go on with a conversation, in another process or much later."""

import asyncio

from hermes_host import Host
from hermes_host.events import TurnFinished


async def main() -> None:
    async with Host() as host:
        first = await host.start(provider="offline", title="two parts")
        async for _ in first.run("list the files here"):
            pass
        await first.close()

    async with Host() as host:
        session = await host.resume("two parts")
        print(f"{len(session.messages)} messages so far")
        async for event in session.run("hello again"):
            if isinstance(event, TurnFinished):
                print(event.outcome, len(session.messages))


asyncio.run(main())
