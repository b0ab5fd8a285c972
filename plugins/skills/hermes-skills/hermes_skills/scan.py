"""The scanner: what in a skill's files could do harm, or tell the agent to.

Public, for everything that brings skills in from elsewhere::

    report = scan_folder(path)
    if report.verdict == "dangerous":
        raise Denied(report.summary)

A text is looked at as a whole and not line by line: continued lines are joined, characters that cannot be seen are
taken out, full-width letters become plain ones, and what is encoded in base64 or hexadecimal is decoded and looked at
too. Nothing is executed, and no link is followed. The scanner finds what is careless and what is known; it is no proof
that a skill means well.

Severities: `critical` makes a skill dangerous; `high` and `medium` ask for caution; `low` is worth knowing and leaves
it safe, such as that a package is installed.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_skills.tree import Entry, TreeError, read_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Finding", "Report", "Severity", "Verdict", "scan_entries", "scan_folder", "scan_text"]

Severity = Literal["critical", "high", "medium", "low"]
Verdict = Literal["safe", "caution", "dangerous"]

_SEVERITIES: dict[str, Severity] = {"c": "critical", "h": "high", "m": "medium", "l": "low"}
_MATCH_LIMIT = 120
_GAP = r"[^\n]{0,200}?"
_TEXT_LIMIT = 2_000_000
_PER_PATTERN = 5
"""Findings of one pattern in one file that are reported."""

_INVISIBLE = (
    "\u200b\u200e\u200f\u2060-\u2064\u206a-\u206f\u202a-\u202e\u2066-\u2069\ufeff\u00ad\u061c\u034f\u115f\u1160\u17b4\u17b5"
    "\u180e\u3164\uffa0\U000e0000-\U000e0fff"
)
_JOINERS = "\u200c\u200d"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was found."""

    id: str
    severity: Severity
    category: str
    file: str
    line: int
    match: str
    """The text that matched, at most 120 characters."""
    description: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan found, worst first."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()

    @property
    def summary(self) -> str:
        """The worst of it in a sentence or two, for people and models; empty when nothing was found."""
        worst = [item for item in self.findings if item.severity != "low"][:3]
        lines = [f"{item.file}:{item.line}: {item.description} ({item.id}: {item.match!r})" for item in worst]
        more = sum(item.severity != "low" for item in self.findings) - len(worst)
        return " ".join([*lines, *([f"And {more} more."] if more > 0 else [])])


def scan_folder(folder: Path) -> Report:
    """Look at all files below `folder`. Raises `OSError` when there is no such folder."""
    try:
        entries = read_tree(folder)
    except TreeError as error:
        finding = _finding("unreadable_tree", "critical", "structure", ".", str(error), "It cannot be looked at whole.")
        return _report([finding])
    return scan_entries(entries)


def scan_entries(entries: Mapping[str, Entry]) -> Report:
    """Look at files that are not on the disk yet, by their paths within the skill."""
    from hermes_skills.scan_structure import structure

    found = list(structure(entries))
    for path, entry in entries.items():
        if not entry.link and not is_binary(entry.data):
            found += scan_text(entry.data[:_TEXT_LIMIT].decode("utf-8", "replace"), path)
    return _report(found)


def scan_text(text: str, file: str = "SKILL.md") -> list[Finding]:
    """What is found in one text; `file` is what findings call it."""
    found = list(_hidden(text, file))
    plain = _plain(text)
    found += _matches(plain, file)
    for offset, decoded in _decoded(plain):
        line = plain.count("\n", 0, offset) + 1
        for inner in _matches(_plain(decoded), file):
            if inner.severity in ("critical", "high"):
                found.append(
                    _finding(
                        "encoded_payload",
                        "critical",
                        "obfuscation",
                        file,
                        inner.match,
                        f"An encoded text: {inner.description}",
                        line,
                    )
                )
    return found


