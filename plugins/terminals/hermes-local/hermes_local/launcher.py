"""Starting commands: the descriptors they get, and the warden that starts them."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_local.plumbing import Plumbing
from hermes_local.processes import Process, writable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from hermes_local.sandbox import Sandbox

__all__ = ["Launcher", "SandboxError"]

_PATIENCE = 20.0
"""Seconds a sandbox gets to come up."""
_PATIENCE_AT_THE_END = 3.0
"""Seconds a sandbox gets to end by itself."""


class SandboxError(HermesError):
    """A command could not be confined, and so was not run."""


class Launcher:
    """Starts processes through one warden, which is started with the first and ends with `close`."""

    def __init__(self, make_sandbox: Callable[[], Sandbox] | None = None) -> None:
        """`make_sandbox`, called in a thread, prepares what the warden and so all commands are to run in."""
        self._requests: socket.socket | None = None
        self._warden: subprocess.Popen[bytes] | None = None
        self._make_sandbox = make_sandbox
        self.sandbox: Sandbox | None = None
        self._opening = asyncio.Lock()

    async def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        stdin: bytes | AsyncIterator[bytes],
        script: str | None = None,
        pty: bool = False,
    ) -> Process:
        """Start a program; with `script`, a shell that reads it from `/dev/fd/3`.

        Raises `FileNotFoundError` and other `OSError`s, with the program or the directory as `filename`.
        """
        plumbing = Plumbing(stdin, script, pty)
        try:
            control = await self._hand_over(plumbing)
        except BaseException:
            plumbing.close()
            raise
        finally:
            plumbing.close_given()
        process = Process(asyncio.get_running_loop(), control, plumbing)
        try:
            await process.begin(cwd, argv, env)
        except OSError as error:
            process.abandon()
            if error.errno == errno.ECHILD and self.sandbox is not None:
                if self._warden is not None and self._warden.poll() is not None:
                    await self.aclose()
                raise SandboxError(
                    "What starts commands in the sandbox was killed, as it is when memory is used up.",
                    remedy="Run it again. The limits are settings of `local`.",
                ) from None
            if error.filename is not None:
                raise
            raise OSError(error.errno, os.strerror(error.errno or 0), argv[0]) from None
        except BaseException:
            process.abandon()
            raise
        return process

    async def _hand_over(self, plumbing: Plumbing) -> socket.socket:
        """Give the command's side to a keeper; gives the socket that leads to it."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                await self._send([theirs.fileno(), *plumbing.given])
            except BaseException:
                ours.close()
                raise
        return ours

    async def _send(self, descriptors: list[int]) -> None:
        for attempt in (1, 2):
            if self._requests is None:
                await self._open()
            requests = self._requests
            assert requests is not None
            try:
                socket.send_fds(requests, [b"c"], descriptors)
                return
            except BlockingIOError:
                await writable(requests.fileno())
                socket.send_fds(requests, [b"c"], descriptors)
                return
            except (BrokenPipeError, ConnectionResetError):
                # Somebody killed the warden. Its keepers go on watching their commands; the next ones get a new warden.
                await self.aclose()
                if attempt == 2:
                    raise

    async def prepare(self) -> None:
        """Start the warden now."""
        if self._requests is None:
            await self._open()

    async def _open(self) -> None:
        if self._make_sandbox is None:
            self._requests, self._warden = _spawn_warden(None)
            return
        async with self._opening:
            if self._requests is None:
                await self._open_sandbox(self._make_sandbox)

    async def _open_sandbox(self, make_sandbox: Callable[[], Sandbox]) -> None:
        """Start a warden in a sandbox of its own and wait until it says that it is confined."""
        await self.aclose()
        sandbox = await asyncio.to_thread(make_sandbox)
        try:
            requests, warden = _spawn_warden(sandbox)
        except BaseException:
            await asyncio.to_thread(sandbox.close)
            raise
        try:
            async with asyncio.timeout(_PATIENCE):
                said = await asyncio.get_running_loop().sock_recv(requests, 1)
        except BaseException:
            requests.close()
            await asyncio.to_thread(_end, warden, sandbox)
            raise
        if said != b"R":
            requests.close()
            assert warden.stderr is not None
            reason = (await asyncio.to_thread(warden.stderr.read)).decode("utf-8", "replace").strip()
            await asyncio.to_thread(_end, warden, sandbox)
            raise SandboxError(
                f"The command was not run, because it could not be confined: {reason or 'no reason was given'}.",
                remedy="See `hermes terminal doctor`.",
            )
        assert warden.stderr is not None
        warden.stderr.close()
        self._requests, self._warden, self.sandbox = requests, warden, sandbox

    def close(self) -> None:
        """Let the warden end. Everything it has started and that still runs is killed."""
        self._hang_up()
        warden, sandbox = self._warden, self.sandbox
        self._warden = self.sandbox = None
        if warden is not None:
            # A daemon thread, because nothing may wait for it: a process of another user can keep the warden busy.
            threading.Thread(target=_end, args=(warden, sandbox), name="warden", daemon=True).start()

    async def aclose(self) -> None:
        """As `close`, and wait for the end of a sandbox and take away what was made for it."""
        if self.sandbox is None:
            self.close()
            return
        self._hang_up()
        warden, sandbox = self._warden, self.sandbox
        self._warden = self.sandbox = None
        if warden is not None:
            await asyncio.shield(asyncio.to_thread(_end, warden, sandbox))

    def _hang_up(self) -> None:
        if self._requests is not None:
            self._requests.close()
            self._requests = None


def _spawn_warden(sandbox: Sandbox | None) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    code = "import sys; sys.path.append(sys.argv[1]); from hermes_local.warden import main; main()"
    folder = str(Path(__file__).parent.parent)
    inherited: list[int] = []
    if sandbox is None:
        words = [sys.executable, "-I", "-S", "-c", code, folder, str(os.getpid())]
    else:
        from hermes_local.sandbox import interpreter

        inherited = [os.pidfd_open(os.getpid()), sandbox.plan_file()]
        numbers = [str(-inherited[0]), str(inherited[1])]
        words = sandbox.command([interpreter(), "-I", "-S", "-B", "-c", code, folder, *numbers], inherited)
    try:
        with theirs:
            warden = subprocess.Popen(
                words,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE if sandbox is not None else subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
                pass_fds=inherited,
            )
    except OSError:
        ours.close()
        raise
    finally:
        for descriptor in inherited:
            os.close(descriptor)
    return ours, warden


def _end(warden: subprocess.Popen[bytes], sandbox: Sandbox | None) -> None:
    if sandbox is None:
        warden.wait()
        return
    try:
        warden.wait(_PATIENCE_AT_THE_END)
    except subprocess.TimeoutExpired:
        # With the outermost process its namespaces end, and everything in them.
        warden.kill()
        warden.wait()
    if warden.stderr is not None:
        warden.stderr.close()
    sandbox.close()
