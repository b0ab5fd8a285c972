"""Agreeing to a plugin as it is now: after a change of one's own, an update by other means, or a plain installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import Denied, HermesError, NotFound
from hermes_installer import isolation
from hermes_installer.consent import ask, describe_wishes, growth
from hermes_installer.describing import describe_plugin
from hermes_installer.environment import site_packages
from hermes_installer.guards import is_editable
from hermes_installer.install import Outcome
from hermes_installer.lockfile import LockedPlugin, changing, now, read_lock
from hermes_installer.wheels import Facts, facts_of, same_name

if TYPE_CHECKING:
    from hermes_installer.describing import Report
    from hermes_installer.workshop import Workshop

__all__ = ["accept_plugin"]


def accept_plugin(shop: Workshop, name: str, *, yes: bool) -> Outcome:
    """Write down what is there now, once a person agreed to it. Raises `HermesError`."""
    entry = read_lock(shop.home).plugins.get(name)
    facts = _facts(shop, name, entry)
    reason = shop.catalogue.revoked(facts.distribution, facts.version)
    if reason:
        raise Denied(f"{facts.distribution} {facts.version} was revoked: {reason}")
    isolated = entry is not None and entry.isolated
    python = isolation.interpreter(Path(entry.environment)) if entry is not None and isolated else None
    report = describe_plugin(facts.plugin, facts.module, python=python)
    shop.say(f"{facts.distribution} {facts.version} (plugin {name!r})")
    for line in _lines(entry, report, isolated=isolated):
        shop.say(line)
    ask("Agree to it as it is now?", yes=yes)
    with changing(shop.home) as lock:
        if lock.plugins.get(name) != entry:
            raise HermesError(f"Plugin {name!r} was changed by another command meanwhile.", remedy="Try again.")
        lock.plugins[name] = _accepted(entry, facts, report)
    return Outcome(
        plugin=name,
        distribution=facts.distribution,
        version=facts.version,
        before=entry.version if entry is not None else "",
        isolated=isolated,
        capabilities=report.capabilities,
    )


def _facts(shop: Workshop, name: str, entry: LockedPlugin | None) -> Facts:
    if entry is not None and entry.isolated:
        facts = isolation.facts_in(Path(entry.environment), entry.distribution)
    else:
        owner = entry.distribution if entry is not None else shop.owner_of(name)
        found = shop.installed(owner) if owner else None
        if found is None:
            raise NotFound(f"There is no plugin {name!r} in {site_packages()}.", remedy="See `hermes plugins list`.")
        if is_editable(found):
            raise HermesError(f"{owner} is installed from its source folder (editable), which changes as one works.")
        facts = facts_of(found, site_packages())
    if facts.plugin != name or (entry is not None and not same_name(entry.distribution, facts.distribution)):
        raise Denied(f"{facts.distribution} is not the plugin {name!r}.")
    return facts


def _lines(entry: LockedPlugin | None, report: Report, *, isolated: bool) -> list[str]:
    if entry is None:
        return describe_wishes(report, isolated=isolated)
    changes = entry.changes
    lines = [f"  changed: {relative}" for relative in changes[:20]]
    lines += [f"  and {len(changes) - 20} more"] if len(changes) > 20 else []
    return [*lines, *(growth(entry.capabilities, report.capabilities) or ["  wants nothing new"])]


def _accepted(entry: LockedPlugin | None, facts: Facts, report: Report) -> LockedPlugin:
    if entry is None:
        return LockedPlugin(
            distribution=facts.distribution,
            version=facts.version,
            root=str(site_packages()),
            files=facts.files,
            capabilities=report.capabilities,
            requirement=facts.distribution,
            source="index",
            module=facts.module,
            installed_at=now(),
            description=report.description,
        )
    return msgspec.structs.replace(
        entry,
        version=facts.version,
        root=str(site_packages(Path(entry.environment) if entry.isolated else None)),
        files=facts.files,
        capabilities=report.capabilities,
        module=facts.module,
        revoked="",
        description=report.description,
    )
