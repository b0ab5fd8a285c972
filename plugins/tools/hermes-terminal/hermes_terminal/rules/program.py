"""What is known of one program, as data: most rules need no code of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hermes_terminal.rules.case import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hermes_terminal.rules.state import Arguments
    from hermes_terminal.shell.script import Word

__all__ = ["Early", "Program", "Table", "commands"]

Table = dict[str, "Program"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program whose ordinary use is harmless, and what to look at before saying so."""

    always: str = ""
    """Why a person decides whatever the arguments are."""
    asks: Mapping[str, str] = field(default_factory=dict)
    """Options, with why each deserves a look."""
    valued: str = ""
    """Options that take the next word as their value, separated by blanks."""
    writes: str = ""
    """Options whose value is a file that gets written, separated by blanks."""
    single: bool = False
    """True when `-name` is one option and not several letters."""
    variables: bool | None = None
    """Whether a word that may turn out to be an option is fine; the default is: when no option matters."""
    commands: Mapping[str, Program | str] | None = None
    """Subcommands: another `Program`, or why it deserves a look (empty when it does not)."""
    other: str = ""
    """Why a subcommand that is not listed deserves a look."""
    bare: str = ""
    """Why a call without a subcommand deserves a look."""
    runs: bool = False
    """True when it runs code of the project."""
    then: Callable[[Case, Arguments], None] | None = None
    """Rules that need code."""

    def apply(self, case: Case) -> None:
        """Judge one call."""
        if self.always:
            case.ask(self.always)
        arguments = case.split(f"{self.valued} {self.writes}", stop_early=self.commands is not None, single=self.single)
        matters = bool(self.asks or self.writes or self.commands)
        if arguments.dynamic and (matters if self.variables is None else not self.variables):
            case.ask(f"A variable stands where {case.name!r} takes options or subcommands.")
        for option, reason in self.asks.items():
            if arguments.given(option):
                case.ask(reason)
        made = set(case.state.made)
        for option in self.writes.split():
            for value in arguments.values(option):
                case.write(value)
            if arguments.given(option) and not arguments.values(option):
                case.ask(f"{case.name!r} writes a file.")
        if self.runs:
            case.state.made &= made  # what is built from the project is the project's
            case.runs_from(case.arguments)
            case.runs_project()
        if self.commands is not None:
            self._subcommand(case, arguments)
        if self.then is not None:
            self.then(case, arguments)

    def _subcommand(self, case: Case, arguments: Arguments) -> None:
        if not arguments.rest:
            if self.bare:
                case.ask(self.bare)
            return
        assert self.commands is not None
        name = arguments.rest[0]
        entry = self.commands.get(name.text) if name.known else None
        if entry is None:
            case.ask(self.other or f"`{case.name} {_printable(name)}` is not known to be harmless.")
        elif isinstance(entry, str):
            if entry:
                case.ask(entry)
        else:
            at = 1 + arguments.rest_at
            title = replace(case.words[at], text=name.text)
            entry.apply(Case((title, *case.words[at + 1 :]), case.state, case.judge))


class Early(Program):
    """Its options end at the first other word."""

    def apply(self, case: Case) -> None:
        """Judge one call."""
        if self.always:
            case.ask(self.always)
        arguments = case.split(f"{self.valued} {self.writes}", stop_early=True)
        for option, reason in self.asks.items():
            if arguments.given(option):
                case.ask(reason)
        for option in self.writes.split():
            value = arguments.value(option)
            if value is not None:
                case.write(value)
        if self.then is not None:
            self.then(case, arguments)


def _printable(word: Word) -> str:
    return word.text if word.known else "…"


def commands(harmless: str, **special: Program | str) -> dict[str, Program | str]:
    """A subcommand table: names of harmless ones, then those with a reason or rules (`_` in a keyword is `-`)."""
    table: dict[str, Program | str] = dict.fromkeys(harmless.split(), "")
    table.update({name.strip("_").replace("_", "-"): entry for name, entry in special.items()})
    return table
