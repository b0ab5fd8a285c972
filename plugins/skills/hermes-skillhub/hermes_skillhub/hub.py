"""The pipeline every skill from outside passes: fetch, check, quarantine, scan, decide, install; and what follows.

Nothing here asks a person anything. `prepare` gives a `Proposal` with all there is to see, `commit` installs it when
policy and the given consent allow that.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hermes_host.errors import HermesError, NotFound
from hermes_skillhub.bundles import (
    NAME,
    checked_files,
    content_hash,
    file_hashes,
    front_matter,
    path_fault,
)
from hermes_skillhub.errors import InstallRefused
from hermes_skillhub.hubs.taps import configured_taps
from hermes_skillhub.installation import Skills
from hermes_skillhub.lockfile import Installed, add_to_audit_log, now, read_taps, write_taps
from hermes_skillhub.proposals import Consent, Proposal, changes_between
from hermes_skillhub.search import Hubs, Resolved
from hermes_skillhub.settings import Settings
from hermes_skillhub.storage import LocalState, Storage
from hermes_skillhub.trust import look_alikes, rule, same_repository, trust_of

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_skillhub.protocol import SkillBundle

__all__ = ["Hub", "connect"]

Progress = Callable[[str], None]


def connect(context: PluginContext, _spec: Any) -> Hub:
    """The target of the service."""
    return Hub(context)


class Hub:
    """Skills from outside, for commands and for other plugins: `await context.services.get(Hub)`."""

    def __init__(self, context: PluginContext) -> None:
        self.context = context
        self.settings = context.section(Settings)
        self.hubs = Hubs(context, self.settings)
        self.storage = Storage(context.home / "skills")
        self.skills = Skills(context.home)

    # --------------------------------------------------------------------------------------------------- install

    async def prepare(
        self,
        reference: str,
        *,
        source: str = "",
        category: str | None = None,
        force: bool = False,
        progress: Progress = lambda _line: None,
    ) -> Proposal:
        """Fetch a skill for a first installation. Raises `HermesError`; nothing is then left behind.

        `category` is a folder such as `research`; None: the one it had, else none. `force` allows to replace a skill
        that was installed from elsewhere.
        """
        progress("Looking it up …")
        resolved = await self.hubs.resolve(reference, source)
        bundle = await self.fetch(resolved, progress)
        name = _name(bundle)
        before = self.storage.installed().get(name)
        if before is not None and not force:
            raise InstallRefused(
                f"{before.name!r} is installed already, from {before.source}:{before.identifier}.",
                remedy=f"`hermes skills update {before.name}` brings it up to date; --force installs it anew.",
            )
        return await self.propose(
            resolved.hub.name,
            bundle,
            name=name,
            category=category,
            before=before,
            notes=resolved.notes,
            own=resolved.hub.own,
            progress=progress,
        )

    async def fetch(self, resolved: Resolved, progress: Progress = lambda _line: None) -> SkillBundle:
        """Download a skill. A hub that breaks its contract is an error, not a crash."""
        progress(f"Downloading {resolved.identifier} from {resolved.hub.name} …")
        try:
            async with asyncio.timeout(10 * self.settings.request_timeout):
                bundle: SkillBundle = await resolved.hub.part.fetch(resolved.identifier)
        except TimeoutError as error:
            raise HermesError(f"{resolved.hub.name} took too long.", remedy="Try again later.") from error
        return bundle

    async def propose(
        self,
        hub: str,
        bundle: SkillBundle,
        *,
        name: str,
        category: str | None = None,
        before: Installed | None = None,
        notes: Sequence[str] = (),
        own: bool = False,
        progress: Progress = lambda _line: None,
    ) -> Proposal:
        """Check, quarantine and scan what was fetched."""
        files = checked_files(bundle.files)
        head = front_matter(files, name)
        if not NAME.fullmatch(name):
            raise InstallRefused(f"{name!r} cannot be the name of a skill.")
        install_path = self._install_path(name, category, before)
        self._refuse_taken((name, head.name), install_path, before)
        progress("Scanning …")
        staged = await asyncio.to_thread(self.storage.stage, name, files)
        try:
            report = await asyncio.to_thread(self.skills.scan, staged.skill)
            trust = trust_of(bundle.origin, self.settings.trusted) if own else "community"
            hashes = file_hashes(files)
            proposal = Proposal(
                name=name,
                hub=hub,
                bundle=bundle,
                files=files,
                hashes=hashes,
                content_hash=content_hash(hashes),
                head=head,
                report=report,
                trust=trust,
                ruling=rule(trust, report.verdict),
                install_path=install_path,
                staged=staged,
                before=before,
            )
            proposal.warnings += [*notes, *bundle.notes, *self._warnings(proposal)]
            if before is not None:
                self._compare(proposal, before)
        except BaseException:
            staged.discard()
            raise
        return proposal

    def _install_path(self, name: str, category: str | None, before: Installed | None) -> str:
        if category is None:
            return before.install_path if before is not None else name
        parts = category.rstrip("/")
        path = f"{parts}/{name}" if parts else name
        if path_fault(path) or path.startswith("."):
            raise InstallRefused(f"{category!r} cannot be a category.", remedy="Use a word such as 'research'.")
        return path

    def _refuse_taken(self, names: tuple[str, str], install_path: str, before: Installed | None) -> None:
        """A skill never takes the place, or the name, of one that no hub installed."""
        if before is not None and before.install_path != install_path:
            raise InstallRefused(
                f"{before.name!r} is installed in {before.install_path!r}.", remedy="Uninstall it first to move it."
            )
        place = self.storage.skills / install_path
        taken = [path for name in names if (path := self.skills.place_of(name)) and path != install_path]
        if before is None and (place.exists() or place.is_symlink()):
            taken.append(install_path)
        if taken:
            raise InstallRefused(
                f"There is another skill of that name: skills/{taken[0]}. It is not touched.",
                remedy="Rename yours, or take it away, if you want this one.",
            )
        for parent in place.relative_to(self.storage.skills).parents:
            if (self.storage.skills / parent / "SKILL.md").exists():
                raise InstallRefused(f"{parent.as_posix()!r} is a skill and no category.")

    def _warnings(self, proposal: Proposal) -> list[str]:
        found = look_alikes(
            proposal.name,
            proposal.bundle.origin.repository,
            installed=[name for name in self.storage.installed() if name != proposal.name],
            trusted=self.settings.trusted,
            reserved=[name for name in self.skills.names() if name != proposal.name],
        )
        before = proposal.before
        if before is not None and (before.source, before.identifier) != (proposal.hub, proposal.bundle.identifier):
            found.append(f"It takes the place of the one from {before.source}:{before.identifier}.")
        if proposal.head.name != proposal.name:
            found.append(f"Its SKILL.md calls it {proposal.head.name!r}; it is installed as {proposal.name!r}.")
        elif proposal.bundle.name != proposal.name:
            found.append(f"The hub calls it {proposal.bundle.name!r}; its SKILL.md {proposal.name!r}, which counts.")
        return found

    def _compare(self, proposal: Proposal, before: Installed) -> None:
        folder = self.storage.folder_of(before)
        old = {file.path: file.data for file in self.storage.read(folder, strict=False)} if folder.is_dir() else {}
        proposal.local = self.storage.local_state(before)
        proposal.changes = changes_between(old, proposal.files)
        if not proposal.local.clean and not before.verifiable:
            # An entry of Hermes Agent has no hashes: whether a file was edited cannot be told.
            proposal.local = LocalState(added=proposal.local.added, missing=proposal.local.missing)
        rank = ("safe", "caution", "dangerous")
        if before.scan_verdict in rank and rank.index(proposal.report.verdict) > rank.index(before.scan_verdict):
            proposal.warnings.append(
                f"When it was installed the scan said {before.scan_verdict}; now it says {proposal.report.verdict}."
            )

    async def commit(self, proposal: Proposal, consent: Consent) -> Installed:
        """Install. Raises `InstallRefused` where policy wants more than `consent` gives; nothing is then changed."""
        try:
            self._require(proposal, consent)
            return await asyncio.to_thread(self._commit, proposal, consent)
        except InstallRefused:
            self._log("BLOCKED", proposal)
            raise
        finally:
            proposal.discard()

    def _require(self, proposal: Proposal, consent: Consent) -> None:
        needs = proposal.ruling.needs
        if not proposal.ruling.allowed and (
            (needs == "force" and not (consent.force or consent.accept_dangerous))
            or (needs == "accept-dangerous" and not consent.accept_dangerous)
        ):
            remedy = {
                "force": "Read what was found, and add --force if you want it all the same.",
                "accept-dangerous": "On a terminal --accept-dangerous installs it, after you type its name.",
            }
            raise InstallRefused(
                f"{proposal.name!r} was not installed. {proposal.ruling.reason} {proposal.report.summary}".rstrip(),
                remedy=remedy.get(needs, ""),
            )
        if not proposal.local.clean and not consent.discard_edits:
            edited = (*proposal.local.changed, *proposal.local.added, *proposal.local.missing)
            raise InstallRefused(
                f"{proposal.name!r} was edited here: {', '.join(edited[:6])}.",
                remedy="--discard-edits replaces it all the same; the edited version is kept in its history.",
            )

    def _commit(self, proposal: Proposal, consent: Consent) -> Installed:
        with self.storage.held() as lock, self.skills.writing():
            current = lock.read().get(proposal.name)
            if (current is None) != (proposal.before is None) or (
                current is not None
                and proposal.before is not None
                and current.content_hash != proposal.before.content_hash
            ):
                raise InstallRefused(f"{proposal.name!r} was changed by another process.", remedy="Try again.")
            self._refuse_taken((proposal.name, proposal.head.name), proposal.install_path, proposal.before)
            if not consent.discard_edits and self._edited(proposal.before):
                # Looked at again under the lock: an edit may have come while a person was reading.
                raise InstallRefused(f"{proposal.name!r} was edited meanwhile.", remedy="Try again.")
            entry = self._entry(proposal)
            if self.storage.folder_of(entry).is_dir():
                self.skills.keep_edits(entry.install_path)
            self.storage.put(proposal.staged, entry)
            self.skills.keep(entry.install_path, _reason(entry))
        self._log("UPDATE" if proposal.before is not None else "INSTALL", proposal)
        return entry

    def _edited(self, entry: Installed | None) -> bool:
        return entry is not None and entry.verifiable and not self.storage.local_state(entry).clean

    def _entry(self, proposal: Proposal) -> Installed:
        origin, before, moment = proposal.bundle.origin, proposal.before, now()
        known = {"url": origin.url, "path": origin.path, "version": proposal.head.version}
        return Installed(
            name=proposal.name,
            source=proposal.hub,
            identifier=proposal.bundle.identifier,
            trust_level=proposal.trust,
            scan_verdict=proposal.report.verdict,
            content_hash=proposal.content_hash,
            install_path=proposal.install_path,
            files=tuple(proposal.hashes),
            hashes=proposal.hashes,
            revision=origin.revision,
            repository=origin.repository,
            installed_at=before.installed_at if before is not None and before.installed_at else moment,
            updated_at=moment,
            metadata={key: value for key, value in known.items() if value},
            extra=before.extra if before is not None else {},
        )

    def _log(self, action: str, proposal: Proposal) -> None:
        origin = proposal.bundle.origin
        add_to_audit_log(
            self.storage.audit_log,
            action,
            proposal.name,
            f"{proposal.hub}:{proposal.trust}",
            proposal.report.verdict,
            proposal.bundle.identifier,
            origin.revision,
            proposal.content_hash,
        )

    # --------------------------------------------------------------------------------------------------- updates

    async def prepare_update(self, entry: Installed, progress: Progress = lambda _line: None) -> Proposal:
        """Fetch the newest version of an installed skill, from the very place it came from. Raises `HermesError`."""
        resolved = await self._where_from(entry)
        bundle = await self.fetch(resolved, progress)
        self._same_identity(entry, resolved.identifier, bundle)
        return await self.propose(
            resolved.hub.name,
            bundle,
            name=entry.name,
            before=entry,
            own=resolved.hub.own,
            progress=progress,
        )

    async def _where_from(self, entry: Installed) -> Resolved:
        if entry.source not in [spec.name for spec in self.hubs.specs]:
            raise NotFound(
                f"{entry.name!r} came from the hub {entry.source!r}, which is not there.",
                remedy="Install the plugin that brings it.",
            )
        hub = await self.hubs.hub(entry.source)
        identifier = hub.part.claims(entry.identifier)
        if not identifier:
            raise NotFound(f"{entry.source} does not know what {entry.identifier!r} is.")
        return Resolved(hub, identifier)

    def _same_identity(self, entry: Installed, identifier: str, bundle: SkillBundle) -> None:
        """A skill never changes hands by an update: not by a rename, a redirect or a new owner's version."""
        moved = ""
        if entry.repository and not same_repository(entry.repository, bundle.origin.repository):
            moved = f"from {entry.repository} to {bundle.origin.repository or 'elsewhere'}"
        elif entry.repository and entry.metadata.get("path", "") != bundle.origin.path:
            moved = f"from {entry.metadata.get('path') or 'the root'} to {bundle.origin.path or 'the root'}"
        elif not entry.repository and _place(identifier) != _place(bundle.identifier):
            moved = f"from {identifier} to {bundle.identifier}"
        if moved:
            raise InstallRefused(
                f"{entry.name!r} moved {moved}; it was not updated.",
                remedy=f"If that is right: hermes skills uninstall {entry.name}, and install it from there.",
            )
        old, new = _numbers(entry.revision), _numbers(bundle.origin.revision)
        if not entry.repository and old and new and new < old:
            raise InstallRefused(
                f"{entry.source} offers version {bundle.origin.revision} of {entry.name!r}; yours is {entry.revision}.",
                remedy=f"To go back on purpose uninstall it first: hermes skills uninstall {entry.name}.",
            )

    # ----------------------------------------------------------------------------------------------------- taps

    def taps(self) -> list[tuple[str, str, bool]]:
        """All taps as (`owner/repo`, folder, whether it is one of the settings)."""
        configured = configured_taps(self.settings)
        own = [tap for tap in read_taps(self.storage.taps) if tap not in configured]
        return [(*tap, True) for tap in configured] + [(*tap, False) for tap in own]

    def add_tap(self, repository: str, folder: str) -> bool:
        """Search a repository from now on. False where it is one already."""
        with self.storage.held():
            taps = read_taps(self.storage.taps)
            if (repository, folder) in taps or (repository, folder) in configured_taps(self.settings):
                return False
            write_taps(self.storage.taps, [*taps, (repository, folder)])
        return True

    def remove_tap(self, repository: str) -> bool:
        """Search it no longer. False where it was none of the user's."""
        with self.storage.held():
            taps = read_taps(self.storage.taps)
            left = [tap for tap in taps if not same_repository(tap[0], repository)]
            if len(left) == len(taps):
                return False
            write_taps(self.storage.taps, left)
        return True


def _name(bundle: SkillBundle) -> str:
    """What a bundle is called here: what its SKILL.md says where that can be a name, else what the hub calls it."""
    stated = front_matter(checked_files(bundle.files)).name
    if NAME.fullmatch(stated):
        return stated
    plain = re.sub(r"[^a-z0-9._-]+", "-", bundle.name.lower()).strip("-._")[:64]
    return plain if NAME.fullmatch(plain) else "skill"


def _place(identifier: str) -> tuple[str, str]:
    parts = urlsplit(identifier.lower())
    return parts.netloc, parts.path.rstrip("/")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if re.fullmatch(r"\d{1,6}(\.\d{1,6}){0,3}", version) else ()


def _reason(entry: Installed) -> str:
    return f"install {entry.source}:{entry.identifier}" + (f" at {entry.revision[:12]}" if entry.revision else "")
