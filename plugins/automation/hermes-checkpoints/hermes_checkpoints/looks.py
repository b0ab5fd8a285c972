"""Whether a call may change files: by the tool's effects, and for commands by their words.

A command counts as harmless only when every word that could act is known to only look. To be wrong on the other side
costs some milliseconds; to be wrong on this side costs somebody's work.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["may_change_files", "only_looks"]

_LOOKING = frozenset(
    {
        *(
            "[",
            "basename",
            "cat",
            "cd",
            "cksum",
            "clear",
            "cmp",
            "column",
            "comm",
            "cut",
            "date",
            "df",
            "diff",
            "dirname",
        ),
        *("du", "echo", "egrep", "expr", "false", "fgrep", "fold", "free", "grep", "groups", "head", "hexdump", "id"),
        *("jq", "less", "ls", "lsblk", "lsof", "md5sum", "more", "nl", "nproc", "od", "pgrep", "printenv", "printf"),
        *("ps", "pwd", "readlink", "realpath", "rg", "seq", "sha1sum", "sha256sum", "sleep", "stat", "strings", "tac"),
        *("tail", "test", "top", "tr", "tree", "true", "type", "uname", "uptime", "wc", "whereis", "which", "whoami"),
    }
)
_LOOKING_GIT = frozenset(
    {
        *("blame", "cat-file", "describe", "diff", "log", "ls-files", "ls-tree", "rev-parse", "shortlog", "show"),
        "status",
    }
)
_WRITING_OPTIONS = re.compile(r"\s(?:-o|--output|--output-directory|--pre)\b")
_HARMLESS_REDIRECTIONS = re.compile(r"\d?>\s*(?:&\d|/dev/null)|&>\s*/dev/null|2>&1")
_ACTING = re.compile(r"[<>`\\\n(){}]|\$\(|\$\{|\$'|!")
_WATCHING = frozenset({"list", "poll", "log", "wait"})


def may_change_files(effects: frozenset[str], arguments: Mapping[str, Any] | None) -> bool:
    """Whether a snapshot is worth taking before this call."""
    if "write" in effects:
        return True
    if "process" not in effects:
        return False
    arguments = arguments or {}
    command = arguments.get("command")
    if isinstance(command, str):
        return not only_looks(command)
    return arguments.get("action") not in _WATCHING


def only_looks(command: str) -> bool:
    """Whether a shell command certainly changes no file."""
    plain = _HARMLESS_REDIRECTIONS.sub(" ", command.strip())
    if _ACTING.search(plain) or _WRITING_OPTIONS.search(plain):
        return False
    return all(_part_only_looks(part) for part in re.split(r"&&|\|\||[;|&]", plain) if part.strip())


def _part_only_looks(part: str) -> bool:
    words = part.split()
    if words[0] == "git":
        return len(words) > 1 and words[1] in _LOOKING_GIT
    return words[0] in _LOOKING
