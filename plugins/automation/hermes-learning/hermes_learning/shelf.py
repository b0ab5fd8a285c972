"""The user's own skills and memories as they lie on the disk, with what is known of their use."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from hermes_learning.settings import MemoryIntervals

__all__ = ["FILES", "MemoryFile", "Skill", "memory_files", "own_skills"]

log = logging.getLogger(__name__)

FILES = {"memory": "MEMORY.md", "user": "USER.md"}
"""The files in `memories` of the home directory, by the memory tool's targets."""

_BETWEEN = "\n§\n"
_LARGEST = 1_000_000
_SKIPPED = frozenset({".git", ".github", ".hub"})


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """A skill of the user's own folder."""

    name: str
    description: str
    changed: float
    """When its file was last written, in seconds since the epoch."""


class MemoryFile(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two memories."""

    target: str
    entries: tuple[str, ...]
    limit: int

    @property
    def used(self) -> int:
        """Characters, with the marks between entries."""
        return len(_BETWEEN.join(self.entries))


def memory_files(home: Path, settings: MemoryIntervals) -> Sequence[MemoryFile]:
    """Both memories; one that cannot be read is empty."""
    found = []
    for target, name in FILES.items():
        try:
            text = (home / "memories" / name).read_bytes()[:_LARGEST].decode("utf-8", "replace")
        except OSError:
            text = ""
        entries = tuple(dict.fromkeys(filter(None, map(str.strip, text.split(_BETWEEN)))))
        limit = settings.memory_char_limit if target == "memory" else settings.user_char_limit
        found.append(MemoryFile(target=target, entries=entries, limit=limit))
    return found


def own_skills(home: Path) -> Sequence[Skill]:
    """The skills below `skills` of the home directory that the user or the agent wrote, sorted by name.

    Those that came with a package or from a hub are left out: who brings them looks after them.
    """
    folder = home / "skills"
    foreign = {*_bundled(folder / ".bundled_manifest"), *_from_hubs(folder / ".hub" / "lock.json")}
    found = (skill for path in _files(folder) if (skill := _read(path)) is not None)
    return sorted((skill for skill in found if skill.name not in foreign), key=lambda skill: skill.name)


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        if "SKILL.md" in names:
            folders[:] = []
            yield folder.__class__(place) / "SKILL.md"


def _read(path: Path) -> Skill | None:
    try:
        text = path.read_bytes()[:_LARGEST].decode("utf-8-sig", "replace")
        changed = path.stat().st_mtime
    except OSError:
        return None
    head: Mapping[str, Any] = {}
    if text.startswith("---"):
        try:
            loaded = yaml.safe_load(text[3:].split("\n---", 1)[0])
            head = loaded if isinstance(loaded, dict) else {}
        except yaml.YAMLError:
            log.info("the head of %s cannot be read", path)
    name = str(head.get("name") or path.parent.name)
    return Skill(name=name, description=str(head.get("description") or ""), changed=changed)


def _bundled(manifest: Path) -> Iterator[str]:
    """Names in a manifest of `name:hash` lines, or of JSON."""
    try:
        text = manifest.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    try:
        data = json.loads(text)
    except ValueError:
        yield from (line.partition(":")[0].strip() for line in text.splitlines() if line.strip())
    else:
        yield from _names(data)


def _from_hubs(lock: Path) -> Iterator[str]:
    try:
        data = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    yield from _names(data.get("installed", {}) if isinstance(data, dict) else {})


def _names(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        yield from map(str, data.get("skills", data))
    elif isinstance(data, list):
        yield from (str(each.get("name", "")) if isinstance(each, dict) else str(each) for each in data)
