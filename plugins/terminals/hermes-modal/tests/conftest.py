"""A Modal of our own: the vendor's gRPC services on a loopback port, sandboxes as folders, commands as real processes.

The SDK on the other side is the vendor's, unchanged. A sandbox is a folder tree under bubblewrap; its snapshot is a
copy of that tree.
"""

from __future__ import annotations

import asyncio
import base64
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
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from grpclib import GRPCError, Status
from grpclib.server import Server
from hermes_modal.backend import ModalBackend
from hermes_modal.settings import Settings, TerminalSettings
from modal_proto import api_grpc, api_pb2, task_command_router_grpc, task_command_router_pb2

from hermes_host.context import Services
from hermes_host.terminals.remote import Book

TOKEN = ("ak-test", "as-test-secret")
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


class Exec:
    """One process of a sandbox, with everything it wrote."""

    def __init__(self, process: asyncio.subprocess.Process, master: int = -1) -> None:
        self.process = process
        self.master = master
        self.taken = 0
        self._readers: dict[int, asyncio.StreamReader] = {}
        if master < 0:
            assert process.stdout is not None
            assert process.stderr is not None
            self._readers = {1: process.stdout, 2: process.stderr}

    async def read(self, stream: int) -> bytes:
        if self.master < 0:
            return await self._readers[stream].read(65536)
        if stream == 2:
            return b""
        try:
            return await asyncio.to_thread(os.read, self.master, 65536)
        except OSError:
            return b""

    async def write(self, offset: int, data: bytes, eof: bool) -> None:
        data = data[self.taken - offset :]
        self.taken += len(data)
        if self.master >= 0:
            await asyncio.to_thread(_write_all, self.master, data)
            return
        stdin = self.process.stdin
        assert stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(data)
            await stdin.drain()
            if eof:
                stdin.close()


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


@dataclass
class Sandbox:
    id: str
    name: str
    machine: Machine
    definition: Any
    tags: dict[str, str]
    first: asyncio.subprocess.Process
    running: bool = True
    created: float = field(default_factory=time.time)
    execs: dict[str, Exec] = field(default_factory=dict)

    @property
    def task(self) -> str:
        return f"ta-{self.id}V"