def is_binary(data: bytes) -> bool:
    """Whether the bytes are no text."""
    return b"\x00" in data[:8192]


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The verdict on a skill with these findings."""
    severities = {finding.severity for finding in findings}
    if "critical" in severities:
        return "dangerous"
    return "caution" if severities & {"high", "medium"} else "safe"


def _report(findings: list[Finding]) -> Report:
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    unique = dict.fromkeys(sorted(findings, key=lambda item: (order[item.severity], item.file, item.line, item.id)))
    return Report(verdict=verdict_of(unique), findings=tuple(unique))


@cache
def _patterns() -> tuple[tuple[str, Severity, str, re.Pattern[str], str], ...]:
    # Compiled at the first scan: it takes some 60 ms, and most runs never scan.
    from hermes_skills.scan_actions import ACTIONS
    from hermes_skills.scan_words import WORDS

    return tuple(
        (name, _SEVERITIES[severity], category, re.compile(_bounded(pattern), re.IGNORECASE), description)
        for table in (WORDS, ACTIONS)
        for category, rows in table.items()
        for name, severity, pattern, description in rows
    )


_BOUNDS = {r"\w": 60, r"\S": 200, r"\s": 80}


def _bounded(pattern: str) -> str:
    """The pattern with its gaps written out, and without repetitions that have no end: those take quadratic time."""

    def bound(match: re.Match[str]) -> str:
        return f"{match[1]}{{{0 if match[2] == '*' else 1},{_BOUNDS[match[1]]}}}"

    return re.sub(r"(\\[wSs])([*+])", bound, re.sub(r"(?<!\\)~", lambda match: _GAP, pattern))


def _matches(plain: str, file: str) -> Iterator[Finding]:
    for name, severity, category, pattern, description in _patterns():
        lines: set[int] = set()
        for match in pattern.finditer(plain):
            # A pattern may begin with the line break before what it means.
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            line = plain.count("\n", 0, start) + 1
            if line not in lines:
                lines.add(line)
                yield _finding(name, severity, category, file, match[0], description, line)
            if len(lines) >= _PER_PATTERN:
                break


def _plain(text: str) -> str:
    """The text as a careless reader sees it, with its line breaks where they were."""
    if not text.isascii():
        text = re.sub(f"[{_INVISIBLE}{_JOINERS}]", "", text)
        text = "\n".join(unicodedata.normalize("NFKC", line) for line in text.split("\n"))
    # As long as before, so that places stay what they were.
    return re.sub(r"\\\r?\n[ \t]*", _joined, text)


def _joined(match: re.Match[str]) -> str:
    return " " * len(match[0])


_LONG_GAP = re.compile(r"\s{80,}")


def _hidden(text: str, file: str) -> Iterator[Finding]:
    for gap in _LONG_GAP.finditer(text):
        following = text[gap.end() : gap.end() + 60]
        blank_lines = gap[0].count("\n")
        # A long run of blanks within one line, or very many empty lines; wide tables are neither.
        if following and not following.startswith("|") and (blank_lines == 0 or blank_lines >= 80):
            line = text.count("\n", 0, gap.end()) + 1
            yield _finding(
                "long_gap", "medium", "injection", file, following, "A text that was pushed out of sight.", line
            )
            break
    if text.isascii():
        return
    text = text.removeprefix("\ufeff")
    # Joiners belong to emoji and to scripts; between plain letters they only hide something.
    pattern = f"[{_INVISIBLE}]|(?<=[!-\\x7f])[{_JOINERS}](?=[!-\\x7f])"
    lines: set[int] = set()
    for match in re.finditer(pattern, text):
        line = text.count("\n", 0, match.start()) + 1
        tag = 0xE0000 <= ord(match[0]) <= 0xE0FFF
        if line not in lines and len(lines) < _PER_PATTERN:
            lines.add(line)
            yield _finding(
                "invisible_text" if tag else "invisible_character",
                "critical" if tag else "high",
                "injection",
                file,
                f"U+{ord(match[0]):04X}",
                "A text that cannot be seen." if tag else "A character that cannot be seen, or turns text around.",
                line,
            )


_ENCODED = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/]{24,}={0,2}(?![\w+/])|(?:\\x[0-9A-Fa-f]{2}){12,}")


def _decoded(text: str) -> Iterator[tuple[int, str]]:
    """Texts that stand in the text in base64 or hexadecimal, and where."""
    for number, match in enumerate(_ENCODED.finditer(text)):
        if number > 200:
            return
        word = match[0]
        try:
            if word.startswith("\\x"):
                data = bytes.fromhex(word.replace("\\x", ""))
            else:
                data = base64.b64decode(word + "=" * (-len(word) % 4), validate=True)
            decoded = data.decode("utf-8")
        except (ValueError, binascii.Error):
            continue
        if sum(char.isprintable() or char.isspace() for char in decoded) >= 0.95 * len(decoded):
            yield match.start(), decoded


def _finding(
    name: str, severity: Severity, category: str, file: str, match: str, description: str, line: int = 1
) -> Finding:
    shown = " ".join(match.split())
    return Finding(
        id=name,
        severity=severity,
        category=category,
        file=file,
        line=line,
        match=shown if len(shown) <= _MATCH_LIMIT else f"{shown[: _MATCH_LIMIT - 1]}…",
        description=description,
    )
