"""The versions of each skill: what it was after every change, who changed it, and the difference.

Public, for other plugins: `versions(home, name)`, `revert(home, name, number)`. Every version is a file of its own in
`plugins/skills/history/<name>/`, so that nothing that happens to one touches the others. A change made by hand is
noticed at the next change by a program and becomes a version of its own.
"""

from __future__ import annotations

import base64
import difflib
import hashlib
import time
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import NotFound
from hermes_skills.tree import Entry, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hermes_skills.changes import Change

__all__ = ["MOST_VERSIONS", "Author", "Version", "digest", "difference", "latest", "record", "revert", "versions"]

MOST_VERSIONS = 50
"""Versions kept of one skill; the oldest go first."""


class Author(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who changed a skill."""

    kind: Literal["tool", "learning", "hub", "hand", "bundled"]
    session: str = ""
    """The conversation it was changed in."""


class KeptFile(msgspec.Struct, frozen=True, omit_defaults=True):
    text: str | None = None
    data: str = ""
    executable: bool = False
    link: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A skill after a change. `files` is empty when the change was to delete it."""

    number: int
    time: float
    author: Author
    action: str
    """What was done, such as `patch` or `create`."""
    category: str = ""
    digest: str = ""
    diff: str = ""
    """The unified difference to the version before."""
    files: dict[str, KeptFile] = {}

    @property
    def entries(self) -> dict[str, Entry]:
        """The skill's files as they were."""
        return {path: entry_of(file) for path, file in self.files.items()}


def versions(home: Path, name: str) -> Sequence[Version]:
    """All kept versions of a skill, oldest first; none for a skill no program has changed."""
    found = []
    for path in sorted(_folder(home, name).glob("*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Version))
        except (OSError, msgspec.MsgspecError):
            continue  # a damaged file costs its own version and no other
    return found


def latest(home: Path, name: str) -> Version | None:
    """The newest version, or None."""
    found = versions(home, name)
    return found[-1] if found else None


def record(
    home: Path, name: str, entries: Mapping[str, Entry], *, category: str, author: Author, action: str
) -> Version:
    """Keep what a skill is now as its newest version. Raises `HermesError` when the disk refuses."""
    before = latest(home, name)
    version = Version(
        number=before.number + 1 if before else 1,
        time=time.time(),
        author=author,
        action=action,
        category=category,
        digest=digest(entries),
        diff=difference(before.entries if before else {}, entries),
        files={path: kept(entry) for path, entry in entries.items()},
    )
    folder = private_directory(_folder(home, name))
    write_file(folder, (f"{version.number:06}.json",), msgspec.json.encode(version))
    for old in sorted(folder.glob("*.json"))[:-MOST_VERSIONS]:
        old.unlink(missing_ok=True)
    return version


def revert(home: Path, name: str, number: int = 0, *, author: Author | None = None) -> Change:
    """Make a skill what it was in version `number`, by default the one before the newest.

    What it is now stays in the history, so that this can be taken back too. Raises `NotFound`, `HermesError`.
    """
    from hermes_skills.changes import note_hand_changes, put_skill, remove_skill

    note_hand_changes(home, name)
    found = versions(home, name)
    if number == 0:
        if len(found) < 2:
            raise NotFound(f"There is no earlier version of the skill {name!r}.", remedy="See `hermes skills history`.")
        wanted = found[-2]
    else:
        matching = [version for version in found if version.number == number]
        if not matching:
            kept = f"{found[0].number} to {found[-1].number}" if found else "none"
            raise NotFound(f"There is no version {number} of the skill {name!r}.", remedy=f"Kept are: {kept}.")
        wanted = matching[0]
    author = author or Author("hand")
    action = f"revert to {wanted.number}"
    if not wanted.files:
        return remove_skill(home, name, author=author, action=action)
    return put_skill(
        home, name, wanted.entries, category=wanted.category, author=author, action=action, check=author.kind != "hand"
    )


def digest(entries: Mapping[str, Entry]) -> str:
    """A fingerprint of files, their names included."""
    total = hashlib.sha256()
    for path, entry in sorted(entries.items()):
        for part in (path.encode("utf-8", "surrogatepass"), entry.link.encode("utf-8", "surrogatepass"), entry.data):
            total.update(len(part).to_bytes(8, "big") + part)
        total.update(b"x" if entry.executable else b"-")
    return total.hexdigest()


def difference(before: Mapping[str, Entry], after: Mapping[str, Entry]) -> str:
    """The unified difference of two states of a skill; of files that are no text only that they differ."""
    parts = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old == new:
            continue
        texts = [_text(entry) for entry in (old, new)]
        if texts[0] is None or texts[1] is None:
            parts.append(f"Binary file {path} differs\n")
            continue
        lines = difflib.unified_diff(
            texts[0].splitlines(keepends=True),
            texts[1].splitlines(keepends=True),
            f"a/{path}" if old else "/dev/null",
            f"b/{path}" if new else "/dev/null",
        )
        parts.append("".join(line if line.endswith("\n") else f"{line}\n" for line in lines))
    return "".join(parts)


def _text(entry: Entry | None) -> str | None:
    if entry is None:
        return ""
    if entry.link:
        return f"-> {entry.link}\n"
    try:
        return None if b"\x00" in entry.data else entry.data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _folder(home: Path, name: str) -> Path:
    safe = quote(name, safe="")
    return home / "plugins" / "skills" / "history" / (f"%2E{safe[1:]}" if safe.startswith(".") else safe)


def kept(entry: Entry) -> KeptFile:
    try:
        return KeptFile(entry.data.decode("utf-8"), "", entry.executable, entry.link)
    except UnicodeDecodeError:
        return KeptFile(None, base64.b64encode(entry.data).decode(), entry.executable, entry.link)


def entry_of(file: KeptFile) -> Entry:
    data = base64.b64decode(file.data) if file.text is None else file.text.encode("utf-8")
    return Entry(data, file.executable, file.link)
