"""Waking the gateway from any process that put something into its outbox: a datagram to a socket in the home."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Self

from hermes_host.context import private_directory

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Waker"]

NAME = "gateway.wake"

_UNHEARD = 5.0
"""Seconds after which the outbox is looked at without having been woken, where the socket cannot be made."""


class Waker:
    """Both ends. Used as a context by the one who waits."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        self._event = asyncio.Event()
        self._socket: socket.socket | None = None

    async def __aenter__(self) -> Self:
        with contextlib.suppress(OSError):
            private_directory(self._path.parent)
            self._path.unlink(missing_ok=True)
            receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            try:
                receiver.bind(_short(self._path))
                self._path.chmod(0o600)
            except OSError:
                receiver.close()
                raise
            self._socket = receiver
            asyncio.get_running_loop().add_reader(receiver, self._heard)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self._path.unlink(missing_ok=True)

    def wake(self) -> None:
        """Wake whoever waits: in this process, or else in the gateway's, if there is one."""
        if self._socket is not None:
            self._event.set()
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as it,
        ):
            it.sendto(b"1", _short(self._path))

    async def wait(self, seconds: float | None) -> None:
        """Until woken, for at most `seconds`."""
        if self._socket is None:
            seconds = min(seconds or _UNHEARD, _UNHEARD)
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()

    def _heard(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._socket is not None and self._socket.recv(16):
                pass
        self._event.set()


def _short(path: Path) -> str:
    """A path that fits into the address of a socket (108 bytes. Source: unix(7))."""
    whole = str(path)
    relative = os.path.relpath(path)
    return whole if len(os.fsencode(whole)) < 108 else relative
