"""What a shell script consists of, once it is parsed: words, simple commands and what holds them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["UNKNOWN", "Compound", "Function", "Kind", "Node", "Redirect", "Simple", "Unreadable", "Word", "names"]

UNKNOWN = "\x00"
"""Stands in a word's text for whatever only the running shell knows. No script contains it: NUL is refused."""

Kind = Literal["list", "and", "pipeline", "background", "subshell", "group", "if", "loop", "case"]


def names(text: str) -> frozenset[str]:
    """The words of a text, for tables that are easier to read in one line each."""
    return frozenset(text.split())


class Unreadable(Exception):
    """The text is no shell script that can be understood with certainty. The message ends a sentence."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word after quotes, escapes, braces and `~` are resolved."""

    text: str
    glob: bool = False
    """True when an unquoted `*`, `?` or `[` is matched against file names."""
    nested: tuple[Node, ...] = ()
    """Scripts that run to make the word: command and process substitutions."""

    @property
    def known(self) -> bool:
        """Whether the shell sees exactly this text."""
        return UNKNOWN not in self.text and not self.glob

    @property
    def leads_unknown(self) -> bool:
        """Whether the word may turn out to be an option, or several words, or none."""
        return self.text.startswith(UNKNOWN)


@dataclass(frozen=True, slots=True)
class Redirect:
    """`descriptor operator target`; `body` is the text given by a here-document or here-string instead."""

    operator: str
    descriptor: str = ""
    target: Word | None = None
    body: Word | None = None


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, then a program and its arguments. `words` is empty for assignments or redirections alone."""

    words: tuple[Word, ...] = ()
    assignments: tuple[tuple[str, Word], ...] = ()
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, slots=True)
class Compound:
    """Commands held together. `words` are those the construct itself expands (loop lists, case subjects, tests)."""

    kind: Kind
    parts: tuple[Node, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A definition; nothing runs yet."""

    name: str
    body: Node


Node = Simple | Compound | Function
