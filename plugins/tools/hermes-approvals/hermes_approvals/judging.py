"""What the rules say about one call."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hermes_terminal.places import Place

from hermes_approvals.paths import Located, locate, matcher, named_paths
from hermes_approvals.patterns import CommandPattern
from hermes_approvals.programs import Program, Reading, read_command
from hermes_approvals.rules import COMMAND_TOOLS, Rule, argument_matches
from hermes_host.protocols import Assessment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hermes_terminal.shell.script import Word

    from hermes_approvals.rulefile import Rules
    from hermes_approvals.surroundings import Surroundings
    from hermes_host.protocols import ApprovalCase, Terminal

__all__ = ["Finding", "Judging"]

_HARMLESS = frozenset({"read", "net", "ask"})
_ON_FILES = frozenset({"read", "write", "ask"})
_WILD = frozenset("*?[")
_SEARCHES = frozenset({"search_files"})
"""Tools that look into everything below the folder they are given."""
_MOST_PATHS = 64
_OWN_COMMANDS = tuple(
    CommandPattern(f"* {text} ...")
    for text in ("approvals add", "approvals remove", "approvals revoke", "config set approvals*")
)


@dataclass(frozen=True)
class Finding:
    """What was found: the assessment for the gate (None: nothing to say), and the rules that spoke."""

    assessment: Assessment | None = None
    rules: tuple[str, ...] = ()


class Judging:
    """One call under the rules. `home` is the host's own folder."""

    def __init__(self, case: ApprovalCase, around: Surroundings, rules: Rules, home: Path) -> None:
        self._case = case
        self._around = around
        self._home = home
        self._lost = rules.lost
        now = datetime.now().astimezone()
        self._rules = [rule for rule in rules.rules if self._concerned(rule) and not rule.expired(now)]
        self._reading: Reading | None = None
        self._place: Place | None = None
        self._directory = ""

    def _concerned(self, rule: Rule) -> bool:
        around = self._around
        surfaces = {around.surface} if rule.verdict == "allow" else around.surfaces
        return rule.concerns(
            tool=self._case.call.name,
            surfaces=surfaces,
            terminal=self._case.terminal or around.terminal,
            session=around.session.id,
            origin=self._case.origin,
            attended=self._case.attended,
        )

    async def finding(self) -> Finding:
        """Deny before ask before allow."""
        questioned = self._case.assessment.verdict != "allow"
        if questioned or any(rule.command or rule.path for rule in self._rules):
            await self._read()
        if await self._changes_own_rules():
            reason = "An agent changes neither what it is allowed nor the record of it; its owner does."
            return Finding(Assessment(verdict="deny", reason=reason), ("host",))
        strict = await self._strict()
        if strict is not None:
            return strict
        if self._lost and self._case.effects - _HARMLESS:
            reason = "A part of approvals.yaml cannot be read, and may forbid this."
            return Finding(Assessment(verdict="ask", reason=reason), ("broken file",))
        if self._case.assessment.verdict == "ask" and self._case.assessment.rememberable:
            return await self._allow()
        return Finding()

    # ----------------------------------------------------------------------------------------- ask and deny

    async def _strict(self) -> Finding | None:
        found: list[tuple[Rule, str]] = []
        for rule in self._rules:
            if rule.verdict == "allow":
                continue
            touch = await self._touches(rule)
            if touch == "yes":
                found.append((rule, rule.verdict))
            elif touch == "maybe":
                found.append((rule, "maybe"))
        for verdict in ("deny", "ask", "maybe"):
            chosen = [rule for rule, how in found if how == verdict]
            if chosen:
                names = tuple(rule.name for rule in chosen)
                return Finding(
                    Assessment(verdict="deny" if verdict == "deny" else "ask", reason=_reason(chosen[0], verdict)),
                    names,
                )
        return None

    async def _touches(self, rule: Rule) -> str:
        if rule.arguments and not argument_matches(self._case.call.arguments or {}, rule.arguments):
            return "no"
        touch = "yes"
        if rule.command:
            touch = self._touches_command(rule.patterns())
        if rule.path and touch != "no":
            found = await self._touches_path(rule.path)
            touch = found if touch == "yes" or found == "no" else touch
        return touch

    def _touches_command(self, patterns: Sequence[CommandPattern]) -> str:
        if self._reading is None:
            return "no"
        touches = {pattern.touches(program.words) for pattern in patterns for program in self._reading.programs}
        return "yes" if "yes" in touches else "maybe" if "maybe" in touches or not self._reading.readable else "no"

    async def _touches_path(self, globs: Sequence[str]) -> str:
        located = await self._located()
        if not located:
            return "no"
        terminal = await self._terminal()
        matchers = [await matcher(terminal, self._around.session.directory, glob) for glob in globs] if terminal else []
        if any(each.touches(path.real) or each.touches(path.named) for each in matchers for path in located):
            return "yes"
        above = self._case.call.name in _SEARCHES and any(
            each.lies_below(path.real) for each in matchers for path in located
        )
        return "maybe" if above else "no"

    async def _changes_own_rules(self) -> bool:
        if self._reading is not None and any(map(_is_own_command, self._reading.programs)):
            return True
        if "write" in self._case.effects:
            paths, _ = named_paths(self._case.call)
        else:
            paths = list(self._reading.written) if self._reading is not None else []
        terminal = await self._terminal() if paths else None
        if terminal is None:
            return False
        home = await terminal.resolve(str(self._home))
        own = (f"{home}/logs", f"{home}/approvals.yaml", f"{home}/approvals.json")
        located = await locate(terminal, self._around.session.directory, paths[:_MOST_PATHS])
        return any(path.real in own or path.real.startswith(f"{home}/logs/approvals.jsonl") for path in located)

    # ------------------------------------------------------------------------------------------------ allow

    async def _allow(self) -> Finding:
        rules = [rule for rule in self._rules if rule.verdict == "allow"]
        for rule in rules:
            if not rule.has_pattern or (
                rule.arguments and not rule.path and argument_matches(self._case.call.arguments or {}, rule.arguments)
            ):
                return _allowed((rule.name,))
        if await self._paths_allowed(rules):
            return _allowed(tuple(rule.name for rule in rules if rule.path))
        if self._reading is not None and self._reading.allowed and await self._led_nowhere_else(self._reading):
            return _allowed(self._reading.used)
        return Finding()

    async def _paths_allowed(self, rules: Sequence[Rule]) -> bool:
        arguments = self._case.call.arguments or {}
        # A rule for files of any tool is about reading and writing them, and not about sending or running them.
        files = self._case.effects <= _ON_FILES
        globs = [
            glob
            for rule in rules
            if (files or not _WILD & set(rule.tool)) and argument_matches(arguments, rule.arguments)
            for glob in rule.path
        ]
        paths, complete = named_paths(self._case.call)
        terminal = await self._terminal() if globs and paths and complete else None
        if terminal is None:
            return False
        directory = self._around.session.directory
        matchers = [await matcher(terminal, directory, glob) for glob in globs]
        located = await locate(terminal, directory, paths)
        return all(any(each.covers(path.real) for each in matchers) for path in located)

    async def _led_nowhere_else(self, reading: Reading) -> bool:
        """Whether links lead neither the covered calls nor what the others write out of the workspace."""
        terminal, place = await self._terminal(), self._place
        if terminal is None or place is None or len(reading.written) + len(reading.covered_in) > _MOST_PATHS:
            return False
        base = await terminal.resolve(self._around.session.directory)
        for directory in reading.covered_in:
            real = await terminal.resolve(directory)
            if real != base and not real.startswith(base.rstrip("/") + "/"):
                return False
        for path in reading.written:
            if place.zone(await terminal.resolve(path)) not in ("workspace", "temporary"):
                return False
        return True

    # ---------------------------------------------------------------------------------------------- reading

    async def _terminal(self) -> Terminal | None:
        terminals = self._around.terminals
        return await terminals.open(self._around.session) if terminals is not None else None

    async def _read(self) -> None:
        """Read the command, where the call is one."""
        arguments = self._case.call.arguments or {}
        text = arguments.get(COMMAND_TOOLS.get(self._case.call.name, "command"))
        if not isinstance(text, str) or not text or self._around.terminals is None:
            return
        session = self._around.session
        shell = await self._around.terminals.shell(session)
        terminal = shell.terminal
        workspace = await terminal.resolve(session.directory or terminal.directory)
        workdir = arguments.get("workdir")
        workdir = workdir if isinstance(workdir, str) else ""
        self._directory = await terminal.resolve(posixpath.join(shell.directory, workdir))
        self._place = Place(workspace, terminal.home, str(self._home))
        allowing = [
            (rule.name, pattern) for rule in self._rules if rule.verdict == "allow" for pattern in rule.patterns()
        ]

        def covering(words: tuple[Word, ...]) -> str:
            return next((name for name, pattern in allowing if pattern.covers(words)), "")

        self._reading = read_command(text, self._place, directory=self._directory, base=workspace, covering=covering)

    async def _located(self) -> list[Located]:
        """Every path the call names, the words of a command among them."""
        terminal = await self._terminal()
        if terminal is None:
            return []
        named, _ = named_paths(self._case.call)
        if not named and self._case.call.name in _SEARCHES:
            named = ["."]
        located = await locate(terminal, self._around.session.directory, named)
        if self._reading is not None:
            located += await locate(terminal, self._directory, list(self._in_command(self._reading))[:_MOST_PATHS])
        return located

    def _in_command(self, reading: Reading) -> Iterable[str]:
        assert self._place is not None
        found = dict.fromkeys(reading.written)
        for program in reading.programs:
            for word in program.words[1:]:
                text = word.text.rpartition("=")[2]
                for directory in program.directories:
                    found[self._place.join(directory, text)] = None
        return (path for path in found if path.startswith("/"))


def _is_own_command(program: Program) -> bool:
    names = {posixpath.basename(word.text) for word in program.words}
    if not any(name == "hermes" or name.startswith("hermes_host") for name in names):
        return False
    return any(pattern.touches(program.words) == "yes" for pattern in _OWN_COMMANDS)


def _allowed(names: tuple[str, ...]) -> Finding:
    return Finding(Assessment(verdict="allow", reason=f"Allowed by the rule {', '.join(map(repr, names))}."), names)


def _reason(rule: Rule, how: str) -> str:
    note = f" ({rule.note})" if rule.note else ""
    if how == "deny":
        return f"The rule {rule.name!r} forbids it{note}."
    if how == "ask":
        return f"The rule {rule.name!r} wants it to be asked about{note}."
    does = "forbid" if rule.verdict == "deny" else "ask about"
    return f"The rule {rule.name!r} may {does} this: a part of it is known only when it runs{note}."
