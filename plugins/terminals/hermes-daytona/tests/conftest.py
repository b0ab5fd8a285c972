"""A Daytona of our own: the vendor's REST and WebSocket interface on a loopback port, sandboxes as folders.

The SDK on the other side is the vendor's, unchanged. A sandbox is a folder tree under bubblewrap in which commands run
as real processes; stopped, nothing runs in it and the folder stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import termios
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSCloseCode, web
from hermes_daytona.backend import DaytonaBackend
from hermes_daytona.settings import Settings, TerminalSettings

from hermes_host.context import Services
from hermes_host.terminals.remote import Book

KEY = "dtn-test-secret-key"
_WRITABLE = ("root", "tmp", "home", "var")


class Machine:
    """A folder tree that looks like a machine to what runs in it. `shared` is the same in all of them."""

    def __init__(self, root: Path, shared: Path, image: Path | None) -> None:
        self.root = root
        self.shared = shared
        if image is not None:
            subprocess.run(["cp", "-a", str(image), str(root)], check=True)
        for name in _WRITABLE:
            (root / name).mkdir(parents=True, exist_ok=True)

    def argv(self, *command: str) -> list[str]:
        binds = [word for name in _WRITABLE for word in ("--bind", str(self.root / name), f"/{name}")]
        links = [word for name in ("bin", "lib", "lib64", "sbin") for word in ("--symlink", f"usr/{name}", f"/{name}")]
        return [
            "bwrap", "--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME", "/root",
            "--ro-bind", "/usr", "/usr", *links, "--ro-bind", "/etc", "/etc", *binds,
            "--bind", str(self.shared), "/shared", "--dev", "/dev", "--proc", "/proc", "--chdir", "/root", *command,
        ]  # fmt: skip

    def processes(self) -> list[int]:
        """What runs in it: all that see its folder."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and f"{self.root}/".encode() in (entry / "mountinfo").read_bytes() + b"/":
                    found.append(int(entry.name))
        return found

    def stop(self) -> None:
        while alive := [pid for pid in self.processes() if _runs(pid)]:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _runs(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    return False


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@dataclass
class Sandbox:
    id: str
    name: str
    machine: Machine
    asked: dict[str, Any]
    state: str = "started"
    terminals: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    sockets: set[web.WebSocketResponse] = field(default_factory=set)

    def shown(self, url: str) -> dict[str, Any]:
        asked = self.asked
        return {
            "id": self.id, "organizationId": "o", "name": self.name, "user": asked.get("user") or "root", "env": {},
            "labels": asked.get("labels", {}), "public": False, "kvm": False, "networkBlockAll": False,
            "target": asked.get("target") or "us", "cpu": asked.get("cpu") or 1, "gpu": 0,
            "memory": asked.get("memory") or 1, "disk": asked.get("disk") or 3, "state": self.state,
            "toolboxProxyUrl": f"{url}/toolbox", "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z", "runnerId": "r", "recoverable": False,
            "autoStopInterval": asked.get("autoStopInterval", 15),
        }  # fmt: skip


class FakeDaytona:
    """What the service knows. `failures` maps `METHOD /path` to statuses of the next answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sandboxes: dict[str, Sandbox] = {}
        self.failures: dict[str, list[int]] = {}
        self.calls: list[str] = []
        self.commands: list[str] = []
        self.starting = 0
        """How many looks at a new sandbox find it still starting."""
        self.url = ""
        self.ended = asyncio.Event()
        self.looked = asyncio.Event()
        (folder / "shared").mkdir()

    @property
    def running(self) -> list[Sandbox]:
        return [sandbox for sandbox in self.sandboxes.values() if sandbox.state == "started"]

    async def halt(self, sandbox: Sandbox, state: str) -> None:
        """Nothing runs in it from now on; connections to it are cut."""
        sandbox.state = state
        sandbox.machine.stop()
        self.ended.set()
        for socket in list(sandbox.sockets):
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()
        for process in sandbox.terminals.values():
            await process.wait()
        if state == "destroyed":
            del self.sandboxes[sandbox.id]
            shutil.rmtree(sandbox.machine.root)

    def find(self, reference: str) -> Sandbox:
        for sandbox in self.sandboxes.values():
            if reference in (sandbox.id, sandbox.name):
                return sandbox
        raise _problem(404, f"Sandbox {reference} not found")

    # ------------------------------------------------------------------------------------------------------ REST

    @web.middleware
    async def before(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            raise _problem(401, "Invalid API key")
        call = f"{request.method} {request.path}"
        self.calls.append(call)
        for key, statuses in self.failures.items():
            if call.startswith(key) and statuses:
                raise _problem(statuses.pop(0), "not now")
        return await handler(request)  # type: ignore[no-any-return]

    async def create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if any(sandbox.name == asked["name"] for sandbox in self.sandboxes.values()):
            raise _problem(409, "a sandbox of that name exists")
        number = len(self.calls)
        machine = Machine(self.folder / f"box-{number}", self.folder / "shared", None)
        sandbox = Sandbox(f"box-{number}", asked["name"], machine, asked, state="started")
        if self.starting:
            sandbox.state = "starting"
        self.sandboxes[sandbox.id] = sandbox
        return web.json_response(sandbox.shown(self.url))

    async def listed(self, request: web.Request) -> web.Response:
        wanted = json.loads(request.query.get("labels", "{}"))
        items = [
            sandbox.shown(self.url)
            for sandbox in self.sandboxes.values()
            if wanted.items() <= sandbox.asked.get("labels", {}).items()
        ]
        return web.json_response({"items": items, "nextCursor": None})

    async def get(self, request: web.Request) -> web.Response:
        sandbox = self.find(request.match_info["id"])
        if sandbox.state == "starting":
            self.starting -= 1
            if self.starting <= 0:
                sandbox.state = "started"
        return web.json_response(sandbox.shown(self.url))

    async def start(self, request: web.Request) -> web.Response:
        sandbox = self.find(request.match_info["id"])
        sandbox.state = "started"
        return web.json_response(sandbox.shown(self.url))

    async def stop(self, request: web.Request) -> web.Response:
        sandbox = self.find(request.match_info["id"])
        await self.halt(sandbox, "stopped")
        return web.json_response(sandbox.shown(self.url))

    async def delete(self, request: web.Request) -> web.Response:
        sandbox = self.find(request.match_info["id"])
        await self.halt(sandbox, "destroyed")
        return web.json_response(sandbox.shown(self.url))

    # ---------------------------------------------------------------------------------------------- the sandbox's

    def _live(self, request: web.Request) -> Sandbox:
        sandbox = self.find(request.match_info["id"])
        if sandbox.state != "started":
            raise _problem(400, "the sandbox does not run")
        return sandbox

    async def execute(self, request: web.Request) -> web.Response:
        sandbox = self._live(request)
        asked = await request.json()
        self.commands.append(asked["command"])
        if asked["command"].endswith(" look"):
            self.looked.set()
        process = await asyncio.create_subprocess_exec(
            *sandbox.machine.argv("bash", "-c", asked["command"]),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return web.json_response({"exitCode": process.returncode, "result": said.decode("utf-8", "replace")})

    async def terminal(self, request: web.Request) -> web.WebSocketResponse:
        sandbox = self._live(request)
        socket = web.WebSocketResponse(protocols=("X-Daytona-Pty-Exit-Control",), max_msg_size=0)
        await socket.prepare(request)
        sandbox.sockets.add(socket)
        master, slave = pty.openpty()
        rows, columns = int(request.query["rows"]), int(request.query["cols"])
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        process = await asyncio.create_subprocess_exec(
            "setsid", "--ctty", *sandbox.machine.argv("bash", "-i"), stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        sandbox.terminals[request.query["id"]] = process
        await socket.send_str(json.dumps({"type": "control", "status": "connected"}))
        showing = asyncio.create_task(self._show(socket, master, process))
        try:
            async for message in socket:
                data = message.data.encode() if isinstance(message.data, str) else message.data
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(_write_all, master, data)
        finally:
            # As at the vendor, whoever goes away does not end the terminal; the test's end does.
            sandbox.sockets.discard(socket)
            await asyncio.wait([showing])
            os.close(master)
        return socket

    async def _show(self, socket: web.WebSocketResponse, master: int, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(OSError):
            while data := await asyncio.to_thread(os.read, master, 32768):
                if not socket.closed:
                    with contextlib.suppress(ConnectionError):
                        await socket.send_bytes(data)
        code = await process.wait()
        if not socket.closed:
            reason = json.dumps({"exitCode": code}).encode()
            with contextlib.suppress(ConnectionError):
                await socket.close(code=WSCloseCode.OK, message=reason)

    async def kill_terminal(self, request: web.Request) -> web.Response:
        process = self._live(request).terminals.get(request.match_info["terminal"])
        if process is None:
            raise _problem(404, "no such terminal")
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        return web.json_response({"message": "killed"})

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self.before])
        application.router.add_post("/api/sandbox", self.create)
        application.router.add_get("/api/sandbox", self.listed)
        application.router.add_get("/api/sandbox/{id}", self.get)
        application.router.add_post("/api/sandbox/{id}/start", self.start)
        application.router.add_post("/api/sandbox/{id}/stop", self.stop)
        application.router.add_delete("/api/sandbox/{id}", self.delete)
        application.router.add_post("/toolbox/{id}/process/execute", self.execute)
        application.router.add_get("/toolbox/{id}/process/pty/create-connect", self.terminal)
        application.router.add_delete("/toolbox/{id}/process/pty/{terminal}", self.kill_terminal)
        return application


def _problem(status: int, message: str) -> web.HTTPException:
    body = json.dumps({"statusCode": status, "message": message, "error": message})
    kinds: dict[int, type[web.HTTPException]] = {
        400: web.HTTPBadRequest, 401: web.HTTPUnauthorized, 404: web.HTTPNotFound, 409: web.HTTPConflict,
        429: web.HTTPTooManyRequests, 500: web.HTTPInternalServerError, 503: web.HTTPServiceUnavailable,
    }  # fmt: skip
    return kinds[status](text=body, content_type="application/json")


@pytest.fixture
async def daytona_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeDaytona]:
    pytest.importorskip("daytona", reason="the daytona SDK is not installed")
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap (bwrap) is not installed: the fake sandboxes need it")
    folder = tmp_path / "daytona"
    folder.mkdir()
    fake = FakeDaytona(folder)
    runner = web.AppRunner(fake.application(), shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.chdir(tmp_path)  # the SDK reads a .env where it is
    monkeypatch.setenv("DAYTONA_API_URL", f"{fake.url}/api")
    yield fake
    for sandbox in list(fake.sandboxes.values()):
        await fake.halt(sandbox, "destroyed")
    await runner.cleanup()


@pytest.fixture
def make_backend(daytona_service: FakeDaytona, tmp_path: Path) -> Callable[..., DaytonaBackend]:
    """A backend of the same home each time; fields of the settings as arguments."""

    def make(*, key: str = KEY, services: Services | None = None, **fields: Any) -> DaytonaBackend:
        terminal = {name: fields.pop(name) for name in list(fields) if name in TerminalSettings.__struct_fields__}
        folder = tmp_path / "state"
        folder.mkdir(exist_ok=True)
        return DaytonaBackend(
            Book(folder),
            Settings(target="us", **fields),
            TerminalSettings(**terminal),
            key=key,
            services=services or Services(),
        )

    return make
