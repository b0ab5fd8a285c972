"""What happens to skills after they were installed: is there something newer, are they still what they were, away."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

import msgspec
from hermes_skills.scan import Finding

from hermes_host.errors import HermesError, NotFound
from hermes_skillhub.bundles import content_hash
from hermes_skillhub.errors import InstallRefused
from hermes_skillhub.lockfile import Installed, add_to_audit_log
from hermes_skillhub.protocol import Origin
from hermes_skillhub.storage import LocalState
from hermes_skillhub.trust import look_alikes, rule, trust_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_skillhub.hub import Hub, Progress

__all__ = ["Audited", "Checked", "Removed", "audit", "check", "entries", "uninstall"]

_AT_ONCE = 4


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """Whether there is something newer."""

    name: str
    status: Literal["up_to_date", "update_available", "unavailable"]
    source: str
    installed: str = ""
    available: str = ""
    detail: str = ""
    edited: bool = False


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """What a second look at an installed skill gave."""

    name: str
    source: str
    trust: str
    verdict: str
    installed_verdict: str
    intact: bool
    """Whether every file is what was installed."""
    verifiable: bool
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def fine(self) -> bool:
        """Whether policy would install it today, as it lies there."""
        return self.intact and rule(self.trust, self.verdict).allowed


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What an uninstallation left."""

    name: str
    kept: tuple[str, ...] = ()
    """Files that no hub installed; they stay where they are."""


def entries(hub: Hub, names: Sequence[str]) -> list[Installed]:
    """The entries of these names, or all. Raises `NotFound`, naming near ones."""
    installed = hub.storage.installed()
    if not names:
        return [installed[name] for name in sorted(installed)]
    for name in names:
        if name not in installed:
            near = get_close_matches(name, installed, n=3)
            hint = (
                f"Did you mean {' or '.join(map(repr, near))}?"
                if near
                else "`hermes skills list --source hub` shows what hubs installed."
            )
            raise NotFound(f"No hub installed a skill {name!r}.", remedy=hint)
    return [installed[name] for name in dict.fromkeys(names)]


async def check(hub: Hub, names: Sequence[str], progress: Progress = lambda _line: None) -> list[Checked]:
    """Ask where each skill came from, several at once."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(entry: Installed) -> Checked:
        async with slots:
            outcome = await _check(hub, entry)
        progress(f"{entry.name}: {outcome.status.replace('_', ' ')}")
        return outcome

    return list(await asyncio.gather(*(one(entry) for entry in entries(hub, names))))


async def _check(hub: Hub, entry: Installed) -> Checked:
    checked = Checked(
        name=entry.name,
        status="unavailable",
        source=entry.source,
        installed=entry.revision[:12],
        edited=entry.verifiable and not hub.storage.local_state(entry).clean,
    )
    try:
        proposal = await hub.prepare_update(entry)
    except HermesError as error:
        return msgspec.structs.replace(checked, detail=error.message)
    proposal.discard()
    same = proposal.content_hash == entry.content_hash if entry.verifiable else proposal.unchanged
    return msgspec.structs.replace(
        checked,
        status="up_to_date" if same else "update_available",
        available=proposal.bundle.origin.revision[:12],
        detail="" if proposal.ruling.allowed else proposal.ruling.reason,
    )


async def audit(hub: Hub, names: Sequence[str]) -> list[Audited]:
    """Compare every file with its hash, and scan again what lies there."""
    return [await asyncio.to_thread(_audit, hub, entry) for entry in entries(hub, names)]


def _audit(hub: Hub, entry: Installed) -> Audited:
    folder = hub.storage.folder_of(entry)
    state = hub.storage.local_state(entry) if folder.is_dir() else LocalState(missing=entry.files)
    report = hub.skills.scan(folder) if folder.is_dir() else None
    verdict = report.verdict if report is not None else "safe"
    known = Origin(repository=entry.repository if hub.hubs.owns(entry.source) else "")
    trust = trust_of(known, hub.settings.trusted)
    warnings = look_alikes(
        entry.name,
        entry.repository,
        installed=[name for name in hub.storage.installed() if name != entry.name],
        trusted=hub.settings.trusted,
    )
    if entry.trust_level == "trusted" and trust != "trusted":
        warnings.append(f"It was installed as trusted, but {entry.repository or entry.identifier!r} is not.")
    if not entry.verifiable:
        warnings.append("It was installed before hashes were kept for each file: edits cannot be told. Update it once.")
    elif content_hash(entry.hashes) != entry.content_hash:
        warnings.append("Its entry in the lock file does not fit its own hash: somebody changed it.")
    audited = Audited(
        name=entry.name,
        source=f"{entry.source}:{entry.identifier}",
        trust=trust,
        verdict=verdict,
        installed_verdict=entry.scan_verdict,
        intact=state.clean and (not entry.verifiable or content_hash(entry.hashes) == entry.content_hash),
        verifiable=entry.verifiable,
        changed=state.changed,
        missing=state.missing,
        added=state.added,
        findings=report.findings if report is not None else (),
        warnings=tuple(warnings),
    )
    kind = "intact" if audited.intact else "changed"
    add_to_audit_log(hub.storage.audit_log, "AUDIT", entry.name, f"{entry.source}:{trust}", verdict, kind)
    return audited


async def uninstall(hub: Hub, name: str, *, discard_edits: bool = False) -> Removed:
    """Take away what a hub installed, and nothing else; a version is kept in its history first."""
    (entry,) = entries(hub, [name])
    state = hub.storage.local_state(entry)
    if state.changed and not discard_edits:
        raise InstallRefused(
            f"{name!r} was edited here: {', '.join(state.changed[:6])}.",
            remedy="--discard-edits takes it away all the same; the edited version is kept in its history.",
        )
    return await asyncio.to_thread(_uninstall, hub, entry)


def _uninstall(hub: Hub, entry: Installed) -> Removed:
    with hub.storage.held() as lock, hub.skills.writing():
        current = lock.read().get(entry.name)
        if current is None or current.content_hash != entry.content_hash:
            raise InstallRefused(f"{entry.name!r} was changed by another process.", remedy="Try again.")
        folder = hub.storage.folder_of(entry)
        kept = hub.storage.local_state(entry).added if folder.is_dir() else ()
        if folder.is_dir():
            hub.skills.keep_edits(entry.install_path)
        hub.storage.remove(entry, kept)
        hub.skills.keep(entry.install_path, "uninstall")
    add_to_audit_log(
        hub.storage.audit_log,
        "UNINSTALL",
        entry.name,
        f"{entry.source}:{entry.trust_level}",
        entry.scan_verdict,
        entry.identifier,
    )
    return Removed(name=entry.name, kept=tuple(kept))
