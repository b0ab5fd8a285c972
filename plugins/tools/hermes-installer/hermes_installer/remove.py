"""Taking a plugin out: its distribution or environment, what came with it, and what was written down about it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from hermes_host.errors import HermesError
from hermes_installer import isolation
from hermes_installer.lockfile import changing
from hermes_installer.wheels import metadata_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_installer.lockfile import LockedPlugin
    from hermes_installer.workshop import Workshop

__all__ = ["Removal", "plan_removal", "remove_plugin"]


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """What goes."""

    plugin: str
    distributions: tuple[str, ...] = ()
    """Of the host's own environment."""
    environment: str = ""
    folders: tuple[str, ...] = ()
    """With what the plugin kept."""
    kept: tuple[str, ...] = ()
    """Folders that stay, for they were not to be purged."""


def plan_removal(shop: Workshop, plugin: str, entry: LockedPlugin, *, purge: bool) -> Removal:
    """What would go, with nothing done yet."""
    folders = tuple(
        str(path)
        for path in (shop.home / "plugins" / plugin, shop.home / "cache" / plugin)
        if path.is_dir() and plugin != "installer"
    )
    return Removal(
        plugin=plugin,
        distributions=() if entry.isolated else tuple(_going(shop, entry)),
        environment=entry.environment if entry.isolated else "",
        folders=folders if purge else (),
        kept=() if purge else folders,
    )


def remove_plugin(shop: Workshop, removal: Removal) -> None:
    """Do it. Raises `HermesError`; the entry then stays, so that it can be done again."""
    if removal.distributions:
        with shop.scratch() as scratch:
            shop.tool.run(shop.tool.uninstall(removal.distributions), say=shop.say, folder=scratch)
    if removal.environment:
        environment = Path(removal.environment)
        if environment.parent != shop.environments:
            raise HermesError(f"{environment} is not where environments of plugins are.", remedy="Delete it yourself.")
        isolation.discard(environment)
    for folder in removal.folders:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise HermesError(f"{folder} cannot be deleted: {error.strerror}.") from error
    with changing(shop.home) as lock:
        lock.plugins.pop(removal.plugin, None)
        empty = not lock.plugins
    if empty:
        for name in ("plugins.lock", "plugins.lock.seen"):
            (shop.home / name).unlink(missing_ok=True)


def _going(shop: Workshop, entry: LockedPlugin) -> list[str]:
    """The distribution, and those that came with it and that nothing else needs."""
    if shop.installed(entry.distribution) is None:
        return []
    going = {canonicalize_name(entry.distribution)}
    candidates = {canonicalize_name(name) for name in entry.brought}
    while True:
        needed = _needed_by(shop, without=going | candidates)
        # What a needed one needs is needed too: those that stay are taken out of the candidates, and again.
        staying = candidates & needed
        if not staying:
            break
        candidates -= staying
    present = {canonicalize_name(name): name for name in shop.versions()}
    return [present[name] for name in sorted(going | candidates) if name in present]


def _needed_by(shop: Workshop, *, without: Iterable[str]) -> set[str]:
    left_out = set(without)
    needed: set[str] = set()
    for name in shop.versions():
        found = shop.installed(name)
        if found is None or canonicalize_name(metadata_name(found)) in left_out:
            continue
        for text in found.requires or ():
            try:
                needed.add(canonicalize_name(Requirement(text).name))
            except InvalidRequirement:
                continue
    return needed
