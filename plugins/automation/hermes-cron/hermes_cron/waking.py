"""Waking the scheduler from any process that changed a job: a datagram to a socket beside the store."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Self

from hermes_cron.database import folder
from hermes_host.context import private_directory

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Waker", "wake"]


def wake(home: Path) -> None:
    """Wake every scheduler of this home. Where none waits nothing happens."""
    with contextlib.suppress(OSError):
        for path in _folder(home).iterdir():
            _send(path)


def _send(path: Path) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as it:
        try:
            it.sendto(b"1", _short(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)  # of a process that is gone


class Waker:
    """The end that is woken. Used as a context."""

    def __init__(self, home: Path) -> None:
        self._path = _folder(home) / str(os.getpid())
        self.event = asyncio.Event()
        self._socket: socket.socket | None = None

    async def __aenter__(self) -> Self:
        # Without a socket it is woken by nobody, and looks by itself now and then.
        with contextlib.suppress(OSError, NotImplementedError):
            private_directory(self._path.parent)
            self._path.unlink(missing_ok=True)
            receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            try:
                receiver.bind(_short(self._path))
                self._path.chmod(0o600)
                asyncio.get_running_loop().add_reader(receiver, self._heard, receiver)
            except BaseException:
                receiver.close()
                raise
            self._socket = receiver
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self._path.unlink(missing_ok=True)

    def _heard(self, receiver: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while receiver.recv(16):
                pass
        self.event.set()


def _folder(home: Path) -> Path:
    return folder(home) / "wake"


def _short(path: Path) -> str:
    """A path that fits into the address of a socket (108 bytes. Source: unix(7))."""
    whole = str(path)
    return whole if len(os.fsencode(whole)) < 108 else os.path.relpath(path)
