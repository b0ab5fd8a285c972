"""Turns offered at a fixed rate to many conversations of one gateway process: how late the answers are, what they cost.

Latency is measured at the platform: from the moment at which an update is written to the socket to the moment at which
its answer is there. The model answers at once; what it takes is a part of the figure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway_process import RUN, GatewayProcess, percentile

from hermes_host.testing import Platform

_PROFILED = """
import cProfile, signal
from hermes_host.cli import main
profile = cProfile.Profile()
signal.signal(signal.SIGUSR2, lambda *_: profile.dump_stats({path!r}))
profile.runcall(main)
"""

ROOT = Path(__file__).resolve().parents[4]


class TimedPlatform(Platform):
    """Notes when the answer to each update arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: dict[str, float] = {}
        self.seconds: list[float] = []
        self.others: list[str] = []

    async def offer(self, number: int, chat: str) -> None:
        update = self.update(f"message number {number}, of an ordinary length, as people write them", chat=chat)
        self.offered[update.message] = time.perf_counter()
        await self.deliver(update)

    def _do_send(self, request: dict[str, Any]) -> dict[str, Any]:
        self._take(request["message"])
        key = request["message"].get("key") or f"shown {len(self._keys)}"
        return {"message": self._keys.setdefault(key, f"m{len(self._keys) + 1}")}

    def _do_edit(self, request: dict[str, Any]) -> dict[str, Any]:
        self._take(request["message"])
        return {}

    def _take(self, message: dict[str, Any]) -> None:
        if not message.get("key", "").startswith("turn:"):
            return  # it shows a turn that runs
        began = self.offered.pop(message.get("reply_to", ""), None)
        if began is not None:
            self.seconds.append(time.perf_counter() - began)
        else:
            self.others.append(message.get("text", ""))


@contextlib.contextmanager
def model(scenario: str = "hello") -> Iterator[str]:
    """A model server in a process of its own, which answers at once; gives its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.server", scenario],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate("", timeout=30)


async def measure(options: argparse.Namespace, url: str, folder: Path) -> dict[str, Any]:
    # Titles of new conversations are asked for beside the turns: requests of their own, not a cost of each turn.
    settings: dict[str, Any] = {"gateway": {}, "sessions": {"titles": False}}
    for text in options.set:
        name, _, value = text.partition("=")
        settings["gateway"][name] = json.loads(value)
    async with TimedPlatform() as platform:
        program = (_PROFILED if options.profile else RUN).format(path=options.profile)
        gateway = GatewayProcess(folder / "home", platform, model_url=url, settings=settings, program=("-c", program))
        async with gateway:
            idle = gateway.usage()
            # Every conversation has begun before the clock runs.
            for first in range(0, options.conversations, 50):
                chats = range(first, min(first + 50, options.conversations))
                await asyncio.gather(*(platform.offer(chat, f"c{chat}") for chat in chats))
                await platform.until(lambda: not platform.offered, timeout=120)
            begun = len(platform.seconds)
            platform.seconds.clear()
            loaded = gateway.usage()
            began = time.perf_counter()
            total = int(options.rate * options.seconds)
            slip = 0.0
            for number in range(total):
                ahead = began + number / options.rate - time.perf_counter()
                if ahead > 0.001:
                    await asyncio.sleep(ahead)
                slip = max(slip, -ahead)
                await platform.offer(number, f"c{number % options.conversations}")
            offered = time.perf_counter() - began
            await platform.until(lambda: not platform.offered, timeout=300)
            took = time.perf_counter() - began
            after = gateway.usage()
            seconds = list(platform.seconds)
            threads = gateway.threads()
            if options.profile:
                os.kill(gateway.pid, signal.SIGUSR2)
                await asyncio.sleep(2)
    return {
        "conversations": begun,
        "turns": len(seconds),
        "offered_per_second": total / offered,
        "answered_per_second": len(seconds) / took,
        "offered_late_by": slip,
        "p50_ms": percentile(seconds, 0.5) * 1000,
        "p95_ms": percentile(seconds, 0.95) * 1000,
        "p99_ms": percentile(seconds, 0.99) * 1000,
        "worst_ms": max(seconds) * 1000,
        "cpu_ms_per_turn": (after.cpu - loaded.cpu) / len(seconds) * 1000,
        "idle_mib": idle.memory / 2**20,
        "memory_mib": after.memory / 2**20,
        "threads": threads,
        "others": platform.others[:3],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100.0, help="turns offered each second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--offline", action="store_true", help="the provider that needs no server")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=JSON", help="a setting of `gateway`")
    parser.add_argument("--profile", default="", help="write the gateway's profile into this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as name, contextlib.ExitStack() as stack:
        url = "" if options.offline else stack.enter_context(model())
        print(json.dumps(asyncio.run(measure(options, url, Path(name))), indent=1))


if __name__ == "__main__":
    main()
