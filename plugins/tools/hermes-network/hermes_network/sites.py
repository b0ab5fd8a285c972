"""Lists of sites: names with and without what lies below them, ports, and ranges of addresses."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError
from hermes_host.visible import one_line
from hermes_network.addresses import plain
from hermes_network.targets import ascii_host

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_network.addresses import Address

__all__ = ["Sites", "listed"]

_ENTRY = re.compile(r"(\*\.)?(\[[^\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
# Most entries of long lists; what ends in a letter is no address.
_PLAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.){1,30}[a-z](?:[a-z-]{0,61}[a-z])?")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Sites:
    """A list of sites. `where` names the setting or the file in errors; `below` lets a plain name stand for everything
    below it too. Raises `ConfigError` for an entry that is no site: half a list would be worse than none."""

    def __init__(self, entries: Iterable[str], *, where: str, below: bool = False) -> None:
        self._hosts: set[str] = set()
        self._parents: set[str] = set()
        self._networks: list[tuple[Network, int]] = []
        for entry in entries:
            try:
                self._add(entry.strip(), below)
            except (ValueError, AttributeError):
                raise ConfigError(
                    f"{where}: {one_line(str(entry), 80)!r} is not a site.",
                    remedy="Write example.com, *.example.com, example.com:8080, 203.0.113.7 or 203.0.113.0/24.",
                ) from None

    def __bool__(self) -> bool:
        return bool(self._hosts or self._parents or self._networks)

    def names(self, host: str, port: int) -> str:
        """The entry that covers a host name, or an empty text."""
        if host in self._hosts:
            return host
        if f"{host}:{port}" in self._hosts:
            return f"{host}:{port}"
        rest = host
        while "." in rest:
            rest = rest.partition(".")[2]
            if rest in self._parents:
                return f"*.{rest}"
            if f"{rest}:{port}" in self._parents:
                return f"*.{rest}:{port}"
        return ""

    def covers(self, address: Address, port: int) -> Network | None:
        """The entry that covers an address; of several the narrowest."""
        address = plain(address)
        found = [network for network, only in self._networks if address in network and only in (0, port)]
        return max(found, key=lambda network: network.prefixlen) if found else None

    def widest(self) -> Iterable[Network]:
        """Ranges that stand for the whole internet of their kind."""
        return [network for network, _ in self._networks if network.prefixlen == 0]

    def _add(self, entry: str, below: bool) -> None:
        if len(entry) < 254 and _PLAIN.fullmatch(entry):
            self._hosts.add(entry)
            if below:
                self._parents.add(entry)
            return
        network, port = _network(entry)
        if network is not None:
            self._networks.append((network, port))
            return
        match = _ENTRY.fullmatch(entry)
        if match is None or int(match[3] or 1) not in range(1, 65536):
            raise ValueError
        name = ascii_host(match[2].rstrip("."))
        key = f"{name}:{int(match[3])}" if match[3] else name
        if not match[1]:
            self._hosts.add(key)
        if match[1] or below:
            self._parents.add(key)


def listed(setting: Iterable[object] | str) -> list[str]:
    """The entries of a setting: a list, or one text with commas. What is no text becomes no site, and is refused."""
    entries = setting.split(",") if isinstance(setting, str) else setting
    return [entry if isinstance(entry, str) else f"<{entry}>" for entry in entries]


def _network(entry: str) -> tuple[Network | None, int]:
    """A range of addresses and its port, 0 for all: `10.0.0.0/8`, `10.0.0.1:80`, `::1`, `[::1]:80`, `[fd00::]/8`."""
    if not entry or not (entry[0].isdigit() or ":" in entry[:5] or entry.startswith("[")):
        return None, 0
    port = 0
    text = entry
    if entry.startswith("["):
        inner, _, rest = entry[1:].partition("]")
        text, rest = (inner + rest, "") if rest.startswith("/") else (inner, rest)
        port = _port(rest[1:]) if rest.startswith(":") else 0
        if rest and not port:
            raise ValueError
    elif entry.count(":") == 1:
        text, _, digits = entry.partition(":")
        port = _port(digits)
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        if entry.startswith("[") or re.fullmatch(r"[0-9./]+", text):
            raise
        return None, 0
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= 96:
        low = plain(network.network_address)
        if isinstance(low, ipaddress.IPv4Address):
            network = ipaddress.ip_network((low, network.prefixlen - 96))
    return network, port


def _port(digits: str) -> int:
    port = int(digits)
    if not 1 <= port <= 65535:
        raise ValueError
    return port
