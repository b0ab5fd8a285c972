"""Connections that are shared: each with its warden and its SFTP client; made anew when they are lost."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncssh

from hermes_host.errors import HermesError
from hermes_host.terminals.remote import ending
from hermes_ssh.connecting import Ties, connect
from hermes_ssh.failures import Unreachable
from hermes_ssh.wrapper import plain_bootstrap, quoted, warden_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_ssh.settings import Settings

__all__ = ["Link", "Links", "Machine"]

_MOST_LINKS = 16
_WARDEN_SECONDS = 10.0
"""How long the warden may take for an answer before it counts as gone."""


class Machine:
    """What the warden found out about the other machine."""

    def __init__(self, home: str, directory: str, shell: str, umask: str, user: str, system: str) -> None:
        self.home = home if home.startswith("/") else directory
        self.directory = directory
        self.shell = shell if re.fullmatch(r"[A-Za-z0-9_./+-]+", shell) else "sh"
        self.umask = int(umask, 8) if re.fullmatch(r"[0-7]+", umask) else 0o022
        self.root = user == "0"
        self.system = system


class Link:
    """A connection with its warden. `id` is how the marks of its commands begin."""

    machine: Machine

    def __init__(self) -> None:
        self.id = secrets.token_hex(8)
        self.word = f"hermes-{secrets.token_hex(8)}"
        self.gone = asyncio.Event()
        self._ties: Ties | None = None
        self._warden: asyncssh.SSHClientProcess[bytes] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._answers: dict[str, asyncio.Future[str]] = {}
        self._numbers = itertools.count(1)
        self._sftp: asyncssh.SFTPClient | None = None
        self._sftp_lock = asyncio.Lock()

    @property
    def lost(self) -> bool:
        """Whether it has ended."""
        return self.gone.is_set()

    @property
    def connection(self) -> asyncssh.SSHClientConnection:
        """The connection."""
        assert self._ties is not None
        return self._ties.connection

    async def open(self, settings: Settings, passphrase: str) -> None:
        """Connect and start the warden. Raises as `connect` does."""
        self._ties = await connect(settings, passphrase, self._was_lost)
        try:
            async with asyncio.timeout(settings.connect_timeout):
                await self._start_warden()
        except (asyncssh.Error, OSError, asyncio.IncompleteReadError) as error:
            await self.close()
            raise Unreachable(
                f"No shell starts on {settings.host!r}: {error or 'it gave no sign in time'}.",
                remedy=f"Try `ssh {settings.host} sh -c true`: it needs a shell and `head`, `grep`, `sed`, `awk`.",
            ) from error
        except BaseException:
            await self.close()
            raise

    async def _start_warden(self) -> None:
        code = warden_code(self.word, self.id)
        self._warden = await self.connection.create_process(
            plain_bootstrap(self.word, len(code)), encoding=None, stderr=asyncssh.DEVNULL
        )
        self._warden.stdin.write(code)
        # Start-up files of the login shell may print before it.
        await self._warden.stdout.readuntil(f"\0{self.word}hello\0".encode())
        said = (await self._warden.stdout.readuntil(b"\0\n"))[:-2].decode("utf-8", "surrogateescape")
        self.machine = Machine(*said.split("\0"))
        self._listening = asyncio.create_task(self._listen(self._warden), name="ssh warden")

    async def _listen(self, warden: asyncssh.SSHClientProcess[bytes]) -> None:
        with suppress(asyncssh.Error, OSError):
            async for line in warden.stdout:
                words = line.decode("utf-8", "replace").rstrip("\n").split(" ", 2)
                answer = self._answers.get(words[1]) if len(words) > 1 else None
                if answer is not None and not answer.done():
                    answer.set_result(words[2] if len(words) > 2 else "")
        self._was_lost()
        if self._ties is not None:
            # Without its warden nothing of it could be killed.
            self._ties.connection.close()

    async def _ask(self, verb: str, argument: str) -> str:
        """Ask the warden something; empty when it is gone."""
        if self._warden is None or self.lost:
            return ""
        number = str(next(self._numbers))
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self._warden.stdin.write(f"{verb} {number} {argument}\n".encode("utf-8", "surrogateescape"))
            async with asyncio.timeout(_WARDEN_SECONDS):
                return await answer
        except (TimeoutError, OSError, asyncssh.Error):
            self.connection.abort()
            return ""
        finally:
            del self._answers[number]

    async def end(self, mark: str) -> None:
        """Kill every process whose mark begins with `mark`, and wait until none is left. Nothing where it is lost."""
        await self._ask("end", ending(mark))

    async def identity(self, path: str) -> tuple[str, int]:
        """What SFTP cannot tell of a file: its identity (may be empty) and the number of its names."""
        words = (await self._ask("stat", quoted(path))).split()
        return (words[0], int(words[1])) if len(words) == 2 and words[1].isdigit() else ("", 1)

    async def sftp(self) -> asyncssh.SFTPClient:
        """The client for files, started with the first use."""
        async with self._sftp_lock:
            if self._sftp is None:
                self._sftp = await self.connection.start_sftp_client(path_errors="surrogateescape")
            return self._sftp

    def forget_sftp(self) -> None:
        """Give up a client that hangs."""
        if self._sftp is not None:
            self._sftp.exit()
            self._sftp = None

    def _was_lost(self) -> None:
        self.gone.set()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result("")

    async def close(self) -> None:
        """Let the warden kill what is left, and close the connection."""
        warden, self._warden = self._warden, None
        if warden is not None and not self.lost:
            with suppress(asyncssh.Error, OSError, TimeoutError):
                async with asyncio.timeout(_WARDEN_SECONDS):
                    warden.stdin.write_eof()
                    await warden.wait_closed()
        self._was_lost()
        if self._listening is not None:
            self._listening.cancel()
        if self._ties is not None:
            await self._ties.close()


class Links:
    """The connections of a process to one machine: one, and more where the server allows no more commands on it."""

    def __init__(self, settings: Settings, passphrase: Callable[[], str]) -> None:
        self._settings = settings
        self._passphrase = passphrase
        self._links: list[Link] = []
        self._lost: list[str] = []
        self._connecting = asyncio.Lock()

    @property
    def alive(self) -> list[Link]:
        """Those that have not ended."""
        return [link for link in self._links if not link.lost]

    async def link(self, without: tuple[Link, ...] = ()) -> Link:
        """A live connection that is none of `without`, made where there is none. Raises as `connect` does."""
        async with self._connecting:
            for link in self.alive:
                if link not in without:
                    return link
            ended = [link for link in self._links if link.lost]
            self._links = self.alive
            if len(self._links) >= _MOST_LINKS:
                raise HermesError(
                    "The SSH server allows no more commands at a time.", remedy="End some, or raise its MaxSessions."
                )
            self._lost += [link.id for link in ended]
            for link in ended:
                await link.close()
            link = await self._connect(again=bool(self._lost))
            self._links.append(link)
            lost, self._lost = self._lost, []
        for identity in lost:
            # Where the other side has not noticed the end of the connection, its commands still run.
            await link.end(f"{identity}.")
        return link

    async def _connect(self, *, again: bool) -> Link:
        give_up = time.monotonic() + (self._settings.reconnect_for if again else 0)
        pause = 0.25
        while True:
            link = Link()
            try:
                await link.open(self._settings, self._passphrase())
                return link
            except Unreachable:
                if time.monotonic() + pause > give_up:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def start(
        self,
        factory: Callable[[Link], asyncssh.SSHClientSession[bytes]],
        command: Callable[[Link], str],
        **options: Any,
    ) -> tuple[Link, Any]:
        """Ask for a command on a live connection. Nothing has run when this fails, for its code has not been sent.

        A connection that turns out to be dead, or full, is replaced by another one.
        """
        full: tuple[Link, ...] = ()
        for attempt in itertools.count(1):
            link = await self.link(full)
            try:
                _, session = await link.connection.create_session(
                    partial(factory, link), command(link), encoding=None, **options
                )
                return link, session
            except asyncssh.ChannelOpenError as error:
                if link.lost or link.connection.is_closed():
                    link.gone.set()
                    if attempt > 3:
                        raise Unreachable(f"The SSH connection was lost: {error}.", remedy="Try again.") from error
                else:
                    full = (*full, link)
            except (asyncssh.Error, OSError) as error:
                link.gone.set()
                if attempt > 3:
                    raise Unreachable(f"The SSH connection was lost: {error}.", remedy="Try again.") from error
        raise AssertionError

    async def files(self) -> tuple[Link, asyncssh.SFTPClient]:
        """A live connection and its client for files."""
        full: tuple[Link, ...] = ()
        for attempt in itertools.count(1):
            link = await self.link(full)
            try:
                return link, await link.sftp()
            except (asyncssh.Error, OSError) as error:
                if attempt > 3:
                    raise Unreachable(
                        f"Files cannot be reached by SFTP: {error}.",
                        remedy="The server needs `Subsystem sftp internal-sftp` in sshd_config.",
                    ) from error
                if link.connection.is_closed():
                    link.gone.set()
                else:
                    full = (*full, link)
        raise AssertionError

    async def end(self, mark: str) -> None:
        """Kill what carries `ID.mark` on each connection."""
        await asyncio.gather(*(link.end(f"{link.id}.{mark}") for link in self.alive))

    async def close(self) -> None:
        """Close all connections."""
        links, self._links = self._links, []
        for link in links:
            await link.close()
