"""Who may talk, and as what. Only a platform's own id identifies anybody, compared exactly and whole."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from hermes_host.errors import BadRequest, NotFound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_gateway.database import Database
    from hermes_gateway.settings import Settings
    from hermes_host.protocols import Inbound, Role

__all__ = ["RANK", "People", "Person", "Standing"]

RANK: dict[Role | str, int] = {"": 0, "guest": 1, "member": 2, "owner": 3}
"""Roles by what they may do."""


class Standing(NamedTuple):
    """What an account is here. `role` is empty for nobody; `person` is the same for all accounts of one person."""

    role: Role | str
    person: str
    linked: bool = False

    def at_least(self, role: Role) -> bool:
        """Whether they may do what `role` may."""
        return RANK[self.role] >= RANK[role]


class Person(NamedTuple):
    """An account that was let in."""

    platform: str
    user: str
    person: str
    role: str
    name: str
    since: float


class People:
    """Everybody who may talk: those in the settings, in the environment, and those who were let in by a code."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        variable: Callable[[str], str] = lambda name: "",
        prefix: Callable[[str], str] = str.upper,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`variable` gives the value of an environment variable, `prefix` the beginning of those of a platform."""
        self._database = database
        self._settings = settings
        self._variable = variable
        self._prefix = prefix
        self._clock = clock
        self._named: dict[str, dict[str, str]] = {}
        self._open: dict[str, str] = {}

    def standing(self, platform: str, user: str) -> Standing:
        """What the account is now."""
        alone = f"{platform}:{user}"
        if not user:
            return Standing("", alone)
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT person, role FROM people WHERE platform = ? AND user = ?", (platform, user)
            ).fetchone()
            if row is None:
                return Standing(self._listed(platform, user), alone)
            role, others = self._best(connection, row["person"])
        return Standing(role, row["person"], linked=others > 1)

    def of(self, update: Inbound) -> Standing:
        """What the sender of an update is; a sender the platform cannot vouch for is nobody."""
        if not update.sender.verified:
            return Standing("", f"{update.address.platform}:{update.sender.id}")
        return self.standing(update.address.platform, update.sender.id)

    def _best(self, connection: sqlite3.Connection, person: str) -> tuple[str, int]:
        rows = connection.execute("SELECT platform, user, role FROM people WHERE person = ?", (person,)).fetchall()
        roles = [role for row in rows for role in (row["role"], self._listed(row["platform"], row["user"]))]
        return max(roles, key=lambda role: RANK[role]), len(rows)

    def _listed(self, platform: str, user: str) -> str:
        """The role by the settings and the environment."""
        if platform not in self._named:
            self._named[platform], self._open[platform] = self._read(platform)
        return self._named[platform].get(user) or self._open[platform]

    def _read(self, platform: str) -> tuple[dict[str, str], str]:
        access = self._settings.access(platform)
        prefix = self._prefix(platform)
        named: dict[str, str] = {}
        for role, ids in (("guest", access.guests), ("member", access.members)):
            named |= {str(identity): role for identity in ids}
        lists = [_ids(self._variable(f"{prefix}_ALLOWED_USERS")), _ids(self._variable("GATEWAY_ALLOWED_USERS"))]
        for ids_of in lists:
            for place, identity in enumerate(ids_of):
                # The owner is who stands first; those after them were let in to talk.
                role = "member" if place else "owner"
                if RANK[role] > RANK[named.get(identity, "")]:
                    named[identity] = role
        named |= {str(identity): "owner" for identity in access.owners}
        everybody = _yes(self._variable(f"{prefix}_ALLOW_ALL_USERS")) or (
            not any(lists) and not named and _yes(self._variable("GATEWAY_ALLOW_ALL_USERS"))
        )
        return named, access.everyone or (self._settings.gateway.allow_all_as if everybody else "")

    def listed(self, platform: str) -> dict[str, str]:
        """The ids that the settings and the environment name, with their roles."""
        self._listed(platform, "")
        return dict(self._named[platform])

    def everyone(self, platform: str) -> str:
        """What everybody else is there; empty for nobody."""
        self._listed(platform, "")
        return self._open[platform]

    def all(self) -> Sequence[Person]:
        """Those who were let in, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM people ORDER BY since, platform, user").fetchall()
        return [Person(**dict(row)) for row in rows]

    def let_in(self, platform: str, user: str, role: Role, name: str = "") -> None:
        """Let somebody in, or give them another role."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO people (platform, user, person, role, name, since) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (platform, user) DO UPDATE SET role = excluded.role, name = excluded.name",
                (platform, user, f"{platform}:{user}", role, name, self._clock()),
            )

    def revoke(self, platform: str, user: str) -> None:
        """Take an account's rights away; its running turns are stopped by the gateway.

        Raises `NotFound` for one that was never let in, and `BadRequest` for one that the settings name.
        """
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM pairing WHERE platform = ? AND user = ?", (platform, user))
            gone = connection.execute("DELETE FROM people WHERE platform = ? AND user = ?", (platform, user)).rowcount
        if self._listed(platform, user):
            raise BadRequest(
                f"{user!r} on {platform} still has the role {self._listed(platform, user)} by the settings.",
                remedy=f"Take it out of gateway.access.{platform} or {self._prefix(platform)}_ALLOWED_USERS.",
            )
        if not gone:
            raise NotFound(
                f"Nobody with the id {user!r} was let in on {platform}.", remedy="See `hermes pairing list`."
            )

    def link(self, shown: tuple[str, str], entered: tuple[str, str], name: str = "") -> None:
        """Make the account `entered` one person with the account `shown`; each is platform and id."""
        person = self.standing(*shown).person
        other = self.standing(*entered).person
        now = self._clock()
        with self._database.transaction() as connection:
            for platform, user in (shown, entered):
                # Without a role of its own: it has those of the person's other accounts, for as long as they have them.
                connection.execute(
                    "INSERT OR IGNORE INTO people (platform, user, person, role, name, since) "
                    "VALUES (?, ?, ?, '', ?, ?)",
                    (platform, user, person, name, now),
                )
            connection.execute("UPDATE people SET person = ? WHERE person = ?", (person, other))


def _ids(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _yes(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "on")
