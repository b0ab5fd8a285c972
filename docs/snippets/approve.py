"""Decide yourself what the agent may do."""

import asyncio

from hermes_host import Host
from hermes_host.events import ToolFinished
from hermes_host.protocols import ApprovalRequest, Decision


class ReadOnly:
    """Consents to nothing, and says why."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        print("asked about:", request.shown)
        return Decision(choice="deny", note="This is a read-only account.", by="policy")


async def main() -> None:
    async with Host() as host:
        session = await host.start(provider="offline", approver=ReadOnly())
        async for event in session.run("run git push --force"):
            if isinstance(event, ToolFinished):
                print("refused" if event.result.is_error else "done")


asyncio.run(main())
