"""A file that says which skills are installed from where, to have the same elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.config.files import read_text, write_private
from hermes_host.errors import ConfigError
from hermes_skillhub.github import REPOSITORY
from hermes_skillhub.lockfile import now
from hermes_skillhub.search import Resolved

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_skillhub.hub import Hub, Progress
    from hermes_skillhub.proposals import Proposal

__all__ = ["Pinned", "export_snapshot", "prepare_pinned", "read_snapshot"]


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """One skill of a snapshot."""

    name: str
    source: str
    identifier: str
    category: str = ""
    repository: str = ""
    path: str = ""
    revision: str = ""
    content_hash: str = ""


def export_snapshot(hub: Hub, path: Path) -> int:
    """Write all that hubs installed, and the user's taps; gives the number of skills."""
    skills = []
    for name, entry in sorted(hub.storage.installed().items()):
        pinned = Pinned(
            name=name,
            source=entry.source,
            identifier=entry.identifier,
            category=entry.install_path.rpartition("/")[0],
            repository=entry.repository,
            path=str(entry.metadata.get("path", "")),
            revision=entry.revision,
            content_hash=entry.content_hash,
        )
        skills.append(msgspec.to_builtins(pinned))
    taps = [{"repo": name, "path": folder} for name, folder, configured in hub.taps() if not configured]
    document = {"version": 1, "created_at": now(), "skills": skills, "taps": taps}
    write_private(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return len(skills)


def read_snapshot(path: Path) -> tuple[list[Pinned], list[tuple[str, str]]]:
    """The skills and the taps of a snapshot. Raises `ConfigError`."""
    text = read_text(path)
    if text is None:
        raise ConfigError(f"There is no file {path}.")
    try:
        document: Any = json.loads(text)
        skills = msgspec.convert(document["skills"], list[Pinned])
        taps = [(str(tap["repo"]), str(tap.get("path", "")).strip("/")) for tap in document.get("taps", [])]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path} is no snapshot of skills: {error}.") from error
    return skills, [tap for tap in taps if REPOSITORY.fullmatch(tap[0])]


async def prepare_pinned(hub: Hub, pinned: Pinned, progress: Progress = lambda _line: None) -> Proposal:
    """Fetch just the version of the snapshot where it lies on GitHub, else the newest; it is checked like any other."""
    resolved = await hub.hubs.resolve(f"{pinned.source}:{pinned.identifier}")
    fetched_from = resolved
    if pinned.repository and pinned.revision:
        github = await hub.hubs.hub("github")
        reference = f"{pinned.repository}/{pinned.path}".rstrip("/") + f"@{pinned.revision}"
        identifier = github.part.claims(reference)
        fetched_from = Resolved(github, identifier) if identifier else resolved
    bundle = await hub.fetch(fetched_from, progress)
    if fetched_from is not resolved:
        bundle = msgspec.structs.replace(bundle, identifier=resolved.identifier)
    proposal = await hub.propose(
        resolved.hub.name,
        bundle,
        name=pinned.name,
        category=pinned.category,
        own=fetched_from.hub.own,
        progress=progress,
    )
    if len(pinned.content_hash) == len(proposal.content_hash) and proposal.content_hash != pinned.content_hash:
        proposal.warnings.append("It is not the version of the snapshot: its content differs.")
    return proposal
