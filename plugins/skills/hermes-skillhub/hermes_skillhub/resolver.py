"""The one resolver: what it lets through is what is connected to."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from hermes_skillhub.addresses import AddressPolicy, is_public
from hermes_skillhub.errors import AddressRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from aiohttp.abc import ResolveResult

__all__ = ["GuardedResolver"]


class GuardedResolver:
    """Has the methods of `aiohttp.abc.AbstractResolver`, without importing aiohttp for it."""

    def __init__(
        self, policy: AddressPolicy, resolve: Callable[[str, int], Awaitable[Sequence[str]]] | None = None
    ) -> None:
        self._policy = policy
        self._resolve = resolve or _system

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises `AddressRefused` when any of them is not public."""
        addresses = await self._resolve(host, port)
        if not addresses:
            raise OSError(f"{host} has no address.")
        if not self._policy.names(host, port) and not all(is_public(address) for address in addresses):
            # One private answer among public ones is how a name is made to move: none of them is used.
            raise AddressRefused(
                f"The host {host!r} leads to a private address.",
                remedy="If it is a host of your own, name it in skillhub.private_hosts.",
            )
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": int(socket.AI_NUMERICHOST | socket.AI_NUMERICSERV),
            }
            for address in addresses
            if family in (socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET)
        ]

    async def close(self) -> None:
        """Nothing to release."""


async def _system(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))
