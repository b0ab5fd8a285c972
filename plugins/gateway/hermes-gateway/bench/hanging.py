"""How soon `/status` and `/stop` are answered while every turn hangs, by a real gateway process."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gateway_process import GatewayProcess

from hermes_host.testing import Platform
from hermes_host.testing.model_server import Answer, ModelServer


async def measure(turns: int, folder: Path) -> dict[str, Any]:
    """The slowest answers in seconds, with that many turns whose model never answers."""
    async with Platform() as platform, ModelServer(lambda received: Answer(hold_first=True)) as server:
        settings = {"gateway": {"parallel_turns": turns, "drain_seconds": 0.1}}
        async with GatewayProcess(folder / "home", platform, model_url=server.url, settings=settings):
            for number in range(turns):
                await platform.say("hello", chat=f"c{number}")
            await asyncio.wait_for(server.holds(turns), 120)

            async def slowest(command: str) -> float:
                worst = 0.0
                for number in range(0, turns, max(1, turns // 10)):
                    began = time.perf_counter()
                    update = await platform.say(command, chat=f"c{number}")
                    await platform.until(lambda update=update: _answers(platform, update.message), timeout=30)
                    worst = max(worst, time.perf_counter() - began)
                return worst

            status = await slowest("/status")
            stop = await slowest("/stop")
    return {"turns": turns, "status": status, "stop": stop}


def _answers(platform: Platform, message: str) -> bool:
    return any(item.message.reply_to == message for item in platform.messages)


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=100)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as name:
        sys.stdout.write(json.dumps(asyncio.run(measure(options.turns, Path(name))), indent=1) + "\n")


if __name__ == "__main__":
    main()
