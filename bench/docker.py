"""What a command in a container costs, against the same container service asked by its SDK alone, and its files.

It wants a running service (DOCKER_HOST, or the usual socket) and an image with a shell on it: the variable
HERMES_BENCH_IMAGE names one, else the first on the service is taken. Without a service it measures nothing and says so.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from bench.measure import Row, ratio

LIMIT = 1.2


def measure(runs: int) -> list[Row]:
    """A trivial command, one with input, and small files."""
    try:
        from hermes_docker.backend import DockerBackend
        from hermes_docker.settings import Settings, TerminalSettings
    except ImportError:
        print("hermes-docker is not installed: nothing is measured", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as state:
        backend = DockerBackend(Settings(network="none"), TerminalSettings(), state=Path(state))
        return asyncio.run(_measure(backend, DockerBackend, Settings, TerminalSettings, Path(state), max(15, runs * 3)))


async def _measure(backend: Any, kind: Any, settings: Any, terminal_settings: Any, state: Path, runs: int) -> list[Row]:
    from hermes_host.errors import HermesError

    try:
        image = os.environ.get("HERMES_BENCH_IMAGE") or await backend.daemon.call(_first_image)
    except (HermesError, OSError) as error:
        print(f"no container service: {error}", file=sys.stderr)
        return []
    finally:
        await backend.daemon.close()
    if not image:
        print("the container service has no image", file=sys.stderr)
        return []
    chosen = terminal_settings(docker_image=image, container_persistent=False, container_cpu=0, container_memory=0)
    ours = kind(settings(network="none"), chosen, state=state)
    started = time.perf_counter()
    async with ours.open("bench", "") as terminal:
        opening = (time.perf_counter() - started) * 1000
        return [Row("opening a new container", opening, "ms"), *await _rows(ours, terminal, runs)]


async def _rows(backend: Any, terminal: Any, runs: int) -> list[Row]:
    from hermes_host.protocols import Command

    client = await backend.daemon.client()
    container = next(each for each in client.containers.list() if each.labels.get("hermes.session") == "bench")

    async def floor() -> None:
        await asyncio.to_thread(container.exec_run, ["/bin/sh", "-c", "true"])

    async def ours() -> None:
        async with aclosing(terminal.run(Command(script="true"))) as events:
            async for _ in events:
                pass

    async def write() -> None:
        await terminal.write("/tmp/bench", b"x" * 1000)

    async def read() -> None:
        await terminal.read("/tmp/bench")

    floor_ms, ours_ms, write_ms, read_ms = await _in_turns(runs, floor, ours, write, read)
    return [
        ratio("docker: a command", ours_ms, floor_ms, "SDK exec_run", "ms", LIMIT),
        ratio("docker: write a small file", write_ms, floor_ms, "SDK exec_run", "ms", None),
        ratio("docker: read a small file", read_ms, floor_ms, "SDK exec_run", "ms", None),
    ]


async def _in_turns(runs: int, *works: Callable[[], Awaitable[None]]) -> list[float]:
    """The median of each in milliseconds, taken in turns so that all see the same load, after a warm-up."""
    taken: list[list[float]] = [[] for _ in works]
    for number in range(runs + 2):
        for work, seen in zip(works, taken, strict=True):
            started = time.perf_counter()
            await work()
            if number >= 2:
                seen.append((time.perf_counter() - started) * 1000)
    return [statistics.median(each) for each in taken]


def _first_image(client: Any) -> str:
    tags = [tag for image in client.images.list() for tag in image.tags]
    return tags[0] if tags else ""


def main() -> int:
    """`python -m bench.docker [runs]`"""
    rows = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
    for row in rows:
        print(f"{row.name}: {row.value:.2f} {row.unit} ({row.floor_name} {row.floor or 0:.1f} ms)", row.met)
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
