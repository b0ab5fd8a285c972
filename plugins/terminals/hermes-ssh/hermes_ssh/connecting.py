"""Making a connection: whose key the machine has, who we are, through which other machines, and why it failed."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh

from hermes_host.errors import ConfigError, HermesError
from hermes_ssh.failures import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_ssh.settings import Settings

__all__ = ["Hop", "Ties", "connect"]

_AUTHENTICATION = ("gssapi-keyex", "gssapi-with-mic", "hostbased", "publickey")
"""What needs no person: there is nobody to type a password."""


class Hop:
    """A machine on the way, or the one at its end."""

    def __init__(self, host: str, user: str = "", port: int = 0) -> None:
        self.host = host
        self.user = user
        self.port = port

    @classmethod
    def parse(cls, text: str) -> Hop:
        """Read `[user@]host[:port]`, an IPv6 address in brackets. Raises `ConfigError`."""
        found = re.fullmatch(r"(?:([^@\s]+)@)?(?:\[([0-9A-Fa-f:.%]+)\]|([^:@\s\[\]]+))(?::(\d{1,5}))?", text)
        if found is None:
            raise ConfigError(
                f"{text!r} is no machine to go through.", remedy="Write `ssh.jump` as [user@]host[:port]."
            )
        return cls(found[2] or found[3], found[1] or "", int(found[4] or 0))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


class Ties:
    """A connection and those it goes through."""

    def __init__(self, through: list[asyncssh.SSHClientConnection], on_lost: Callable[[], None]) -> None:
        self._through = through
        self._on_lost = on_lost
        self.lost = False

    @property
    def connection(self) -> asyncssh.SSHClientConnection:
        """The connection to the last machine."""
        return self._through[-1]

    def was_lost(self) -> None:
        """Called when the last connection, or one it goes through, has ended."""
        if not self.lost:
            self.lost = True
            self._on_lost()

    async def close(self) -> None:
        """Close them all, the last one first."""
        for connection in reversed(self._through):
            connection.close()
            try:
                async with asyncio.timeout(5):
                    await connection.wait_closed()
            except TimeoutError:
                connection.abort()


async def connect(settings: Settings, passphrase: str, on_lost: Callable[[], None]) -> Ties:
    """Connect, through the jump hosts. `on_lost` is called once when the connection ends.

    Raises `Unreachable` where trying again may help, and `ConfigError` or `HermesError` where a person has to act.
    """
    through: list[asyncssh.SSHClientConnection] = []
    ties = Ties(through, on_lost)
    hops = [*(Hop.parse(text) for text in settings.jump), Hop(settings.host, settings.user, settings.port)]
    try:
        options = await _options(settings, passphrase)
        for hop in hops:
            tunnel = {"tunnel": through[-1]} if through else {}
            through.append(await _connect_to(hop, settings, ties, {**options, **tunnel}))
    except BaseException:
        await ties.close()
        raise
    return ties


async def _options(settings: Settings, passphrase: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "config": _configuration(settings),
        "preferred_auth": _AUTHENTICATION,
        "keepalive_interval": settings.keep_alive,
        "keepalive_count_max": 3,
        "connect_timeout": settings.connect_timeout,
        "login_timeout": settings.connect_timeout,
    }
    if settings.key:
        options["client_keys"] = await asyncio.to_thread(_load_key, settings.key, passphrase)
    if not settings.agent:
        options["agent_path"] = None
    return options


def _configuration(settings: Settings) -> list[str] | None:
    path = Path(settings.config).expanduser()
    return [str(path)] if settings.config and path.is_file() else None


def _load_key(name: str, passphrase: str) -> Any:
    path = Path(name).expanduser()
    try:
        return asyncssh.load_keypairs(str(path), passphrase or None)
    except OSError as error:
        raise ConfigError(
            f"The private key {name!r} cannot be read: {error.strerror}.", remedy="Correct `ssh.key` in config.yaml."
        ) from None
    except asyncssh.KeyEncryptionError:
        raise ConfigError(
            f"The passphrase for the private key {name!r} is wrong.", remedy="Set SSH_KEY_PASSPHRASE in .env anew."
        ) from None
    except asyncssh.KeyImportError as error:
        if "passphrase" in str(error).lower():
            raise ConfigError(
                f"The private key {name!r} is protected by a passphrase.",
                remedy="Set SSH_KEY_PASSPHRASE in .env, or add the key to the SSH agent and leave `ssh.key` empty.",
            ) from None
        raise ConfigError(
            f"The file {name!r} is no private key: {error}.", remedy="Correct `ssh.key` in config.yaml."
        ) from None


class _Client(asyncssh.SSHClient):
    """Decides about host keys, and hears of the end of the connection."""

    def __init__(self, settings: Settings, known: asyncssh.SSHKnownHosts, ties: Ties) -> None:
        self._settings = settings
        self._known = known
        self._ties = ties
        self.refusal: HermesError | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        if self.knows(host, addr, port):
            self.refusal = changed_key(self._settings, host, port, key.get_fingerprint())
            return False
        if self._settings.host_keys == "strict":
            self.refusal = HermesError(
                f"The machine {host!r} is not known: its key is {key.get_fingerprint()}.",
                remedy=f"Compare that with the machine's own (`ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` there), then"
                f" add it with `ssh-keyscan -p {port} {host} >> {self._settings.known_hosts}`.",
            )
            return False
        self._remember(host, port, key)
        return True

    def knows(self, host: str, addr: str, port: int) -> bool:
        """Whether any key of that machine is known."""
        return bool(asyncssh.match_known_hosts(self._known, host, addr, None if port == 22 else port)[0])

    def _remember(self, host: str, port: int, key: asyncssh.SSHKey) -> None:
        path = Path(self._settings.known_hosts).expanduser()
        name = host if port == 22 else f"[{host}]:{port}"
        line = f"{name} {key.export_public_key('openssh').decode('ascii').strip()}\n"
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            # A last line without its end would swallow ours.
            before = os.pread(descriptor, 1, max(0, os.fstat(descriptor).st_size - 1))
            file.write((b"\n" if before not in (b"", b"\n") else b"") + line.encode("utf-8"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._ties.was_lost()


def changed_key(settings: Settings, host: str, port: int, fingerprint: str) -> HermesError:
    """The key is another one than the one on file: a new installation, or somebody in between."""
    name = host if port == 22 else f"[{host}]:{port}"
    said = f": it is now {fingerprint}" if fingerprint else ""
    return HermesError(
        f"THE KEY OF THE MACHINE {host!r} HAS CHANGED{said}. Either it was installed anew, or somebody is pretending to"
        " be it. Nothing was sent.",
        remedy=f"Ask whoever runs it. If the new key is right, remove the old one with"
        f" `ssh-keygen -R '{name}' -f {settings.known_hosts}` and try again.",
    )


async def _connect_to(
    hop: Hop, settings: Settings, ties: Ties, options: dict[str, Any]
) -> asyncssh.SSHClientConnection:
    client = _Client(settings, _known_hosts(settings), ties)
    given = {"username": hop.user, "port": hop.port}
    try:
        async with asyncio.timeout(settings.connect_timeout * 2 + 1):
            return await asyncssh.connect(
                hop.host,
                client_factory=lambda: client,
                known_hosts=client._known,
                **{name: value for name, value in given.items() if value},
                **options,
            )
    except (asyncssh.Error, asyncssh.ConfigParseError, OSError, ValueError) as error:
        if client.refusal is not None:
            raise client.refusal from None
        if isinstance(error, asyncssh.KeyExchangeFailed) and client.knows(hop.host, "", hop.port or 22):
            raise changed_key(settings, hop.host, hop.port or 22, "") from None
        raise _explained(error, hop, settings) from error


def _known_hosts(settings: Settings) -> asyncssh.SSHKnownHosts:
    path = Path(settings.known_hosts).expanduser()
    try:
        return asyncssh.read_known_hosts(str(path)) if path.exists() else asyncssh.import_known_hosts("")
    except (OSError, ValueError) as error:
        raise ConfigError(f"The file {str(path)!r} cannot be used: {error}", remedy="Mend it.") from None


def _explained(error: Exception, hop: Hop, settings: Settings) -> HermesError:
    """What failed in words for a person; the order goes from the particular to the general."""
    if isinstance(error, asyncssh.PermissionDenied):
        user = hop.user or "the user of this name here"
        tried = f"the key {settings.key!r}" if settings.key else "no key of the agent or of ~/.ssh"
        return HermesError(
            f"The machine {str(hop)!r} refused the login as {user!r}"
            f" ({tried} {'was not' if settings.key else 'was'} accepted).",
            remedy=f"Try `ssh -p {hop.port or 22} {hop.user + '@' if hop.user else ''}{hop.host} true`;"
            " set `ssh.user` and `ssh.key`, and add the public key to ~/.ssh/authorized_keys there.",
        )
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return HermesError(f"The key of {str(hop)!r} is not acceptable: {error}.", remedy="Ask who runs it.")
    if isinstance(error, asyncssh.ConfigParseError):
        return ConfigError(f"The file {settings.config!r} cannot be used: {error}", remedy="Mend it.")
    if isinstance(error, socket.gaierror):
        return Unreachable(f"There is no machine {hop.host!r}: its name has no address.", remedy="Check `ssh.host`.")
    if isinstance(error, TimeoutError) or getattr(error, "errno", None) in (errno.ETIMEDOUT, errno.EHOSTUNREACH):
        return Unreachable(
            f"The machine {str(hop)!r} did not answer within {settings.connect_timeout:g} s.",
            remedy="Check that it runs and that no firewall is in between, or raise `ssh.connect_timeout`.",
        )
    if isinstance(error, ConnectionRefusedError) or "onnection refused" in str(error):
        return Unreachable(
            f"The machine {str(hop)!r} refused the connection: no SSH server listens there.",
            remedy="Check `ssh.host` and `ssh.port`, and that sshd runs.",
        )
    return Unreachable(
        f"No connection to the machine {str(hop)!r}: {error or type(error).__name__}.",
        remedy=f"Try `ssh -v -p {hop.port or 22} {hop.host} true`.",
    )
