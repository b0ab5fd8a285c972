"""`approvals.yaml`: read again when it changes, rewritten without touching a byte that is not meant.

Of a file that is broken nothing is allowed; what it asks and denies holds as far as it can be read, and what it denied
when it was last whole goes on being denied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hermes_approvals.rules import Rule, read_rule
from hermes_host.config.document import read
from hermes_host.config.edit import with_value, without
from hermes_host.config.files import locked, read_text, write_private
from hermes_host.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hermes_host.config.document import Document

__all__ = ["RuleFile", "Rules"]

NAME = "approvals.yaml"
_NEW = """\
# What an agent may do without asking, what it is asked about, and what it may not do: deny beats ask, ask beats allow.
# `hermes approvals add --help` explains the fields; this file can be edited by hand, and comments stay.
"""
_HEADING = re.compile(r"( *)[\"']?([A-Za-z0-9][A-Za-z0-9_.-]*)[\"']? *:(?=\s|\Z)")
_VERDICT = re.compile(r"verdict[\"']?\s*:\s*[\"']?(allow|ask|deny)")


@dataclass(frozen=True)
class Rules:
    """What the file says. With `problems` it is broken, and `rules` holds no allow rule."""

    rules: tuple[Rule, ...] = ()
    problems: tuple[str, ...] = ()
    lost: bool = False
    """Whether a part could not be read that may have asked or denied."""
    text: str = field(default="", compare=False, repr=False)


class RuleFile:
    """The user's rules."""

    def __init__(self, home: Path) -> None:
        self.file = home / NAME
        self._stamp: tuple[int, ...] | None = None
        self._rules = Rules()
        self._strict: tuple[Rule, ...] = ()
        """What was asked and denied when the file was last whole."""

    def rules(self) -> Rules:
        """The rules in force now."""
        try:
            status = self.file.stat()
            stamp: tuple[int, ...] = (status.st_mtime_ns, status.st_size, status.st_ino)
        except FileNotFoundError:
            stamp = ()
        except OSError:
            stamp = (-1,)
        if stamp != self._stamp:
            self._stamp, self._rules = stamp, self._read()
        return self._rules

    def add(self, name: str, fields: dict[str, Any]) -> Rule:
        """Write a rule at the end. Raises `ConfigError` for a rule that cannot be, a name that is taken, or a file that
        is broken; nothing is then changed."""
        try:
            rule = read_rule(name, fields)
        except ValueError as error:
            raise ConfigError(f"The rule {name!r} cannot be: {error}.", remedy="Nothing was changed.") from None
        with locked(self.file):
            document = self._whole()
            if name in (document.data.get("rules") or {}):
                raise ConfigError(f"There is a rule {name!r} already.", remedy="Remove it, or give another --name.")
            write_private(self.file, with_value(document, ("rules", name), fields))
        return rule

    def remove(self, name: str) -> None:
        """Take a rule out. Raises `NotFound`, or `ConfigError` where the file is broken."""
        with locked(self.file):
            document = self._whole()
            if name not in (document.data.get("rules") or {}):
                raise NotFound(f"There is no rule {name!r}.", remedy="`hermes approvals list` shows them.")
            write_private(self.file, without(document, ("rules", name)))

    def free_name(self, wanted: str) -> str:
        """`wanted` as a name that no rule has."""
        taken = {rule.name for rule in self.rules().rules}
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", wanted).strip("-._")[:40] or "rule"
        number = 2
        while name in taken:
            name, number = f"{name.rstrip('0123456789').rstrip('-')}-{number}", number + 1
        return name

    def _whole(self) -> Document:
        text = read_text(self.file)
        document = read(str(self.file), text or _NEW)
        rules = document.data.get("rules")
        if document.broken or document.problems or not (rules is None or isinstance(rules, dict)):
            problem = document.problems[0].message if document.problems else "`rules` is not a mapping."
            raise ConfigError(f"{self.file} is broken: {problem}", remedy="Nothing was changed; correct it by hand.")
        return document

    def _read(self) -> Rules:
        try:
            text = read_text(self.file)
        except ConfigError as error:
            return Rules(self._strict, (str(error),), lost=True)
        document = read(NAME, text or "")
        problems = [problem.message for problem in document.problems]
        listed = document.data.get("rules")
        if not document.broken:
            if others := sorted(set(document.data) - {"rules"}):
                problems.append(f"It has the unknown key {others[0]!r}; rules stand below `rules:`.")
            if listed is not None and not isinstance(listed, dict):
                problems.append("`rules` is not a mapping of names to rules.")
        found: list[Rule] = []
        lost = False
        whole = document.data.get("rules") if not problems else None
        parts: Iterator[tuple[str, Any]] = iter((whole or {}).items()) if not problems else _salvaged(text or "")
        for name, fields in parts:
            try:
                found.append(read_rule(str(name), fields))
            except ValueError as error:
                problems.append(f"Rule {name!r}: {error}.")
                lost = lost or not (isinstance(fields, dict) and fields.get("verdict") == "allow")
        if not problems:
            self._strict = tuple(rule for rule in found if rule.verdict != "allow")
            return Rules(tuple(found), text=text or "")
        written = sum(match[1] != "allow" for match in _VERDICT.finditer(text or ""))
        lost = lost or written > sum(rule.verdict != "allow" for rule in found)
        kept = {rule.name: rule for rule in self._strict}
        kept.update((rule.name, rule) for rule in found if rule.verdict != "allow")
        return Rules(tuple(kept.values()), tuple(problems), lost)


def _salvaged(text: str) -> Iterator[tuple[str, Any]]:
    """The rules of a broken text, each read by itself; None for one that cannot be read and may ask or deny."""
    for name, lines in _blocks(text.splitlines()):
        block = read(NAME, "\n".join(lines))
        if not block.broken and isinstance(block.data.get(name), dict):
            yield name, block.data[name]
            continue
        verdict = _VERDICT.search("\n".join(lines))
        yield name, {"verdict": "allow"} if verdict is not None and verdict[1] == "allow" else None


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Names one level below `rules:`, with the lines that belong to each."""
    indent = -1
    name, block = "", list[str]()
    for line in lines:
        heading = _HEADING.match(line.rstrip())
        depth = len(line) - len(line.lstrip(" "))
        if heading and depth > 0 and (indent < 0 or depth == indent):
            if name:
                yield name, block
            indent, name, block = depth, heading[2], [line]
        elif name and depth == 0 and line.strip() and not line.startswith("#"):
            yield name, block
            name = ""
        elif name:
            block.append(line)
    if name:
        yield name, block
