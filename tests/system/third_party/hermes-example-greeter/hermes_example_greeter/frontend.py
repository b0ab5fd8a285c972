"""The front end `pipe`: reads lines from standard input, and prints one answer for each."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from hermes_host.events import TurnFinished

if TYPE_CHECKING:
    from hermes_host.frontends import FrontendOptions
    from hermes_host.host import Host


async def main(host: Host, options: FrontendOptions) -> int:
    """Talk until the input ends; the exit code is 1 when a turn was not completed."""
    session = await host.start(model=options.model, provider=options.provider, source="pipe")
    code = 0
    while line := await asyncio.to_thread(sys.stdin.readline):
        async for event in session.run(line.strip()):
            if isinstance(event, TurnFinished):
                click.echo(event.text)
                code = code or int(event.outcome != "completed")
    await session.close()
    return code