class FakeModal:
    """What the services know. `failures` gives errors for the next calls of a method, `calls` what was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sandboxes: dict[str, Sandbox] = {}
        self.images: dict[str, Path | None] = {}
        self.built: list[str] = []
        self.failures: dict[str, list[GRPCError]] = {}
        self.calls: list[str] = []
        self.delay = 0.0
        self.arguments: list[list[str]] = []
        self.url = ""
        self.ended = asyncio.Event()
        self.looked = asyncio.Event()
        (folder / "shared").mkdir()

    @property
    def running(self) -> list[Sandbox]:
        return [sandbox for sandbox in self.sandboxes.values() if sandbox.running]

    @property
    def snapshots(self) -> list[str]:
        return [image for image, path in self.images.items() if path is not None]

    def end(self, sandbox: Sandbox) -> None:
        sandbox.running = False
        sandbox.machine.stop()
        self.ended.set()

    def fail(self, method: str, status: Status, text: str, times: int = 1) -> None:
        self.failures.setdefault(method, []).extend([GRPCError(status, text)] * times)

    # ------------------------------------------------------------------------------------------------- the API

    def on_ClientHello(self, request: Any) -> Any:
        return api_pb2.ClientHelloResponse()

    def on_AuthTokenGet(self, request: Any) -> Any:
        return api_pb2.AuthTokenGetResponse(token=_jwt())

    def on_EnvironmentGetOrCreate(self, request: Any) -> Any:
        settings = api_pb2.EnvironmentSettings(image_builder_version="2025.06")
        metadata = api_pb2.EnvironmentMetadata(name="main", settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    def on_AppGetOrCreate(self, request: Any) -> Any:
        return api_pb2.AppGetOrCreateResponse(app_id="ap-1")

    def on_ImageGetOrCreate(self, request: Any) -> Any:
        self.built.append(" ".join(request.image.dockerfile_commands))
        self.images["im-fresh"] = None
        result = api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS)
        return api_pb2.ImageGetOrCreateResponse(image_id="im-fresh", result=result)

    def on_ImageFromId(self, request: Any) -> Any:
        if request.image_id not in self.images:
            raise GRPCError(Status.NOT_FOUND, f"no image {request.image_id}")
        return api_pb2.ImageFromIdResponse(image_id=request.image_id)

    def on_ImageDelete(self, request: Any) -> Any:
        path = self.images.pop(request.image_id, None)
        if path is None:
            raise GRPCError(Status.NOT_FOUND, "no such image")
        shutil.rmtree(path)
        from google.protobuf import empty_pb2

        return empty_pb2.Empty()

    async def on_SandboxCreateV2(self, request: Any) -> Any:
        await asyncio.sleep(self.delay)
        definition = request.definition
        if any(sandbox.name == definition.name for sandbox in self.running):
            raise GRPCError(Status.ALREADY_EXISTS, f"a sandbox {definition.name} runs")
        number = len(self.sandboxes) + 1
        machine = Machine(self.folder / f"sb-{number}", self.folder / "shared", self.images[definition.image_id])
        first = await asyncio.create_subprocess_exec(
            *machine.argv(*definition.entrypoint_args), stdin=asyncio.subprocess.DEVNULL
        )
        tags = {tag.tag_name: tag.tag_value for tag in request.tags}
        sandbox = Sandbox(f"sb-{number}V", definition.name, machine, definition, tags, first)
        self.sandboxes[sandbox.id] = sandbox
        access = api_pb2.CommandRouterAccess(jwt=_jwt(), url=self.url)
        return api_pb2.SandboxCreateV2Response(
            sandbox_id=sandbox.id, task_id=sandbox.task, command_router_access=access
        )

    def on_SandboxGetFromNameV2(self, request: Any) -> Any:
        for sandbox in self.running:
            if sandbox.name == request.sandbox_name:
                return api_pb2.SandboxGetFromNameResponse(sandbox_id=sandbox.id)
        raise GRPCError(Status.NOT_FOUND, "no such sandbox")

    def on_SandboxGetFromName(self, request: Any) -> Any:
        raise GRPCError(Status.NOT_FOUND, "no such sandbox")

    def on_SandboxListV2(self, request: Any) -> Any:
        wanted = {tag.tag_name: tag.tag_value for tag in request.tags}
        if request.before_timestamp:
            return api_pb2.SandboxListResponse()
        return api_pb2.SandboxListResponse(
            sandboxes=[
                api_pb2.SandboxInfo(id=sandbox.id, created_at=sandbox.created, name=sandbox.name)
                for sandbox in self.running
                if wanted.items() <= sandbox.tags.items()
            ]
        )

    def on_SandboxTagsGetV2(self, request: Any) -> Any:
        tags = self._sandbox(request.sandbox_id).tags
        return api_pb2.SandboxTagsGetResponse(
            tags=[api_pb2.SandboxTag(tag_name=name, tag_value=value) for name, value in tags.items()]
        )

    def on_SandboxWaitV2(self, request: Any) -> Any:
        if self._sandbox(request.sandbox_id).running:
            return api_pb2.SandboxWaitResponse()
        result = api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_TERMINATED, exitcode=137)
        return api_pb2.SandboxWaitResponse(result=result)

    def on_SandboxTerminateV2(self, request: Any) -> Any:
        self.end(self._sandbox(request.sandbox_id))
        return api_pb2.SandboxTerminateResponse()

    def on_SandboxGetTaskIdV2(self, request: Any) -> Any:
        return api_pb2.SandboxGetTaskIdResponse(task_id=self._sandbox(request.sandbox_id).task)

    def on_SandboxGetCommandRouterAccess(self, request: Any) -> Any:
        sandbox = self._sandbox(request.sandbox_id) if request.sandbox_id else self._task(request.task_id)
        if not sandbox.running:
            raise GRPCError(Status.FAILED_PRECONDITION, "the sandbox has ended")
        return api_pb2.SandboxGetCommandRouterAccessResponse(jwt=_jwt(), url=self.url)

    # ---------------------------------------------------------------------------------------- the worker's router

    async def on_TaskExecStart(self, request: Any) -> Any:
        sandbox = self._task(request.task_id)
        self.arguments.append(list(request.command_args))
        if request.command_args[-1] == "look":
            self.looked.set()
        argv = sandbox.machine.argv(*request.command_args)
        pipe = asyncio.subprocess.PIPE
        if request.HasField("pty_info"):
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            process = await asyncio.create_subprocess_exec(
                "setsid", "--ctty", *argv, stdin=slave, stdout=slave, stderr=slave
            )
            os.close(slave)
            sandbox.execs[request.exec_id] = Exec(process, master)
        else:
            process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, limit=1 << 16)
            sandbox.execs[request.exec_id] = Exec(process)
        return task_command_router_pb2.TaskExecStartResponse()

    async def on_TaskExecStdinWrite(self, request: Any) -> Any:
        await self._exec(request).write(request.offset, request.data, request.eof)
        return task_command_router_pb2.TaskExecStdinWriteResponse()

    async def on_TaskExecWait(self, request: Any) -> Any:
        code = await self._exec(request).process.wait()
        if code < 0:
            return task_command_router_pb2.TaskExecWaitResponse(signal=-code)
        return task_command_router_pb2.TaskExecWaitResponse(code=code)

    async def on_TaskSnapshotFilesystem(self, request: Any) -> Any:
        sandbox = self._task(request.task_id)
        image = f"im-snapshot-{len(self.images)}-{len(self.calls)}"
        self.images[image] = self.folder / image
        copying = await asyncio.create_subprocess_exec("cp", "-a", str(sandbox.machine.root), str(self.folder / image))
        assert await copying.wait() == 0
        return task_command_router_pb2.TaskSnapshotFilesystemResponse(image_id=image)

    async def stdio(self, request: Any, stream: Any) -> None:
        running = self._exec(request)
        number = 1 if request.file_descriptor == task_command_router_pb2.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDOUT else 2
        while data := await running.read(number):
            await stream.send_message(task_command_router_pb2.TaskExecStdioReadResponse(data=data))

    def _sandbox(self, id: str) -> Sandbox:
        if id not in self.sandboxes:
            raise GRPCError(Status.NOT_FOUND, f"no sandbox {id}")
        return self.sandboxes[id]

    def _task(self, id: str) -> Sandbox:
        for sandbox in self.sandboxes.values():
            if sandbox.task == id and sandbox.running:
                return sandbox
        raise GRPCError(Status.NOT_FOUND, "the task has ended")

    def _exec(self, request: Any) -> Exec:
        return self._task(request.task_id).execs[request.exec_id]


def _jwt() -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part({'exp': int(time.time()) + 3600})}.x"


def _serve(base: type, fake: FakeModal) -> Any:
    """The vendor's service class with the methods `fake` has; the others are not implemented."""

    def method(name: str) -> Callable[..., Any]:
        async def answer(self: Any, stream: Any) -> None:
            request = await stream.recv_message()
            fake.calls.append(name)
            if stream.metadata.get("x-modal-token-secret", TOKEN[1]) != TOKEN[1]:
                raise GRPCError(Status.UNAUTHENTICATED, "the token is not known")
            if fake.failures.get(name):
                raise fake.failures[name].pop(0)
            if name == "TaskExecStdioRead":
                await fake.stdio(request, stream)
                return
            handler = getattr(fake, f"on_{name}", None)
            if handler is None:
                raise GRPCError(Status.UNIMPLEMENTED, name)
            response = handler(request)
            await stream.send_message(await response if asyncio.iscoroutine(response) else response)

        return answer

    return type("Service", (base,), {name: method(name) for name in base.__abstractmethods__})()  # type: ignore[attr-defined]


