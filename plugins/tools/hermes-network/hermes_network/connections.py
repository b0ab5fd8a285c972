"""Guarded connections for aiohttp: resolved once, judged, pinned, and looked at again before a socket is opened."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ConfigError
from hermes_network.errors import AddressRefused
from hermes_network.resolver import PinnedResolver, system_lookup

if TYPE_CHECKING:
    from aiohttp import ClientSession, TCPConnector

    from hermes_network.guard import Guard
    from hermes_network.resolver import Lookup

__all__ = ["certificates", "connector", "session"]

_AT_ONCE = 8
_HEADERS_AT_MOST = 128
_HEADER_BYTES = 16_384


def connector(
    guard: Guard, *, lookup: Lookup | None = None, resolver: PinnedResolver | None = None, ca_bundle: str = ""
) -> TCPConnector:
    """A connector for a `ClientSession` of a plugin's own, for libraries that bring theirs (WebSockets, SDKs).

    It guards where sockets lead. It does not read URLs: give every URL, and that of every redirect, to `Guard.check`
    first, and use `allow_redirects=False`.
    """
    from aiohttp import TCPConnector

    pinned = resolver or PinnedResolver(guard, lookup or system_lookup)
    secure = certificates(ca_bundle)

    def open_socket(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        if not pinned.approves(str(address[0]), int(address[1])):
            raise _Unapproved
        return socket.socket(family=family, type=kind, proto=protocol)

    return TCPConnector(
        resolver=pinned,  # type: ignore[arg-type]
        # A second request asks anew, and the answer is judged anew.
        use_dns_cache=False,
        limit_per_host=_AT_ONCE,
        socket_factory=open_socket,
        ssl=secure if secure is not None else True,
    )


def session(guard: Guard, resolver: PinnedResolver, *, ca_bundle: str = "", patience: float = 30.0) -> ClientSession:
    """A session that keeps no cookies, reads no `.netrc`, uses no proxy of the environment and unpacks nothing."""
    from aiohttp import ClientSession, ClientTimeout, DummyCookieJar

    return ClientSession(
        connector=connector(guard, resolver=resolver, ca_bundle=ca_bundle),
        trust_env=False,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        timeout=ClientTimeout(total=None, sock_connect=patience, sock_read=patience),
        max_headers=_HEADERS_AT_MOST,
        max_line_size=_HEADER_BYTES,
        max_field_size=_HEADER_BYTES,
    )


def certificates(ca_bundle: str) -> ssl.SSLContext | None:
    """What to trust, None for the system's. Raises `ConfigError` when the file cannot be read."""
    if not ca_bundle:
        return None
    try:
        return ssl.create_default_context(cafile=str(Path(ca_bundle).expanduser()))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"network.ca_bundle cannot be read: {ca_bundle!r}.") from error


class _Unapproved(AddressRefused):
    """Something asked for a socket to an address that nobody judged."""

    def __init__(self) -> None:
        super().__init__("A connection to an address that was not checked was stopped.", rule="private")
