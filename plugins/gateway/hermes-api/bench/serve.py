"""Serve the API alone over a scripted model, for measuring: prints its address, and the process's figures on request.

python bench/serve.py [--delay SECONDS] [--plugins all|few] [--keep]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from pathlib import Path

KEY = "a-key-for-measuring-1234"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--vendor", required=True, help="Base URL of a model server.")
    parser.add_argument("--plugins", default="all", choices=["all", "few"])
    parser.add_argument("--profile", default="", help="Write a profile here at the end.")
    return parser.parse_args()


async def main() -> None:
    chosen = arguments()
    from hermes_gateway.parts import WebServer

    from hermes_host.host import Host

    home = Path(tempfile.mkdtemp(prefix="api-bench-"))
    office = {"name": "office", "base_url": chosen.vendor, "api_key": "sk-office-1234", "model": "test-model"}
    host = Host(
        home=home,
        environ={"PATH": os.environ["PATH"], "HOME": str(home)},
        plugins=None if chosen.plugins == "all" else ["api", "gateway", "compatible"],
        overrides={
            "server.listen": "127.0.0.1:0",
            "custom_providers": [office],
            "api.key": KEY,
            "api.model": "office:test-model",
            "api.rate_limit": 1_000_000,
            "api.max_runs": 256,
            "terminal.cwd": str(home),
        },
    )
    daemon = await host.part(host.registry("daemons").get("api"))
    server = await host.context("gateway").services.get(WebServer)
    ready, mounted = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(server.run(ready.set)), asyncio.create_task(daemon.run(mounted.set))]
    await ready.wait()
    await mounted.wait()
    print(server.address, os.getpid(), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, input)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await host.aclose()


if __name__ == "__main__":
    if path := arguments().profile:
        import cProfile

        profile = cProfile.Profile()
        profile.runcall(asyncio.run, main())
        profile.dump_stats(path)
    else:
        asyncio.run(main())
