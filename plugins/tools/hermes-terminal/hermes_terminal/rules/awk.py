"""The language of `awk`, read just far enough to know that a program only computes and prints."""

from __future__ import annotations

__all__ = ["harmless_awk"]

_RUNS = ("system", "getline", "extension")
_PRINTS = frozenset({"print", "printf"})


def harmless_awk(program: str) -> bool:
    """Whether an awk program neither runs programs nor reads or writes files by itself."""
    if any(name in program for name in _RUNS):
        return False
    printing = False
    depth = 0
    index = 0
    previous = ""
    while index < len(program):
        char = program[index]
        if char == '"':
            index = _string_end(program, index)
            if index < 0:
                return False
            previous = '"'
            continue
        if char == "/" and previous in (")", '"') and ("|" in program or ">" in program):
            return False  # whether this divides or begins a pattern is not certain
        if char == "/" and (not previous or previous in "(,{};!~&|\n"):
            index = _regex_end(program, index)
            if index < 0:
                return False
            previous = "/"
            continue
        if char.isalpha() or char == "_":
            end = index
            while end < len(program) and (program[end].isalnum() or program[end] == "_"):
                end += 1
            name = program[index:end]
            if name in _PRINTS:
                printing, depth = True, 0
            previous, index = "a", end
            continue
        if char == "#":
            end = program.find("\n", index)
            index = len(program) if end < 0 else end
            continue
        if char in ";\n}":
            printing = False
        elif char in "@`":
            return False
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "|":
            if program[index + 1 : index + 2] != "|":
                return False
            index += 1
        elif char == ">" and printing and depth <= 0:
            return False
        if not char.isspace():
            previous = char
        index += 1
    return True


def _string_end(program: str, start: int) -> int:
    index = start + 1
    while index < len(program):
        if program[index] == "\\":
            index += 1
        elif program[index] == '"':
            return index + 1
        elif program[index] == "\n":
            return -1
        index += 1
    return -1


def _regex_end(program: str, start: int) -> int:
    index = start + 1
    while index < len(program):
        if program[index] == "\\":
            index += 1
        elif program[index] == "\n":
            return -1
        elif program[index] == "/":
            return index + 1
        index += 1
    return -1
