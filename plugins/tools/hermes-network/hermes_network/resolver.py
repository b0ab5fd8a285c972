"""The one look-up: the addresses that are judged here are those that are connected to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError
from hermes_network.errors import FetchFailed

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

    from hermes_network.guard import Guard

__all__ = ["Lookup", "PinnedResolver", "lookup_of", "resolve", "system_lookup"]

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to addresses as text. Raises `OSError` when there are none."""

_PATIENCE = 10.0
_APPROVED_AT_MOST = 4096


async def resolve(guard: Guard, lookup: Lookup, host: str, port: int) -> list[str]:
    """The addresses of a name, every one of which the guard lets pass. Raises `AddressRefused` or `FetchFailed`."""
    try:
        found = list(dict.fromkeys(await lookup(host, port)))
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise FetchFailed(f"The host {host!r} cannot be found.", kind="dns", host=host, remedy="Check its spelling.")
    guard.judge(host, port, found)
    return found


class PinnedResolver:
    """Has the methods of `aiohttp.abc.AbstractResolver`, without importing aiohttp for it.

    It remembers what it approved, so that a socket for any other address that is not public can be refused.
    """

    def __init__(self, guard: Guard, lookup: Lookup, *, trusted: tuple[str, int] | None = None) -> None:
        """`trusted` is the host and port of the proxy that the user configured."""
        self._guard = guard
        self._lookup = lookup
        self._trusted = trusted
        self._approved: dict[tuple[str, int], None] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises `AddressRefused` when any of them may not be asked."""
        if (host, port) == self._trusted:
            addresses = list(await system_lookup(host, port))
        else:
            addresses = await resolve(self._guard, self._lookup, host, port)
        for address in addresses:
            self.approve(address, port)
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": _family(address),
                "proto": 0,
                "flags": int(socket.AI_NUMERICHOST | socket.AI_NUMERICSERV),
            }
            for address in addresses
            if family in (socket.AF_UNSPEC, _family(address))
        ]

    def approve(self, address: str, port: int) -> None:
        """Let sockets be opened to an address that was judged."""
        self._approved.pop((address, port), None)
        self._approved[address, port] = None
        if len(self._approved) > _APPROVED_AT_MOST:
            del self._approved[next(iter(self._approved))]

    def approves(self, address: str, port: int) -> bool:
        """Whether a socket may be opened."""
        return (address, port) in self._approved or self._guard.approved(address, port)

    async def close(self) -> None:
        """Nothing to release."""


def lookup_of(nameservers: Sequence[str]) -> Lookup:
    """The system's look-up, or one that asks these servers. Raises `ConfigError` for what is no server."""
    return _asking(nameservers) if nameservers else system_lookup


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """As every program of this machine looks names up."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(item[4][0]) for item in found]


def _asking(nameservers: Sequence[str]) -> Lookup:
    try:
        import dns.asyncresolver
        import dns.exception
        import dns.nameserver
    except ImportError as error:
        raise ConfigError(
            "network.nameservers needs a package that is not installed.",
            remedy="Run `pip install 'hermes-network[dns]'`.",
        ) from error

    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(*_server(text)) for text in nameservers]
    # With EDNS some small servers and middle boxes give no answer; addresses fit without it.
    resolver.use_edns(-1)

    async def lookup(host: str, port: int) -> Sequence[str]:
        if host == "localhost" or host.endswith(".localhost"):
            return await system_lookup("localhost", port)
        try:
            answers = await resolver.resolve_name(f"{host}.", lifetime=_PATIENCE)
        except dns.exception.DNSException as error:
            raise OSError(f"{host} cannot be found") from error
        return list(answers.addresses())

    return lookup


def _server(text: str) -> tuple[str, int]:
    import ipaddress

    address, _, port = text.rpartition(":") if text.startswith("[") or text.count(":") == 1 else (text, "", "53")
    try:
        return str(ipaddress.ip_address(address.strip("[]"))), int(port)
    except ValueError:
        raise ConfigError(
            f"network.nameservers: {text!r} is not a server.", remedy="Write 192.0.2.53 or 192.0.2.53:5353."
        ) from None


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
