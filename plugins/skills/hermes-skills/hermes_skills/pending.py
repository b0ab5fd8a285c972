"""Proposals: changes of skills that wait for the owner's consent. Nothing here is listed or used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import NotFound
from hermes_skills.changes import Change, local_parts, put_skill, read_skill
from hermes_skills.history import Author, KeptFile, difference, digest, entry_of, kept
from hermes_skills.tree import Entry, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Proposal", "accept", "changes_of", "proposal", "proposals", "propose", "reject"]


class Proposal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change that waits. `base` is the digest of the skill it was made for, empty for a new one."""

    name: str
    category: str
    time: float
    author: Author
    reason: str
    actions: tuple[str, ...]
    base: str = ""
    files: dict[str, KeptFile] = {}

    @property
    def entries(self) -> dict[str, Entry]:
        """The skill's files as they would be."""
        return {path: entry_of(file) for path, file in self.files.items()}


def propose(
    home: Path,
    name: str,
    entries: Mapping[str, Entry],
    *,
    category: str,
    author: Author,
    action: str,
    reason: str,
) -> Proposal:
    """Keep what a skill is to become. A later proposal for the same skill takes the place of the earlier."""
    earlier = proposal(home, name)
    current = read_skill(home, name) if local_parts(home, name) else {}
    made = Proposal(
        name=name,
        category=earlier.category if earlier else category,
        time=time.time(),
        author=author,
        reason=reason,
        actions=(*(earlier.actions if earlier else ()), action)[-20:],
        base=digest(current) if current else "",
        files={path: kept(entry) for path, entry in entries.items()},
    )
    write_file(private_directory(_folder(home)), (_name(name),), msgspec.json.encode(made))
    return made


def proposal(home: Path, name: str) -> Proposal | None:
    """What waits for a skill, or None."""
    try:
        return msgspec.json.decode((_folder(home) / _name(name)).read_bytes(), type=Proposal)
    except (OSError, msgspec.MsgspecError):
        return None


def proposals(home: Path) -> Sequence[Proposal]:
    """All that wait, oldest first."""
    found = []
    for path in _folder(home).glob("*.json"):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Proposal))
        except (OSError, msgspec.MsgspecError):
            continue
    return sorted(found, key=lambda item: item.time)


def changes_of(home: Path, item: Proposal) -> str:
    """The difference a proposal would make, as a unified diff."""
    current = read_skill(home, item.name) if local_parts(home, item.name) else {}
    return difference(current, item.entries)


def accept(home: Path, name: str, *, force: bool = False) -> Change:
    """Carry a proposal out. Raises `NotFound`, and `Denied` or `HermesError` when it cannot be; it then still waits.

    `force` carries it out also when the skill was changed meanwhile; never when the scanner calls it dangerous.
    """
    item = _wanted(home, name)
    change = put_skill(
        home,
        item.name,
        item.entries,
        category=item.category,
        author=item.author,
        action=f"accepted: {', '.join(item.actions)}",
        expect="any" if force else "present" if item.base else "new",
        before="" if force else item.base,
    )
    (_folder(home) / _name(item.name)).unlink(missing_ok=True)
    return change


def reject(home: Path, name: str) -> Proposal:
    """Drop a proposal. Raises `NotFound`."""
    item = _wanted(home, name)
    (_folder(home) / _name(item.name)).unlink(missing_ok=True)
    return item


def _wanted(home: Path, name: str) -> Proposal:
    item = proposal(home, name)
    if item is None:
        waiting = ", ".join(each.name for each in proposals(home)) or "none"
        raise NotFound(f"Nothing waits for the skill {name!r}.", remedy=f"Waiting: {waiting}.")
    return item


def _folder(home: Path) -> Path:
    return home / "plugins" / "skills" / "pending"


def _name(name: str) -> str:
    return f"{quote(name, safe='').lstrip('.')}.json"