@pytest.fixture
async def modal_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeModal]:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap (bwrap) is not installed: the fake sandboxes need it")
    folder = tmp_path / "modal"
    folder.mkdir()
    fake = FakeModal(folder)
    server = Server(
        [_serve(api_grpc.ModalClientBase, fake), _serve(task_command_router_grpc.TaskCommandRouterBase, fake)]
    )
    protocols: list[Any] = []
    make = server._protocol_factory
    server._protocol_factory = lambda: protocols.append(make()) or protocols[-1]  # type: ignore[method-assign, func-returns-value]
    await server.start("127.0.0.1", 0)
    port = server._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    fake.url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MODAL_SERVER_URL", fake.url)
    monkeypatch.setenv("MODAL_CONFIG_PATH", str(tmp_path / "modal.toml"))
    monkeypatch.setenv("MODAL_LOGLEVEL", "ERROR")
    yield fake
    for sandbox in fake.running:
        fake.end(sandbox)
    for sandbox in fake.sandboxes.values():
        await sandbox.first.wait()
        for each in sandbox.execs.values():
            await each.process.wait()
            if each.master >= 0:
                os.close(each.master)
    server.close()
    await server.wait_closed()
    for handler in server._handlers:
        handler.close()
    for protocol in protocols:
        protocol.connection.close()
    await asyncio.sleep(0)


@pytest.fixture
def make_backend(modal_service: FakeModal, tmp_path: Path) -> Callable[..., ModalBackend]:
    """A backend of the same home each time; fields of the settings as arguments."""

    def make(*, token: tuple[str, str] = TOKEN, services: Services | None = None, **fields: Any) -> ModalBackend:
        terminal = {name: fields.pop(name) for name in list(fields) if name in TerminalSettings.__struct_fields__}
        folder = tmp_path / "state"
        folder.mkdir(exist_ok=True)
        return ModalBackend(
            Book(folder), Settings(**fields), TerminalSettings(**terminal), token=token, services=services or Services()
        )

    return make
