"""Start a session, ask one question, and follow what happens."""

import asyncio

from hermes_host import Host
from hermes_host.events import TextDelta, ToolStarted, TurnFinished


async def main() -> None:
    async with Host() as host:
        session = await host.start(provider="offline")
        async for event in session.run("list the files here"):
            match event:
                case TextDelta(text=text):
                    print(text, end="", flush=True)
                case ToolStarted(name=name, shown=shown):
                    print(f"[{name} {shown}]")
                case TurnFinished(outcome=outcome, steps=steps):
                    print(f"\n{outcome} after {steps} steps; resume with {session.id}")


asyncio.run(main())
