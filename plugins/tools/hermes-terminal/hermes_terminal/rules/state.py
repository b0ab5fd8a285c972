"""What is known around a program call, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hermes_terminal.shell.script import Word

__all__ = ["Arguments", "Finding", "Input", "State", "Verdict", "same_option", "stricter"]

Verdict = Literal["allow", "ask", "deny"]
_ORDER = {"allow": 0, "ask": 1, "deny": 2}
_MAX_DIRECTORIES = 4


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was noticed."""

    verdict: Verdict
    reason: str


def stricter(one: Finding, other: Finding) -> Finding:
    """The stricter of two findings, the first when they are equally strict."""
    return other if _ORDER[other.verdict] > _ORDER[one.verdict] else one


@dataclass(frozen=True, slots=True)
class Input:
    """Where standard input comes from. `word` is the name of the file, or the text itself."""

    kind: Literal["none", "piped", "unknown", "file", "text"] = "none"
    word: Word = Word("")


@dataclass(slots=True)
class State:
    """What a command's surroundings are known to be. `None` among the directories means: it could be anywhere."""

    directories: tuple[str | None, ...]
    stdin: Input = Input()
    functions: frozenset[str] = frozenset()
    moved: bool = False
    """Whether the last command changed the directory, if it succeeded."""
    made: set[str] = field(default_factory=set)
    """Files this script has written so far."""
    fetched: bool = False
    """Whether this script has brought in anything from elsewhere so far."""

    @property
    def in_secrets(self) -> bool:
        """Whether it runs in a folder where bare names may be secrets."""
        return any(
            d is not None and (".ssh" in d or ".hermes" in d or "/etc" in d or "/proc" in d) for d in self.directories
        )

    def also(self, directories: tuple[str | None, ...]) -> None:
        """It may as well be in one of these."""
        merged = tuple(dict.fromkeys(self.directories + directories))
        self.directories = merged if len(merged) <= _MAX_DIRECTORIES else (None,)

    def absorb(self, inner: State) -> None:
        """Take over what a process of its own leaves behind: files."""
        self.made |= inner.made
        self.fetched |= inner.fetched


@dataclass(slots=True)
class Arguments:
    """Words sorted into options and the rest."""

    options: list[tuple[str, Word | None]] = field(default_factory=list)
    """Each with its value where it has one."""
    rest: list[Word] = field(default_factory=list)
    dynamic: bool = False
    """True when a word may turn out to be an option."""
    rest_at: int = 0
    """Index of the first word of `rest` among the words."""

    def value(self, *names: str) -> Word | None:
        """The value of the last of these options that was given one."""
        found = self.values(*names)
        return found[-1] if found else None

    def values(self, *names: str) -> list[Word]:
        """The values of these options; long ones also when abbreviated."""
        return [
            value
            for option, value in self.options
            if value is not None and any(same_option(option, name) for name in names)
        ]

    def given(self, *names: str) -> bool:
        """Whether one of these options was given; long ones also when abbreviated."""
        return any(same_option(option, name) for option, _ in self.options for name in names)


def same_option(given: str, name: str) -> bool:
    """Whether `given` is the option `name`, or a long option's abbreviation."""
    if given == name:
        return True
    return len(given) > 3 and given.startswith("--") and name.startswith(given)
