"""What is kept in memory of conversations in which nobody talks."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

WARM, MORE = 40, 120


async def put_aside(running):
    opened = running.conversations.opened
    while len(opened) or opened._tasks:
        await asyncio.gather(*opened._tasks)
        await asyncio.sleep(0)
    # What the far side and the script keep is not the gateway's.
    platform = running.platform
    for kept in (platform.messages, platform._keys, platform.calls, platform.typing, platform.acknowledged):
        kept.clear()
    running.model.requests.clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def talk(running, first, last):
    updates = [running.platform.update("hello", chat=f"c{number}") for number in range(first, last)]
    await running.platform.deliver(*updates)
    await running.platform.until(lambda: len(running.platform.messages) == last - first, timeout=60)


async def test_of_a_conversation_that_was_put_aside_almost_nothing_stays_in_memory(gateway):
    running = await gateway(*["hi"] * (WARM + MORE), gateway={"idle_seconds": 0.0})
    tracemalloc.start()
    try:
        await talk(running, 0, WARM)
        before = await put_aside(running)
        await talk(running, WARM, WARM + MORE)
        after = await put_aside(running)
    finally:
        tracemalloc.stop()
    assert (after - before) / MORE < 5_000
