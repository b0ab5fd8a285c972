"""Bringing plugins up to date from where they came from, and noting what the catalogue withdrew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import Denied, HermesError
from hermes_installer.environment import Origin
from hermes_installer.install import Choices, Outcome, install_wanted
from hermes_installer.lockfile import changing, read_lock
from hermes_installer.wanted import Wanted, understand

if TYPE_CHECKING:
    from hermes_installer.lockfile import LockedPlugin
    from hermes_installer.workshop import Workshop

__all__ = ["mark_revoked", "update_plugin"]


def update_plugin(shop: Workshop, plugin: str, entry: LockedPlugin, choices: Choices) -> Outcome:
    """Install what its source has now. Raises `HermesError`; nothing is then changed."""
    wanted = _wanted(shop, entry)
    isolated = msgspec.structs.replace(choices, isolated=entry.isolated, exact=True)
    outcome = install_wanted(shop, wanted, isolated)
    if outcome.plugin != plugin:
        raise Denied(f"{entry.distribution} calls its plugin {outcome.plugin!r} now; {plugin!r} is left as it is.")
    return outcome


def mark_revoked(shop: Workshop) -> list[str]:
    """Note in the lock what the catalogue says of installed plugins, which the host then obeys; gives a line for each
    that is revoked. Only the configured catalogue can take a revocation back."""
    plugins = read_lock(shop.home).plugins
    reasons = {plugin: shop.catalogue.revoked(entry.distribution, entry.version) for plugin, entry in plugins.items()}
    if any(plugins[plugin].revoked != reason for plugin, reason in reasons.items()):
        with changing(shop.home) as lock:
            for plugin, reason in reasons.items():
                if plugin in lock.plugins:
                    lock.plugins[plugin] = msgspec.structs.replace(lock.plugins[plugin], revoked=reason)
    withdrawn = {plugin: reason for plugin, reason in reasons.items() if reason}
    return [f"Plugin {plugin!r} was revoked and is switched off: {reason}" for plugin, reason in withdrawn.items()]


def _wanted(shop: Workshop, entry: LockedPlugin) -> Wanted:
    origin = shop.said_origin
    if not origin.text and entry.index:
        # Where it came from then is where its update comes from, whatever the settings say by now.
        origin = Origin(index=entry.index) if "://" in entry.index else Origin(folder=entry.index)
    try:
        return understand(entry.requirement, shop.catalogue, origin=origin if origin.text else shop.origin)
    except Denied:
        raise
    except HermesError as error:
        raise HermesError(
            f"{entry.distribution} cannot be updated: {error.message}",
            remedy=error.remedy or "Remove it, and install it from a place that is there.",
        ) from error
