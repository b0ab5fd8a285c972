"""What every room of the gateway needs to work with."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hermes_gateway.directory import Directory
from hermes_gateway.people import People, Standing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hermes_gateway.database import Database
    from hermes_gateway.deliveries import Deliveries
    from hermes_gateway.parts import Adapters
    from hermes_gateway.settings import Settings
    from hermes_host.host import Host
    from hermes_host.protocols import Inbound

__all__ = ["Shared", "people_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The host, the database, and what the other rooms offer."""

    host: Host
    database: Database
    deliveries: Deliveries
    adapters: Adapters
    settings: Settings
    people: People
    clock: Callable[[], float] = time.time
    holder: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(6)}")
    """This process, among all that ever held a turn."""
    rights: dict[Any, tuple[float, Any]] = field(default_factory=dict)
    """What `rights_of` has found, and until when it counts."""

    @property
    def cache(self) -> Path:
        """Where files that came in are kept."""
        return self.host.context("gateway").cache_directory if _known(self.host) else self.host.home / "cache/gateway"

    def external(self, platform: str) -> bool:
        """Whether nobody writes there: what comes in was made by machines."""
        spec = self.adapters.spec(platform)
        return spec is not None and "external" in spec.features

    def standing(self, update: Inbound) -> Standing:
        """What the sender of an update is now. Behind an external adapter nobody is anybody."""
        platform = update.address.platform
        if self.external(platform):
            return Standing("guest", f"{platform}:{update.sender.id}")
        return self.people.of(update)

    @property
    def directory(self) -> Directory:
        """Chats by name."""
        return Directory(self.database, self.adapters.spec, self.host.registry("adapters").names())

    def has(self, platform: str, feature: str) -> bool:
        """Whether the platform can do it."""
        spec = self.adapters.spec(platform)
        return spec is not None and feature in spec.features


def people_of(host: Host, database: Database, settings: Settings, clock: Callable[[], float] = time.time) -> People:
    """Everybody who may talk, with what the host's environment says about it."""
    registry = host.registry("adapters")

    def prefix(platform: str) -> str:
        spec = registry.get(platform).spec if platform in registry else None
        return (spec.environment if spec is not None else "") or platform.upper().replace("-", "_")

    return People(database, settings, variable=host.secrets.get, prefix=prefix, clock=clock)


def _known(host: Host) -> bool:
    return any(record.name == "gateway" for record in host.plugins.records)
