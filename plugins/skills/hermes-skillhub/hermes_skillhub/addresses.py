"""Which addresses may be asked: public ones, encrypted, and nothing that only looks like it.

The URL is parsed once, by the library that connects with it. A host name is resolved by `GuardedResolver`, whose answer
is both what is checked and what is connected to, so there is no second look-up that could answer differently.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from hermes_skillhub.errors import AddressRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from yarl import URL

__all__ = ["AddressPolicy", "is_public"]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_TRANSLATED = (ipaddress.ip_network("::/96"), _NAT64, ipaddress.ip_network("::ffff:0:0:0/96"))
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}\.?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".onion")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also when it is an IPv4 address in IPv6 clothes."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = _inner(parsed)
        if inner is not None:
            return is_public(str(inner))
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved or parsed.is_unspecified)


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _TRANSLATED):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class AddressPolicy:
    """What may be asked: everything public over https, and the hosts the user named."""

    def __init__(self, private_hosts: Iterable[str] = ()) -> None:
        self._named = frozenset(host.lower() for host in private_hosts)

    def names(self, host: str, port: int | None) -> bool:
        """Whether the user allowed this host by name."""
        host = host.lower().strip("[]")
        return host in self._named or f"{host}:{port}" in self._named or f"[{host}]:{port}" in self._named

    def check(self, url: URL) -> None:
        """Raise `AddressRefused` for a URL that must not be asked. What a name resolves to is judged on connecting."""
        shown = str(url.with_user(None).with_query(None)) if url.host else str(url)
        if url.scheme not in ("http", "https") or not url.host:
            raise AddressRefused(f"{shown!r} is not a web address.", remedy="Give one that begins with https://.")
        if url.user is not None or url.password is not None:
            raise AddressRefused(f"The address {shown!r} holds a user name or a password.", remedy="Leave it out.")
        if self.names(url.host, url.port):
            return
        if url.scheme != "https":
            raise AddressRefused(
                f"{shown!r} is not encrypted.",
                remedy="Use https://, or name the host in skillhub.private_hosts if it is your own.",
            )
        self._check_host(url.raw_host or "", shown)

    def _check_host(self, host: str, shown: str) -> None:
        if ":" in host or _NUMERIC.fullmatch(host):
            if not is_public(host):
                raise self._private(shown)
            return
        labels = host.split(".")
        local = host.lower().endswith(_LOCAL_SUFFIXES) or host.lower() == "localhost"
        if local:
            raise self._private(shown)
        if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
            # A trailing dot, an empty label, or a name that only a search domain completes.
            raise AddressRefused(f"The host of {shown!r} is not a full public name.")

    def _private(self, shown: str) -> AddressRefused:
        return AddressRefused(
            f"{shown!r} leads to a private address.",
            remedy="If it is a host of your own, name it in skillhub.private_hosts.",
        )

    def resolver(self, resolve: Callable[[str, int], Awaitable[Sequence[str]]] | None = None) -> Any:
        """A resolver for aiohttp that gives public addresses only. `resolve` replaces the system's, for tests."""
        from hermes_skillhub.resolver import GuardedResolver

        return GuardedResolver(self, resolve)
