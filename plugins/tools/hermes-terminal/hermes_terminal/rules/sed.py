"""The language of `sed`, read just far enough to know that a script only edits text."""

from __future__ import annotations

__all__ = ["harmless_sed"]

_ALONE = frozenset("=dDgGhHnNpPxzl")
_NUMBERED = frozenset("qQlL")
_FLAGS = frozenset("gpiImM0123456789")


class _Other(Exception):
    """Something that is not certainly harmless."""


class _Script:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, chars: str) -> str:
        start = self.at
        while self.peek() and self.peek() in chars:
            self.at += 1
        return self.text[start : self.at]

    def until(self, stop: str) -> None:
        """Over a delimited part; a delimiter inside `[…]` or after a backslash does not count."""
        bracket = -1
        while self.peek():
            char = self.peek()
            self.at += 1
            if char == "\\":
                self.at += 1
            elif bracket >= 0:
                if char == "]" and self.at - bracket > 1:
                    bracket = -1
                elif char == stop:
                    raise _Other
            elif char == stop:
                return
            elif char == "[" and stop != "[":
                bracket = self.at + (1 if self.peek() == "^" else 0)
            elif char == "\n":
                raise _Other
        raise _Other

    def address(self) -> None:
        if self.peek() == "/":
            self.at += 1
            self.until("/")
            self.take("IM")
        elif self.peek() == "\\":
            raise _Other
        else:
            self.take("0123456789$~+")

    def command(self) -> None:
        self.take(" \t;\n{}")
        if not self.peek():
            return
        self.address()
        self.take(" \t")
        if self.peek() == ",":
            self.at += 1
            self.take(" \t")
            self.address()
        self.take(" \t!")
        name = self.peek()
        self.at += 1
        if name in ("s", "y"):
            self._substitute()
        elif name and name in "aic":
            self.at = len(self.text) if "\n" not in self.text[self.at :] else self._lines()
        elif name and name in "bt:":
            self.take("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ")
        elif name in _NUMBERED or name in _ALONE:
            self.take(" 0123456789")
        elif name not in ("{", "}", "#"):
            raise _Other
        elif name == "#":
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
        if name not in ("{", "}"):
            self.take(" \t")
            if self.peek() and self.peek() not in ";\n}":
                raise _Other

    def _substitute(self) -> None:
        stop = self.peek()
        if not stop or stop in "\\\n[ ":
            raise _Other
        self.at += 1
        self.until(stop)
        self._replacement(stop)
        flags = self.take("".join(_FLAGS))
        del flags

    def _replacement(self, stop: str) -> None:
        while self.peek():
            char = self.peek()
            self.at += 1
            if char == "\\":
                self.at += 1
            elif char == stop:
                return
        raise _Other

    def _lines(self) -> int:
        """Text of `a`, `i`, `c` goes on while lines end in a backslash; anything after it is looked at again."""
        at = self.at
        while True:
            end = self.text.find("\n", at)
            if end < 0:
                return len(self.text)
            if not self.text[:end].endswith("\\"):
                return end
            at = end + 1


def harmless_sed(script: str) -> bool:
    """Whether a sed script neither runs programs nor reads or writes files (`e`, `r`, `w` and their flags)."""
    reader = _Script(script)
    try:
        while reader.peek():
            reader.command()
    except _Other:
        return False
    return True
