"""Give the agent a function of your own program as a tool."""

import asyncio
from typing import Annotated

from msgspec import Meta

from hermes_host import Host

STOCK = {"apple": 12, "pear": 0}


async def main() -> None:
    async with Host() as host:

        @host.tool(effects=("read",))
        async def stock(fruit: Annotated[str, Meta(description="Singular, in English.")]) -> dict[str, int]:
            """How many pieces of a fruit are in the store."""
            return {fruit: STOCK[fruit]}

        session = await host.start(provider="offline", toolsets=["stock"])
        for tool in session.tools():
            print(tool.name, "-", tool.summary)
        await session.close()


asyncio.run(main())
