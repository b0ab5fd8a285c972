"""Starting commands: the descriptors they get, and the warden that starts them."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_local.plumbing import Plumbing
from hermes_local.processes import Process, writable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

__all__ = ["Launcher"]


class Launcher:
    """Starts processes through one warden, which is started with the first and ends with `close`."""

    def __init__(self) -> None:
        self._requests: socket.socket | None = None
        self._warden: subprocess.Popen[bytes] | None = None

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
                self._open()
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
                self.close()
                if attempt == 2:
                    raise

    def _open(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        code = "import sys; sys.path.append(sys.argv[1]); from hermes_local.warden import main; main()"
        folder = str(Path(__file__).parent.parent)
        try:
            with theirs:
                self._warden = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", code, folder, str(os.getpid())],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={},
                    cwd="/",
                    start_new_session=True,
                )
        except OSError:
            ours.close()
            raise
        self._requests = ours

    def close(self) -> None:
        """Let the warden end. Everything it has started and that still runs is killed."""
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._warden is not None:
            warden, self._warden = self._warden, None
            # A daemon thread, because nothing may wait for it: a process of another user can keep the warden busy.
            threading.Thread(target=warden.wait, name="warden", daemon=True).start()
