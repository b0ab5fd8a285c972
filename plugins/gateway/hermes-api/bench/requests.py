"""What a request costs: CPU of the server's process, latency of one client and of many, memory.

    python bench/requests.py [--plugins few]

The model and the client run in processes of their own. Beside it stands the floor: a bare aiohttp server that asks the
same model and passes its answer on.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

KEY = "a-key-for-measuring-1234"
HERE = Path(__file__).parent
BODY = {"model": "hermes-agent", "messages": [{"role": "user", "content": "Say something short."}]}

VENDOR = """
import asyncio, json, sys
from aiohttp import web
DELAY = float(sys.argv[1])
BASE = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "test-model"}
def data(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**BASE, "choices": [choice]}).encode() + b"\\n\\n"
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
END = b"data: " + json.dumps({**BASE, "choices": [], "usage": USAGE}).encode() + b"\\n\\ndata: [DONE]\\n\\n"
BODY = data({"role": "assistant", "content": ""}) + data({"content": "Hello "}) + data({"content": "there."})
BODY += data({}, "stop") + END
async def answer(request):
    await request.read()
    if DELAY:
        await asyncio.sleep(DELAY)
    return web.Response(body=BODY, content_type="text/event-stream")
async def main():
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""

RELAY = """
import asyncio, json, os, sys
import aiohttp
from aiohttp import web
async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        async def answer(request):
            body = await request.json()
            async with http.post(sys.argv[1] + "/chat/completions", json=body) as found:
                data = await found.read()
            return web.json_response({"length": len(data)})
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}", os.getpid(), flush=True)
        await asyncio.sleep(3600)
asyncio.run(main())
"""


@contextlib.contextmanager
def process(*command: str) -> Iterator[list[str]]:
    """A program; gives the words of its first line."""
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        yield running.stdout.readline().split()
    finally:
        with contextlib.suppress(BrokenPipeError):
            running.communicate("\n", timeout=20) if command[1].endswith("serve.py") else running.kill()
        running.kill()
        running.wait()


def cpu(pid: str) -> float:
    """Seconds of CPU a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rss(pid: str) -> float:
    """Resident memory in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def ask(http: aiohttp.ClientSession, url: str) -> float:
    began = time.perf_counter()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with http.post(f"{url}/v1/chat/completions", json=BODY, headers=headers) as found:
        await found.read()
        assert found.status == 200, await found.text()
    return time.perf_counter() - began


async def load(url: str, pid: str, count: int, clients: int) -> str:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        for _ in range(3):
            await ask(http, url)
        before, began = cpu(pid), time.perf_counter()
        left = iter(range(count))

        async def client() -> list[float]:
            return [await ask(http, url) for _ in left]

        times = sorted(sum(await asyncio.gather(*(client() for _ in range(clients))), []))
        wall, used = time.perf_counter() - began, cpu(pid) - before
    middle, late = statistics.median(times) * 1000, times[int(len(times) * 0.95)] * 1000
    return (
        f"{clients:3} clients: p50 {middle:7.1f} ms, p95 {late:7.1f} ms, {count / wall:6.1f}/s, "
        f"CPU {used / count * 1000:5.2f} ms a request"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--plugins", default="all")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--profile", default="")
    chosen = parser.parse_args()
    serve = [sys.executable, str(HERE / "serve.py"), "--plugins", chosen.plugins]
    if chosen.profile:
        serve += ["--profile", chosen.profile]
    with process(sys.executable, "-c", VENDOR, "0") as (vendor,):
        if not chosen.profile:
            with process(sys.executable, "-c", RELAY, vendor) as (url, pid):
                for clients in (1, 50):
                    print("floor  ", asyncio.run(load(url, pid, chosen.count, clients)))
        with process(*serve, "--vendor", vendor) as (url, pid):
            print(f"hermes  idle {rss(pid):.0f} MiB")
            for clients in (1, 50):
                print("hermes ", asyncio.run(load(url, pid, chosen.count, clients)))
            print(f"hermes  after load {rss(pid):.0f} MiB")
    if not chosen.profile:
        with (
            process(sys.executable, "-c", VENDOR, "1") as (vendor,),
            process(*serve, "--vendor", vendor) as (url, pid),
        ):
            print("1 s model", asyncio.run(load(url, pid, 150, 50)))


if __name__ == "__main__":
    main()
