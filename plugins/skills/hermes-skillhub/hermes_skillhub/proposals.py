"""A skill that was fetched, checked, put into quarantine and scanned, and now waits for a decision."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hermes_skillhub.storage import LocalState, Staged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_skills.scan import Report

    from hermes_skillhub.bundles import FrontMatter
    from hermes_skillhub.lockfile import Installed
    from hermes_skillhub.protocol import BundleFile, SkillBundle
    from hermes_skillhub.trust import Ruling, TrustLevel

__all__ = ["Consent", "FileChange", "Proposal", "changes_between"]

_DIFF_LINES = 400


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person added to a yes."""

    force: bool = False
    """Install what the scan is cautious about, or over what is installed."""
    accept_dangerous: bool = False
    """The person typed the skill's name after reading what was found."""
    discard_edits: bool = False


@dataclass(frozen=True, slots=True)
class FileChange:
    """What an update does to one file; `diff` is a unified diff, empty for binary content."""

    path: str
    kind: str
    """`added`, `removed` or `changed`."""
    diff: str = ""


@dataclass(slots=True)
class Proposal:
    """Everything a person must see, and everything the installation needs."""

    name: str
    hub: str
    bundle: SkillBundle
    files: tuple[BundleFile, ...]
    hashes: Mapping[str, str]
    content_hash: str
    head: FrontMatter
    report: Report
    trust: TrustLevel
    ruling: Ruling
    install_path: str
    staged: Staged
    warnings: list[str] = field(default_factory=list)
    before: Installed | None = None
    local: LocalState = field(default_factory=LocalState)
    changes: tuple[FileChange, ...] = ()

    @property
    def unchanged(self) -> bool:
        """Whether an update would bring nothing new."""
        return self.before is not None and not self.changes

    def discard(self) -> None:
        """Leave nothing of it. May be called twice, and after the installation."""
        self.staged.discard()


def changes_between(old: Mapping[str, bytes], new: Sequence[BundleFile]) -> tuple[FileChange, ...]:
    """What differs, by path."""
    found = []
    after = {file.path: file.data for file in new}
    for path in sorted(old.keys() | after.keys()):
        if path not in after:
            found.append(FileChange(path, "removed"))
        elif path not in old:
            found.append(FileChange(path, "added", _diff(path, b"", after[path])))
        elif old[path] != after[path]:
            found.append(FileChange(path, "changed", _diff(path, old[path], after[path])))
    return tuple(found)


def _diff(path: str, old: bytes, new: bytes) -> str:
    if b"\0" in old[:8192] or b"\0" in new[:8192]:
        return ""
    before, after = (data.decode("utf-8", "replace").splitlines() for data in (old, new))
    lines = list(difflib.unified_diff(before, after, f"installed/{path}", f"new/{path}", lineterm="", n=2))
    more = len(lines) - _DIFF_LINES
    return "\n".join([*lines[:_DIFF_LINES], *([f"… {more} more lines"] if more > 0 else [])])
