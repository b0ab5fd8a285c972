"""Glob patterns and ignore files, by the rules of `.gitignore`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["IgnoreRule", "compile_glob", "ignored", "parse_ignore"]


class IgnoreRule(NamedTuple):
    """A line of an ignore file. `folder` is the directory the file lies in, with a slash at its end."""

    folder: str
    pattern: re.Pattern[str]
    negated: bool
    only_directories: bool


@lru_cache(maxsize=512)
def compile_glob(glob: str) -> re.Pattern[str]:
    """A pattern for `fullmatch` on paths relative to the searched directory.

    A glob without a slash matches names at any depth. `*` and `?` stay within a name, `**` crosses directories, `{a,b}`
    and `[...]` mean what they mean in a shell.
    """
    anchored = "/" in glob.rstrip("/")
    body = _translate(glob.strip("/"))
    return re.compile(body if anchored else f"(?:.*/)?{body}", re.DOTALL)


def _translate(glob: str) -> str:
    out = []
    index, depth = 0, 0
    while index < len(glob):
        char = glob[index]
        index += 1
        if char == "*":
            if glob[index : index + 1] == "*":
                index += 1
                if glob[index : index + 1] == "/":
                    index += 1
                    out.append("(?:.*/)?")
                else:
                    out.append(".*")
            else:
                out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[" and (end := glob.find("]", index + 1)) > 0:
            inner = glob[index:end].replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"[{'^' + inner[1:] if inner[:1] in ('!', '^') else inner}]")
            index = end + 1
        elif char == "{" and "}" in glob[index:]:
            depth += 1
            out.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            out.append(")")
        elif char == "," and depth:
            out.append("|")
        elif char == "\\" and index < len(glob):
            out.append(re.escape(glob[index]))
            index += 1
        else:
            out.append(re.escape(char))
    return "".join(out) + ")" * depth


def parse_ignore(text: str, folder: str) -> list[IgnoreRule]:
    """The rules of an ignore file in `folder`. Lines that make no pattern are passed over, as git does."""
    rules = []
    for line in text.splitlines():
        line = line.rstrip()
        if not line or line.startswith("#"):
            continue
        negated = line.startswith("!")
        line = line[negated:].removeprefix("\\") if line[negated:].startswith(("\\#", "\\!")) else line[negated:]
        try:
            pattern = compile_glob(line)
        except re.error:
            continue
        rules.append(IgnoreRule(folder.rstrip("/") + "/", pattern, negated, line.endswith("/")))
    return rules


def ignored(path: str, is_directory: bool, rules: Sequence[IgnoreRule]) -> bool:
    """Whether `path` is ignored; the last rule that matches decides."""
    for rule in reversed(rules):
        if rule.only_directories and not is_directory:
            continue
        if path.startswith(rule.folder) and rule.pattern.fullmatch(path, len(rule.folder)):
            return not rule.negated
    return False
