"""Frozen: never edit."""

from __future__ import annotations

from hermes_host.events import TextDelta, TurnFinished


async def main(host, options):
    session = await host.start(model=options.model, provider=options.provider, source="frozen")
    said = []
    async for event in session.run(options.prompt):
        if isinstance(event, TextDelta):
            said.append(event.text)
        elif isinstance(event, TurnFinished):
            assert event.text == "".join(said)
    await session.close()
    return len(said)
