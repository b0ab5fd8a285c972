"""Chats that are known, by name: where messages can be sent without knowing an id."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from hermes_host.errors import BadRequest, NotFound
from hermes_host.protocols import Address, Place
from hermes_host.registry import near_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_gateway.database import Database
    from hermes_host.specs import AdapterSpec

__all__ = ["Directory"]


class Directory:
    """The tables `places` and `homes`."""

    def __init__(self, database: Database, spec: Callable[[str], AdapterSpec | None], names: Sequence[str]) -> None:
        """`spec` gives the spec of an installed adapter; `names` are those of all of them."""
        self._database = database
        self._spec = spec
        self._names = names

    def note(self, places: Sequence[Place]) -> None:
        """Keep chats that exist."""
        with self._database.transaction(forced=False) as connection:
            connection.executemany(
                "INSERT INTO places (address, platform, name, kind, seen) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (address) DO UPDATE SET name = excluded.name, kind = excluded.kind, seen = excluded.seen",
                [(str(item.address), item.address.platform, item.name, item.kind, time.time()) for item in places],
            )

    def places(self, platform: str = "") -> Sequence[Place]:
        """The known chats, by platform and name."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM places WHERE platform = ? OR ? = '' ORDER BY platform, name COLLATE NOCASE",
                (platform, platform),
            ).fetchall()
        return [Place(address=Address.parse(row["address"]), name=row["name"], kind=row["kind"]) for row in rows]

    def home(self, platform: str) -> Address | None:
        """Where messages for a platform go that name no chat."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT address FROM homes WHERE platform = ?", (platform,)).fetchone()
        return Address.parse(row["address"]) if row else None

    def set_home(self, address: Address) -> None:
        """Have messages for its platform go there."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO homes (platform, address) VALUES (?, ?)"
                " ON CONFLICT (platform) DO UPDATE SET address = excluded.address",
                (address.platform, str(address)),
            )

    def resolve(self, target: str) -> Address:
        """The place meant by `target`. Raises `NotFound`; never gives another place than the one that was named."""
        front, colon, rest = target.strip().partition(":")
        platform = front.partition("+")[0]
        if self._spec(platform) is None:
            near = near_names(platform, self._names)
            hint = f"Did you mean {near}?" if near else f"There are: {', '.join(sorted(self._names)) or 'none'}."
            raise NotFound(f"There is no platform {platform!r}.", remedy=hint)
        if not colon:
            return self._home_of(platform)
        if not rest.strip():
            raise NotFound(f"{target!r} names no chat.", remedy=f"`{platform}` alone means its home.")
        named = [] if "+" in front else self._named(platform, rest)
        if len(named) > 1:
            listed = ", ".join(str(place.address) for place in named[:5])
            raise NotFound(f"Several chats of {platform} are called {rest!r}.", remedy=f"Give one of: {listed}.")
        if named:
            return named[0].address
        return self._by_id(target, platform, rest)

    def _home_of(self, platform: str) -> Address:
        home = self.home(platform)
        if home is None:
            raise NotFound(
                f"{platform} has no home chat.", remedy="Write /sethome in the chat that is to be it, or name a chat."
            )
        return home

    def _named(self, platform: str, name: str) -> Sequence[Place]:
        wanted = name.removeprefix("#").casefold()
        return [item for item in self.places(platform) if item.name.removeprefix("#").casefold() == wanted]

    def _by_id(self, target: str, platform: str, rest: str) -> Address:
        spec = self._spec(platform)
        try:
            address = Address.parse(target.strip())
        except BadRequest:
            address = None
        if address is not None and not rest.startswith("#"):
            pattern = spec.addresses if spec is not None else ""
            if (pattern and re.fullmatch(pattern, address.chat)) or self._is_known(address):
                return address
        near = near_names(rest.removeprefix("#"), [item.name for item in self.places(platform)])
        raise NotFound(
            f"No chat of {platform} is called {rest!r}, and it is no id of one.",
            remedy=f"Did you mean {near}?"
            if near
            else f"Chats the gateway has seen: `hermes gateway chats {platform}`.",
        )

    def _is_known(self, address: Address) -> bool:
        with self._database.reading() as connection:
            return any(
                connection.execute(f"SELECT 1 FROM {table} WHERE address = ? LIMIT 1", (str(address),)).fetchone()
                for table in ("places", "conversations", "homes")
            )
