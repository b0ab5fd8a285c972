"""The one way skills in the user's folder are written: under one lock, looked at before, kept in the history.

Public, for other plugins: `put_skill`, `remove_skill`. What is to be written is scanned before anything is changed; a
change of one file replaces that file, a larger one puts a whole new folder in the place of the old.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, unquote

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import Denied, HermesError, NotFound
from hermes_skills import history
from hermes_skills.history import Author, Version, difference, digest
from hermes_skills.names import check_category, identifier_fault
from hermes_skills.scan import Report, scan_entries
from hermes_skills.tree import Entry, TreeError, prune, read_tree, remove_file, remove_folder, write_file, write_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "Change",
    "check_entries",
    "local_parts",
    "locked",
    "note_hand_changes",
    "put_skill",
    "read_skill",
    "remove_skill",
    "swap",
]

_SETTLING = ".changing"
"""Where a folder waits while another takes its place; what a crash left there is put back."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a skill."""

    name: str
    action: str
    path: Path
    """Its folder."""
    version: Version | None
    """The version that was kept; None when nothing changed."""
    report: Report
    diff: str = ""


@contextmanager
def locked(home: Path) -> Iterator[Path]:
    """Hold the lock of the user's folder of skills, against other processes too; gives the folder."""
    root = Path(os.path.realpath(private_directory(home / "skills")))
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(root / ".lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _recover(root)
        yield root
    finally:
        os.close(descriptor)


def local_parts(home: Path, name: str) -> tuple[str, ...] | None:
    """Where a skill lies below the user's folder, by the name of its folder or in its SKILL.md; None for none."""
    root = Path(os.path.realpath(home / "skills"))
    named: list[tuple[str, ...]] = []
    for parts in _skill_folders(root, ()):
        if parts[-1] == name:
            return parts
        named.append(parts)
    return next((parts for parts in named if _stated_name(root, parts) == name), None)


def read_skill(home: Path, name: str) -> dict[str, Entry]:
    """The files of a skill in the user's folder. Raises `NotFound`, `HermesError`."""
    root = Path(os.path.realpath(home / "skills"))
    parts = local_parts(home, name)
    if parts is None:
        raise NotFound(f"There is no skill {name!r} in {root}.")
    return read_tree(root, parts)


def put_skill(
    home: Path,
    name: str,
    entries: Mapping[str, Entry],
    *,
    category: str = "",
    author: Author,
    action: str,
    expect: Literal["new", "present", "any"] = "any",
    before: str = "",
    check: bool = True,
) -> Change:
    """Make `entries` the files of a skill in the user's folder. A skill that is there keeps its category.

    With `check`, what the scanner calls dangerous is refused; without it only the caller has judged it. `before` is the
    digest the skill must still have. Raises `Denied`, `NotFound`, `HermesError`; nothing is then changed.
    """
    report = check_entries(name, entries, check)
    with locked(home) as root:
        parts = local_parts(home, name)
        if expect == "new" and parts is not None:
            raise HermesError(f"There is a skill {name!r} already.", remedy="Change it, or use another name.")
        if expect == "present" and parts is None:
            raise NotFound(f"There is no skill {name!r} in {root}.")
        current = read_tree(root, parts) if parts else {}
        if before and digest(current) != before:
            raise HermesError(f"The skill {name!r} was changed meanwhile.", remedy="Look at it and try again.")
        parts = parts or (*check_category(category), name)
        if current == dict(entries):
            return Change(name=name, action=action, path=root.joinpath(*parts), version=None, report=report)
        _note(home, name, current, parts)
        _write(root, parts, current, entries)
        version = history.record(home, name, entries, category="/".join(parts[:-1]), author=author, action=action)
    diff = difference(current, entries)
    return Change(name=name, action=action, path=root.joinpath(*parts), version=version, report=report, diff=diff)


def remove_skill(home: Path, name: str, *, author: Author, action: str = "delete") -> Change:
    """Take a skill out of the user's folder; it stays in the history. Raises `NotFound`, `HermesError`."""
    with locked(home) as root:
        parts = local_parts(home, name)
        if parts is None:
            raise NotFound(f"There is no skill {name!r} in {root}.")
        current = read_tree(root, parts)
        _note(home, name, current, parts)
        version = history.record(home, name, {}, category="/".join(parts[:-1]), author=author, action=action)
        aside = _aside(root, "gone", parts)
        os.rename(root.joinpath(*parts), root / _SETTLING / aside)
        remove_folder(root, (_SETTLING, aside))
        prune(root, parts[:-1])
    report = Report(verdict="safe")
    return Change(
        name=name, action=action, path=root.joinpath(*parts), version=version, report=report, diff=version.diff
    )


def note_hand_changes(home: Path, name: str) -> None:
    """Keep what somebody changed by hand as a version of its own."""
    with locked(home) as root:
        parts = local_parts(home, name)
        if parts is not None:
            _note(home, name, read_tree(root, parts), parts)


def check_entries(name: str, entries: Mapping[str, Entry], check: bool) -> Report:
    """Raise `Denied` or `HermesError` for files that `put_skill` would refuse; gives what the scanner says."""
    fault = identifier_fault(name)
    if fault:
        raise HermesError(f"{name[:80]!r} cannot be the name of a skill: {fault}.")
    if "SKILL.md" not in entries:
        raise HermesError(f"The skill {name!r} would have no SKILL.md.")
    for path in entries:
        if any(part in ("", ".", "..") for part in path.split("/")) or "\\" in path or "\x00" in path:
            raise HermesError(f"{path[:120]!r} cannot be the path of a skill's file.", remedy="Nothing was changed.")
    report = scan_entries(entries)
    escaping = [item for item in report.findings if item.id == "symlink_escape"]
    if (check and report.verdict == "dangerous") or escaping:
        raise Denied(
            f"The scanner calls this skill dangerous, so nothing was changed. {report.summary}",
            remedy="Take it out; a skill is to describe work, not to do harm or to steer the agent.",
        )
    return report


def _note(home: Path, name: str, current: Mapping[str, Entry], parts: tuple[str, ...]) -> None:
    if not current:
        return
    last = history.latest(home, name)
    if last is None or last.digest != digest(current):
        action = "found" if last is None else "change"
        history.record(home, name, current, category="/".join(parts[:-1]), author=Author("hand"), action=action)


def _write(root: Path, parts: tuple[str, ...], current: Mapping[str, Entry], wanted: Mapping[str, Entry]) -> None:
    changed = {path for path in {*current, *wanted} if current.get(path) != wanted.get(path)}
    only = next(iter(changed)) if len(changed) == 1 and current else ""
    if only and not (wanted.get(only) or Entry()).link:
        place = (*parts, *only.split("/"))
        if only in wanted:
            write_file(root, place, wanted[only].data, executable=wanted[only].executable)
        else:
            remove_file(root, place)
            prune(root, place[:-1], keep=len(parts))
        return
    swap(root, parts, bool(current), wanted)


def swap(root: Path, parts: tuple[str, ...], replaces: bool, wanted: Mapping[str, Entry]) -> None:
    """Put a whole folder in its place, in that of an old one where it `replaces` one. Under the lock only."""
    incoming, outgoing = _aside(root, "new", parts), _aside(root, "old", parts)
    target = root.joinpath(*parts)
    try:
        write_tree(root, (_SETTLING, incoming), wanted)
        _parents(root, parts[:-1])
        if replaces:
            os.rename(target, root / _SETTLING / outgoing)
        os.rename(root / _SETTLING / incoming, target)
    except OSError as error:
        raise TreeError(f"{target} cannot be written: {error.strerror}.", remedy="Nothing was changed.") from error
    finally:
        _recover(root)


def _parents(root: Path, parts: tuple[str, ...]) -> None:
    place = root
    for part in parts:
        place = place / part
        if place.is_symlink():
            raise TreeError(f"{place} is a link.", remedy="Nothing was changed.")
        place.mkdir(mode=0o700, exist_ok=True)


def _aside(root: Path, kind: str, parts: tuple[str, ...]) -> str:
    (root / _SETTLING).mkdir(mode=0o700, exist_ok=True)
    return f"{kind}+{quote('/'.join(parts), safe='')}"


def _recover(root: Path) -> None:
    """Put back what an interrupted change moved away, and clear the rest."""
    settling = root / _SETTLING
    if not settling.is_dir():
        return
    for entry in sorted(settling.iterdir(), key=lambda entry: entry.name, reverse=True):
        kind, _, place = entry.name.partition("+")
        target = root.joinpath(*unquote(place).split("/"))
        if kind == "old" and not target.exists():
            os.rename(entry, target)
        else:
            remove_folder(root, (_SETTLING, entry.name))
    settling.rmdir()


def _skill_folders(root: Path, parts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    try:
        with os.scandir(root.joinpath(*parts)) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    if parts and any(entry.name == "SKILL.md" for entry in entries):
        yield parts
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".") and len(parts) < 6:
            yield from _skill_folders(root, (*parts, entry.name))


def _stated_name(root: Path, parts: tuple[str, ...]) -> str:
    from hermes_skills.format import FormatError, read_facts
    from hermes_skills.linked import read_linked

    try:
        text = read_linked(root.joinpath(*parts), "SKILL.md", limit=1_000_000).decode("utf-8", "replace")
        return read_facts(text, parts[-1]).name
    except (OSError, TreeError, FormatError):
        return ""
