"""Which servers hold the mailbox, how they are spoken to, and what the agent logs in with."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from typing import TYPE_CHECKING, Literal, NamedTuple

from hermes_email.sender import normalised
from hermes_email.settings import EmailSettings, Security
from hermes_host.errors import AuthFailed, ConfigError

if TYPE_CHECKING:
    from hermes_host.context import PluginContext

__all__ = ["Login", "Server", "login", "missing", "server"]

Method = Literal["tls", "starttls", "none"]

_TOKEN_SECONDS = 30.0
_SHOWN_TO_PROGRAMS = ("HOME", "LANG", "LOGNAME", "PATH", "TMPDIR", "USER", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
_IMPLICIT_TLS = {465, 993}
_STARTTLS = {25, 143, 587}


class Server(NamedTuple):
    """A server and how it is spoken to."""

    host: str
    port: int
    method: Method
    context: ssl.SSLContext | None


class Login(NamedTuple):
    """What the servers are shown. Exactly one of `password` and `token` is set."""

    user: str
    password: str
    token: str


def missing(context: PluginContext) -> str:
    """What the mailbox lacks before it can be used."""
    settings = context.section(EmailSettings)
    for name in ("address", "imap_host", "smtp_host"):
        if not getattr(settings, name):
            return f"`email.{name}` is not set: `hermes config set email.{name} …` (or EMAIL_{name.upper()})."
    if not normalised(settings.address):
        return f"`email.address` is no mail address: {settings.address!r}."
    if not (settings.token_command or context.secret("EMAIL_PASSWORD") or context.secret("EMAIL_ACCESS_TOKEN")):
        return "EMAIL_PASSWORD is not set."
    return ""


def server(settings: EmailSettings, kind: Literal["imap", "smtp"]) -> Server:
    """The server for reading or sending. Raises `ConfigError`: nothing leaves this machine in the clear."""
    host: str = getattr(settings, f"{kind}_host")
    port: int = getattr(settings, f"{kind}_port")
    asked: Security = getattr(settings, f"{kind}_security")
    method = _method(kind, port) if asked == "auto" else asked
    if method == "none":
        if not _is_loopback(host):
            raise ConfigError(
                f"`email.{kind}_security` is `none`, but {host!r} is another machine.",
                remedy="Use `tls` or `starttls`.",
            )
        return Server(host, port, method, None)
    try:
        return Server(host, port, method, ssl.create_default_context(cafile=settings.ca_file or None))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"`email.ca_file` cannot be read: {error}") from error


def _method(kind: str, port: int) -> Method:
    if port in _IMPLICIT_TLS:
        return "tls"
    return "starttls" if port in _STARTTLS or kind == "smtp" else "tls"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def login(context: PluginContext, settings: EmailSettings) -> Login:
    """What to log in with: a fresh token where a program gives one. Raises `AuthFailed`."""
    user = settings.username or settings.address
    if settings.token_command:
        return Login(user, "", await _token(settings.token_command))
    password = context.secret("EMAIL_PASSWORD")
    return Login(user, password, "" if password else context.secret("EMAIL_ACCESS_TOKEN"))


async def _token(command: list[str]) -> str:
    shown = {name: os.environ[name] for name in _SHOWN_TO_PROGRAMS if name in os.environ}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=shown,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise ConfigError(f"`email.token_command` cannot be started: {error}") from error
    try:
        async with asyncio.timeout(_TOKEN_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        raise AuthFailed(f"`email.token_command` gave no token within {_TOKEN_SECONDS:g} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    token = output.decode("ascii", "replace").strip()
    if process.returncode or not token:
        raise AuthFailed(
            f"`email.token_command` ended with {process.returncode} and gave {'a' if token else 'no'} token.",
            remedy="Run it by hand.",
        )
    return token
