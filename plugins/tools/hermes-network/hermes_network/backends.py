"""Guarded connections for httpcore2, and so for httpx2 and the SDKs built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore2  # noqa: TID253 - this module is only imported by those who use it

from hermes_network.resolver import resolve, system_lookup
from hermes_network.targets import literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_network.guard import Guard
    from hermes_network.resolver import Lookup

__all__ = ["GuardedBackend"]


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Give it to a pool: `httpcore2.AsyncConnectionPool(network_backend=GuardedBackend(network.guard))`.

    It guards where sockets lead: hosts, ports, addresses. URLs and redirects are for `Guard.check`. Needs the extra
    `hermes-network[httpcore]`.
    """

    def __init__(self, guard: Guard, *, lookup: Lookup | None = None) -> None:
        self._guard = guard
        self._lookup = lookup or system_lookup
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to an address that was judged. Raises `AddressRefused`, else what httpcore2 raises."""
        host = host.lower()
        self._guard.check_host(host, port)
        addresses = [host] if literal(host) else await resolve(self._guard, self._lookup, host, port)
        error: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failure:
                error = failure
        raise error or httpcore2.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Sockets of this machine are never opened."""
        raise httpcore2.UnsupportedProtocol("Unix sockets are not opened.")

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore2 asks for between its tries."""
        await self._inner.sleep(seconds)
