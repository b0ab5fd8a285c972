"""What is wrong with a skill's files as such: how many, how large, of what kind, and where links lead."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from hermes_skills.scan import Finding, Severity, is_binary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hermes_skills.tree import Entry

__all__ = ["LARGEST_FILE", "LARGEST_SKILL", "MOST_FILES", "structure"]

MOST_FILES = 50
LARGEST_SKILL = 1024 * 1024
LARGEST_FILE = 256 * 1024

_PROGRAMS = (".exe", ".dll", ".so", ".dylib", ".bin", ".com", ".msi", ".scr", ".jar", ".class", ".app", ".deb", ".rpm")
_PROGRAM_BEGINNINGS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\x00asm")
_SCRIPTS = (".sh", ".bash", ".zsh", ".py", ".rb", ".js", ".mjs", ".ts", ".pl", ".ps1", ".awk", ".jq", "")


def structure(entries: Mapping[str, Entry]) -> Iterator[Finding]:
    """What is found in the files of a skill as such."""
    files = {path: entry for path, entry in entries.items() if not entry.link}
    total = sum(len(entry.data) for entry in files.values())
    if len(entries) > MOST_FILES:
        yield _finding(
            "too_many_files", "medium", ".", f"{len(entries)} files", f"It has more than {MOST_FILES} files."
        )
    if total > LARGEST_SKILL:
        yield _finding("oversized_skill", "high", ".", f"{total:,} bytes", "It is larger than 1 MB.")
    for path, entry in entries.items():
        if entry.link:
            yield from _link(path, entry.link, entries)
        else:
            yield from _file(path, entry)


def _file(path: str, entry: Entry) -> Iterator[Finding]:
    suffix = posixpath.splitext(path)[1].lower()
    if entry.data.startswith(_PROGRAM_BEGINNINGS) or (suffix in _PROGRAMS and is_binary(entry.data)):
        yield _finding("binary_executable", "critical", path, suffix, "It brings a program in machine code.")
    if len(entry.data) > LARGEST_FILE:
        size = f"{len(entry.data):,} bytes"
        yield _finding("oversized_file", "medium", path, size, "The file is larger than 256 KB.")
    if entry.executable and suffix not in _SCRIPTS:
        yield _finding("unexpected_executable", "medium", path, suffix, "A file that is no script may be run.")


def _link(path: str, target: str, entries: Mapping[str, Entry]) -> Iterator[Finding]:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if target.startswith("/") or place == ".." or place.startswith("../"):
        yield _finding("symlink_escape", "critical", path, target, "A link leads out of the skill.")
    elif place not in entries and not any(name.startswith(f"{place}/") for name in entries):
        yield _finding("broken_symlink", "medium", path, target, "A link leads nowhere.")


def _finding(name: str, severity: Severity, file: str, match: str, description: str) -> Finding:
    return Finding(
        id=name, severity=severity, category="structure", file=file, line=1, match=match[:120], description=description
    )
