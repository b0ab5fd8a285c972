"""The judgement: which hosts, ports and addresses may be asked, and the service that other plugins ask through."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from hermes_network.addresses import is_public, kind_of, plain
from hermes_network.blocklist import Blocklist
from hermes_network.errors import AddressRefused
from hermes_network.settings import SecuritySettings, Settings, understood
from hermes_network.sites import Sites, listed
from hermes_network.targets import Target, check_name, is_full_name, literal, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from typing import Literal

    from yarl import URL

    from hermes_network.client import Client, Fetched, Response
    from hermes_network.report import Report

__all__ = ["Guard", "Network"]

_LOCAL_SUFFIXES = (
    *(".localhost", ".local", ".internal", ".lan", ".home", ".corp", ".intranet", ".home.arpa", ".onion", ".test"),
    *(".svc", ".cluster.local", ".invalid", ".example", ".localdomain"),
)
_METADATA_NAMES = frozenset(
    {
        *("metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"),
        *("metadata.azure.internal", "metadata.azure.com", "metadata.tencentyun.com", "metadata.packet.net"),
        *("metadata.platformequinix.com", "api.metadata.cloud.ibm.com", "rancher-metadata"),
    }
)
_LIFTED_BY_NAME = frozenset({"loopback", "private", "shared", "benchmark"})
"""What a name in `allow_private` may lead to. Everything else has to be named by its address."""

# Ports from 1024 on that the Fetch standard of the WHATWG calls bad, and those of databases that understand HTTP
# requests as commands.
_BAD_PORTS = frozenset(
    {
        *(1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679),
        *(6697, 10080, 2375, 2376, 2379, 3306, 5432, 6379, 11211, 27017),
    }
)


class Guard:
    """Decides, and never connects. Raises `ConfigError` when a list in the settings cannot be understood."""

    def __init__(
        self,
        settings: Settings | None = None,
        security: SecuritySettings | None = None,
        *,
        home: Path | None = None,
        allow_private: Iterable[str] = (),
        https_only: bool = False,
    ) -> None:
        """`allow_private` adds to the settings' exceptions; `https_only` leaves plain http to the exceptions."""
        self.security = security or SecuritySettings()
        self.settings, blocklist = understood(settings or Settings(), self.security)
        self._home = home
        self._https_only = https_only
        self._more = tuple(allow_private)
        self.allow = None if self.settings.allow is None else Sites(listed(self.settings.allow), where="network.allow")
        self.block = Sites(listed(self.settings.block), where="network.block", below=True)
        self.private = Sites([*self.settings.allow_private, *self._more], where="network.allow_private")
        self.blocklist = Blocklist(blocklist, home)

    def with_exceptions(self, allow_private: Iterable[str] = (), *, https_only: bool = False) -> Guard:
        """The same guard with exceptions of a plugin's own, or bound to https. The user's block lists stay."""
        return Guard(
            self.settings,
            self.security,
            home=self._home,
            allow_private=(*self._more, *allow_private),
            https_only=https_only or self._https_only,
        )

    def check(self, url: str | URL) -> Target:
        """Read and judge a URL, without asking a name server. Raises `AddressRefused`.

        What a name leads to is judged by `judge`, on the addresses that are then connected to.
        """
        target = parse(url)
        self.check_host(target.host, target.port)
        if self._https_only and target.scheme != "https" and not self.is_exception(target.host, target.port):
            raise AddressRefused(
                f"{target.shown!r} is not encrypted.",
                rule="encryption",
                host=target.host,
                remedy="Use https://, or make an exception for the host if it is your own.",
            )
        return target

    def check_host(self, host: str, port: int) -> None:
        """Judge a host and a port, without asking a name server. Raises `AddressRefused`."""
        address = literal(host)
        if address is None:
            check_name(host)
        self._check_sites(host, port, address)
        if address is not None:
            self.judge(host, port, [host])
        if self.is_exception(host, port):
            return
        if address is None:
            self._check_name(host)
        self._check_port(host, port)

    def judge(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Judge what a name leads to; one forbidden address forbids the name. Raises `AddressRefused`."""
        named = literal(host) is None and bool(self.private.names(host, port))
        blocked = [self.block, *self.blocklist.lists()]
        for text in addresses:
            try:
                address = ipaddress.ip_address(text.partition("%")[0])
            except ValueError:
                raise self._private(host, "reserved") from None
            if any(sites.covers(address, port) for sites in blocked):
                raise _blocked(host)
            kind = kind_of(address)
            if kind == "public" or (named and kind in _LIFTED_BY_NAME) or self._lifted(host, port, kind):
                continue
            raise self._private(host, kind)

    def _check_sites(self, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> None:
        for sites in (self.block, *self.blocklist.lists()):
            if sites.names(host, port) or (address is not None and sites.covers(address, port)):
                raise _blocked(host)
        if self.allow is None or self.is_exception(host, port):
            return
        if not self.allow.names(host, port) and (address is None or not self.allow.covers(address, port)):
            raise AddressRefused(
                f"The site {host!r} is not among those that may be asked.",
                rule="allow",
                host=host,
                remedy="Only the user can add it, to network.allow in config.yaml.",
            )

    def is_exception(self, host: str, port: int) -> bool:
        """Whether `allow_private` names it."""
        address = literal(host)
        if address is not None:
            return self.private.covers(address, port) is not None
        return bool(self.private.names(host, port))

    def _lifted(self, host: str, port: int, kind: str) -> bool:
        """Whether an address in a URL is one of the exceptions; a metadata service has to be named exactly."""
        address = literal(host)
        network = self.private.covers(address, port) if address is not None else None
        return network is not None and (kind != "metadata" or network.num_addresses == 1)

    def _check_port(self, host: str, port: int) -> None:
        if port in (80, 443) or port in self.settings.ports or (port >= 1024 and port not in _BAD_PORTS):
            return
        raise AddressRefused(
            f"Port {port} of {host!r} belongs to another service than the web.",
            rule="port",
            host=host,
            remedy="Only the user can allow it, by network.ports or network.allow_private in config.yaml.",
        )

    def _check_name(self, host: str) -> None:
        if host in _METADATA_NAMES:
            raise self._private(host, "metadata")
        if host == "localhost" or f".{host}".endswith(_LOCAL_SUFFIXES):
            raise self._private(host, "private")
        if not is_full_name(host):
            raise AddressRefused(
                f"The host {host!r} is not a full public name.",
                rule="host",
                host=host,
                remedy="Write the whole name; one of your own network needs network.allow_private in config.yaml.",
            )

    def _private(self, host: str, kind: str) -> AddressRefused:
        if kind == "metadata":
            return AddressRefused(
                f"The host {host!r} is a cloud's metadata service, which hands out keys.", rule="metadata", host=host
            )
        return AddressRefused(
            f"The host {host!r} leads to a private address.",
            rule="private",
            host=host,
            remedy="If it is a host of your own, the user can allow it by network.allow_private in config.yaml.",
        )

    def approved(self, address: str, port: int) -> bool:
        """Whether an address needs no approval by name: the last look before a socket is opened."""
        try:
            parsed = plain(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        return is_public(parsed) or self._lifted(str(parsed), port, kind_of(parsed))


def _blocked(host: str) -> AddressRefused:
    return AddressRefused(
        f"The site {host!r} is blocked.",
        rule="blocked",
        host=host,
        remedy="Only the user can change that, in network.block or security.website_blocklist of config.yaml.",
    )


@runtime_checkable
class Network(Protocol):
    """Guarded HTTP, offered by hermes-network: `await context.services.get(Network)`."""

    guard: Guard

    def client(
        self, purpose: str, *, allow_private: Sequence[str] = (), https_only: bool = False, timeout: float | None = None
    ) -> Client:
        """A client of a plugin's own, with connections of its own. `purpose` stands in the log, such as `skill hub`.

        `allow_private` are exceptions from a setting of that plugin. It is closed with the host, or by `aclose`.
        """
        ...

    def open(
        self,
        url: str,
        *,
        purpose: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Sequence[str] = (),
        limit_bytes: int | None = None,
        timeout: float | None = None,
        retry: bool = True,
    ) -> AbstractAsyncContextManager[Response]:
        """The beginning of an answer, its body to be read in pieces. As `Client.open`."""
        ...

    async def fetch(
        self,
        url: str,
        *,
        purpose: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        accept: Sequence[str] = (),
        limit_bytes: int | None = None,
        timeout: float | None = None,
        overflow: Literal["refuse", "cut"] = "refuse",
        retry: bool = True,
    ) -> Fetched:
        """A whole answer. As `Client.fetch`."""
        ...

    async def explain(self, url: str, *, resolve: bool = True) -> Report:
        """What would happen with a URL and why. Nothing is sent to its host. Raises `ConfigError` at most."""
        ...
