"""The memory of one gateway process: when idle, over many turns, and for each conversation that is not being used.

Three figures of the resident memory: before anything was said; before and after many turns in the same conversations;
before and after many new conversations, all of which are put aside when it is read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from gateway_process import GatewayProcess
from offered import TimedPlatform, model

_TOGETHER = 40


async def measure(conversations: int, turns: int, folder: Path, url: str) -> dict[str, Any]:
    """The figures, in bytes."""
    settings = {"gateway": {"idle_seconds": 0.05}, "sessions": {"titles": False}}
    async with TimedPlatform() as platform:
        gateway = GatewayProcess(folder / "home", platform, model_url=url, settings=settings)
        async with gateway:

            async def talk(first: int, last: int, chats: int) -> int:
                for start in range(first, last, _TOGETHER):
                    numbers = range(start, min(start + _TOGETHER, last))
                    await asyncio.gather(*(platform.offer(number, f"c{number % chats}") for number in numbers))
                    await platform.until(lambda: not platform.offered, timeout=300)
                # Conversations are put aside a moment after their turns.
                await asyncio.sleep(1.0)
                for kept in (platform.seconds, platform.calls, platform.typing, platform.acknowledged):
                    kept.clear()
                return gateway.usage().memory

            await asyncio.sleep(1.0)
            idle = gateway.usage().memory
            first = await talk(0, conversations, conversations)
            later = await talk(0, turns, conversations)
            last = await talk(conversations, conversations + turns, conversations + turns)
    return {
        "idle": idle,
        "conversations": conversations,
        "with_conversations": first,
        "turns": turns,
        "after_turns": later,
        "with_more_conversations": last,
        "growth": later / first,
        "each_conversation": (last - later) / turns,
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=10_000, help="turns, and then new conversations")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as name, model() as url:
        found = asyncio.run(measure(options.conversations, options.turns, Path(name), url))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
