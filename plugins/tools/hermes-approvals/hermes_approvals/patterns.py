"""Patterns over commands and over paths, each in a narrow reading for `allow` and a wide one for `ask` and `deny`."""

from __future__ import annotations

import posixpath
import re
import shlex
import unicodedata
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_terminal.shell.script import Word

__all__ = ["CommandPattern", "PathPattern", "quoted"]

Touch = Literal["yes", "maybe", "no"]

_REST = "..."
_PUNCTUATION = frozenset("();<>|&")
_SYSTEM = frozenset({"", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"})
_CLUSTER = re.compile(r"-[A-Za-z]+$")


class CommandPattern:
    """One program with patterns for its arguments, such as `git push origin *`.

    `*` and `?` match within one argument, and never an option: those are written out, or as `-*`. A `*` at the end
    stands for any number of further arguments that are no options, `...` at the end for whatever follows.
    """

    def __init__(self, text: str) -> None:
        """Raises `ValueError` with the reason when the text is no such pattern."""
        self.text = text
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = ""
        try:
            words = list(lexer)
        except ValueError as error:
            raise ValueError(f"{text!r} is no command pattern: {str(error).lower()}") from None
        if not words:
            raise ValueError("an empty command pattern would match nothing")
        if any(word and _PUNCTUATION.issuperset(word) for word in words):
            raise ValueError(f"{text!r} is more than one program with its arguments; write a rule for each")
        self.program, *self._arguments = words
        self.rest: Literal["", "*", "..."] = ""
        if self._arguments and self._arguments[-1] in ("*", _REST):
            self.rest = "*" if self._arguments.pop() == "*" else "..."
        if _REST in self._arguments or self.program == _REST:
            raise ValueError(f"{text!r} has `...` before its end")

    @property
    def names_program(self) -> bool:
        """Whether the program is named and not a pattern itself."""
        return not set("*?[") & set(self.program)

    def covers(self, words: Sequence[Word]) -> bool:
        """Whether the pattern speaks of all of this call. Anything known only when it runs is not covered."""
        if not all(word.known and not word.nested for word in words):
            return False
        folder, _, name = words[0].text.rpartition("/")
        if words[0].text != self.program and (name != self.program or folder not in _SYSTEM):
            return False
        given = [word.text for word in words[1:]]
        if len(given) < len(self._arguments) or (not self.rest and len(given) > len(self._arguments)):
            return False
        further = given[len(self._arguments) :]
        return all(map(_argument_matches, given, self._arguments)) and (
            self.rest == _REST or not any(word.startswith("-") for word in further)
        )

    def touches(self, words: Sequence[Word]) -> Touch:
        """Whether this call may be one that the pattern speaks of, in whatever order and spelling."""
        if not words or not fnmatchcase(posixpath.basename(words[0].text), posixpath.basename(self.program)):
            return "no"
        known = [word.text for word in words[1:] if word.known]
        if self._found_among(known):
            return "yes"
        return "maybe" if len(known) < len(words) - 1 else "no"

    def _found_among(self, given: Sequence[str]) -> bool:
        letters = {letter for word in given if _CLUSTER.match(word) for letter in word[1:]}
        position = 0
        for wanted in self._arguments:
            if wanted.startswith("-"):
                if not any(_option_matches(word, wanted) for word in given) and not (
                    _CLUSTER.match(wanted) and letters.issuperset(wanted[1:])
                ):
                    return False
                continue
            found = next((i for i in range(position, len(given)) if _argument_matches(given[i], wanted)), None)
            if found is None:
                return False
            position = found + 1
        return True


def _argument_matches(given: str, wanted: str) -> bool:
    return fnmatchcase(given, wanted) and (wanted.startswith("-") or not given.startswith("-"))


def _option_matches(given: str, wanted: str) -> bool:
    abbreviated = len(given) > 3 and given.startswith("--") and wanted.startswith(given.partition("=")[0])
    return fnmatchcase(given, wanted) or given.startswith(f"{wanted}=") or abbreviated


def quoted(words: Sequence[str]) -> str:
    """A command pattern that covers exactly these words."""
    return shlex.join(re.sub(r"([*?[])", r"[\1]", word) for word in words).replace("...", "[.]..")


class PathPattern:
    """A glob over absolute paths: `*` and `?` stay within one folder, `**` goes through any number of them."""

    def __init__(self, pattern: str) -> None:
        """`pattern` is absolute."""
        self._pattern = posixpath.normpath(pattern)

    @staticmethod
    def head(pattern: str) -> tuple[str, str]:
        """The folders before the first wildcard, and the rest."""
        folders: list[str] = []
        parts = pattern.split("/")
        while parts and not set("*?[") & set(parts[0]):
            folders.append(parts.pop(0))
        return "/".join(folders) or "/", "/".join(parts)

    @cached_property
    def _exact(self) -> re.Pattern[str]:
        return re.compile(f"{_translated(self._pattern)}\\Z", re.DOTALL)

    @cached_property
    def _wide(self) -> re.Pattern[str]:
        return re.compile(f"{_translated(_folded(self._pattern).removesuffix('/**'))}(?:/.*)?\\Z", re.DOTALL)

    def covers(self, path: str) -> bool:
        """Whether exactly this path is meant."""
        return self._exact.match(path) is not None

    def lies_below(self, folder: str) -> bool:
        """Whether what is meant may lie below this folder."""
        head = PathPattern.head(_folded(self._pattern))[0]
        return f"{head}/".startswith(f"{_folded(folder).rstrip('/')}/") or _folded(folder).startswith(f"{head}/")

    def touches(self, path: str) -> bool:
        """Whether the path, in any spelling, is meant, or lies below what is meant."""
        return self._wide.match(_folded(path)) is not None


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _translated(pattern: str) -> str:
    out = []
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if pattern.startswith("**/", index):
            out.append("(?:.*/)?")
            index += 3
            continue
        if pattern.startswith("**", index):
            out.append(".*")
            index += 2
            continue
        end = pattern.find("]", index + 2) if char == "[" else -1
        if end > 0:
            inside = pattern[index + 1 : end].replace("\\", "\\\\").replace("/", "")
            out.append(f"[{'^' + inside[1:] if inside.startswith('!') else inside}]")
            index = end + 1
            continue
        out.append({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)))
        index += 1
    return "".join(out)
