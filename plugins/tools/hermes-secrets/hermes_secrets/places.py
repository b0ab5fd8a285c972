"""Where secrets lie: `.env`, the environment, and the stores that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host.errors import HermesError, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.host import Host
    from hermes_host.protocols import SecretStore

__all__ = ["ENV_FILE", "check_name", "known_names", "move", "places_of", "store_named", "stores"]

ENV_FILE = ".env"


def stores(host: Host) -> dict[str, SecretStore]:
    """The live stores, by name, in the order in which they are asked."""
    return dict(host.secrets.stores() or ())


def store_named(host: Host, name: str) -> SecretStore | None:
    """The store of that name, None for `.env`. Without a name the first that is used, else `.env`.

    Raises `NotFound` for one that is not used.
    """
    found = stores(host)
    if not name:
        return next(iter(found.values()), None)
    if name == ENV_FILE:
        return None
    if name not in found:
        raise NotFound(
            f"The secret store {name!r} is not used; there are: {', '.join([*found, ENV_FILE])}.",
            remedy=f"Run: hermes config set secrets.stores '[{', '.join([*found, name])}]'",
        )
    return found[name]


def check_name(host: Host, name: str, value: str = "x") -> None:
    """Raise `HermesError` for a name or value that cannot be kept, or that would never be asked for."""
    host.secrets.check(name, value)
    if not host.secrets.is_secret(name):
        raise HermesError(
            f"{name!r} is no secret that anything asks for.",
            remedy="Names end in _API_KEY, _TOKEN, _PASSWORD or alike, or a plugin declares them.",
        )


def known_names(host: Host) -> Sequence[str]:
    """The names that are set here, and those that plugins ask for."""
    declared = {
        secret.name
        for record in host.plugins.records
        if record.info is not None and record.state == "loaded"
        for secret in record.info.secrets
        if secret.sensitive
    }
    host.secrets.declare(*declared)
    return sorted({*host.secrets.names(), *declared})


def places_of(host: Host, name: str) -> Sequence[str]:
    """Every place that has it, the one that counts first."""
    found = [ENV_FILE] if host.secrets.variables.get(name) else []
    if host.environ.get(name):
        found.append("environment")
    return [*found, *(place for place, store in stores(host).items() if store.get(name))]


def move(host: Host, name: str, store: SecretStore) -> None:
    """Move one secret from `.env` to a store, and out of `.env` only once the store gives it back.

    Raises `HermesError`.
    """
    value = host.secrets.variables[name]
    before = store.get(name)
    if before and before != value:
        raise HermesError(f"{name} is there already, with another value; nothing was changed.")
    if not before:
        store.set(name, value)
        if store.get(name) != value:
            raise HermesError(f"{name} did not come back from the store as it was; it stays in {ENV_FILE}.")
    host.secrets.unset(name)
