"""Which files the agent may read and write: pure functions over resolved paths.

Judgements of writes, strictest first: *deny* in every mode for what would give an attacker a foothold (start-up files,
credentials, git hooks and configuration, editors' and agents' settings, the host's own state); *ask* outside the
session's directory; *allow* inside it. Reads are denied for private keys and stored credentials, and allowed elsewhere.

Paths are compared without regard to case, Unicode form, invisible characters, doubled or trailing slashes and the
spellings Windows file systems treat as equal, because the file system below may not regard them either. A rule holds
whether or not the file exists, and for everything below a protected directory.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from hermes_files import protected

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["ALLOWED", "Judgement", "Places", "fold", "judge_git", "judge_read", "judge_write", "normalise", "strictest"]

Verdict = Literal["allow", "ask", "deny"]


class Judgement(NamedTuple):
    """A verdict, and for anything but *allow* why, as a clause that follows the path."""

    verdict: Verdict
    reason: str = ""


ALLOWED = Judgement("allow")
_DEVICE_PREFIX = re.compile(r"^(?:\\\\[?.]|\\\?\?)\\")
"""How Windows spells a path that is taken literally: `\\\\?\\`, `\\\\.\\`, `\\??\\`."""
_RANK = {"allow": 0, "ask": 1, "deny": 2}


@dataclass(frozen=True)
class Places:
    """The directories a judgement depends on, all resolved. `aliases` maps where a protected link leads to its name."""

    home: str
    workspace: str
    hermes_homes: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()


def strictest(judgements: Iterable[Judgement]) -> Judgement:
    """The first of the strictest judgements; *allow* for none."""
    return max(judgements, key=lambda judgement: _RANK[judgement.verdict], default=ALLOWED)


def normalise(path: str, places: Places) -> str:
    """The absolute path with `~` and `..` resolved by their letters alone; links are not followed."""
    if path == "~" or path.startswith("~/"):
        path = places.home + path[1:]
    return posixpath.normpath(posixpath.join(places.workspace, path))


@lru_cache(maxsize=4096)
def fold(path: str) -> tuple[str, ...]:
    """The parts of `path` in the form in which they are compared."""
    if not path.isascii():
        path = unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
        path = "".join(char for char in path if unicodedata.category(char) not in ("Cf", "Cc"))
    path = _DEVICE_PREFIX.sub("/", path)
    parts: list[str] = []
    for part in path.lower().replace("\\", "/").split("/"):
        part = part.split(":", 1)[0].rstrip(" .") if part != ".." else part
        if part == "..":
            del parts[-1:]
        elif part:
            parts.append(".git" if _is_short_git(part) else part)
    return tuple(parts)


def _is_short_git(part: str) -> bool:
    return part.startswith("git~") and part[4:].isdigit()


def judge_write(path: str, places: Places, *, parents: bool = True) -> Judgement:
    """May the file at the resolved `path` be created, changed, moved or removed?

    With `parents` a directory above a protected file is protected too, because a file in its place would displace it.
    """
    parts = fold(path)
    denied = _deny_write(parts, places, parents)
    if denied:
        return Judgement("deny", denied)
    for home in map(fold, places.hermes_homes):
        if _inside(parts, home) and parts[len(home) : len(home) + 1] and parts[len(home)] in protected.HERMES_ASK:
            return Judgement("ask", "shapes the agent itself")
    if not _inside(parts, fold(places.workspace)):
        return Judgement("ask", "is outside the session's directory")
    return ALLOWED


def judge_read(path: str, places: Places) -> Judgement:
    """May the content of the file at the resolved `path` be shown to the model?"""
    parts = fold(path)
    for target, name in places.aliases:
        if _inside(parts, fold(target)):
            judged = _judge_read(fold(name) + parts[len(fold(target)) :], places)
            if judged.verdict != "allow":
                return judged
    return _judge_read(parts, places)


def judge_git(inside: Sequence[str]) -> Judgement:
    """May a file of a git directory be written? `inside` holds the folded parts of its path below that directory."""
    if not inside:
        return Judgement("deny", "would replace a git directory")
    if inside[0] in ("modules", "worktrees"):
        # The names of submodules may have several parts and may be any word, so every part counts.
        if any(part in protected.GIT_HOOKS or part in protected.GIT_SETTINGS for part in inside[1:]):
            return Judgement("deny", "is a hook or a setting of git, which runs programs")
        if any(part in protected.GIT_DATA for part in inside[1:]):
            return ALLOWED
    elif inside[0] in protected.GIT_DATA or inside == ("info", "exclude"):
        return ALLOWED
    return Judgement("deny", "is a hook, a setting or private state of git")


def _deny_write(parts: tuple[str, ...], places: Places, parents: bool) -> str:
    if ".git" in parts:
        judged = judge_git(parts[parts.index(".git") + 1 :])
        if judged.verdict == "deny":
            return judged.reason
    for part in parts:
        if part in protected.START_UP_FILES:
            return f"is {part}, which is run or read at the start of a program"
        if part in protected.SETTINGS_DIRECTORIES:
            return f"belongs to {part}, the settings of an editor or an agent"
        if part in protected.CREDENTIAL_FILES:
            return f"is {part}, which holds credentials"
    if ".hermes" in parts and not _in_hermes_home(parts, places):
        below = parts[parts.index(".hermes") + 1 :]
        if below[:1] != ("plans",):
            return "belongs to .hermes, the settings of an agent"
    if _in_tree(parts, (), protected.SYSTEM_WRITE, parents=parents) or _is_device(parts):
        return "belongs to the operating system's settings"
    if any(_in_tree(parts, home, protected.HOME_WRITE, parents=parents) for home in _homes(parts, places)):
        return "is a protected place of the home directory"
    for home in map(fold, places.hermes_homes):
        if parents and _inside(home, parts):
            return "would replace the agent's home directory"
        if _inside(parts, home) and parts != home:
            below = parts[len(home) :]
            if below[0] not in protected.HERMES_OPEN | protected.HERMES_ASK or ".hub" in below:
                return "is the agent's own configuration or state"
    for target, name in places.aliases:
        if _inside(parts, fold(target)):
            return f"is what {name} points at"
    return ""


def _judge_read(parts: tuple[str, ...], places: Places) -> Judgement:
    if parts and (parts[-1] in protected.PRIVATE_KEYS or parts[-1] in protected.CREDENTIAL_READS):
        return Judgement("deny", "holds a private key or credentials")
    if parts[:1] == ("proc",) and protected.PROCESS_INSIDES.intersection(parts[1:]):
        return Judgement("deny", "shows the inside of a process")
    if _is_device(parts):
        return Judgement("deny", "is a device")
    if _in_tree(parts, (), protected.SYSTEM_READ):
        return Judgement("deny", "holds credentials of the system")
    for home in _homes(parts, places):
        below = parts[len(home) :]
        if below[:1] == (".ssh",) and len(below) > 1 and not _public_ssh(below[-1]):
            return Judgement("deny", "may hold a private key")
        if _in_tree(parts, home, protected.HOME_READ):
            return Judgement("deny", "holds credentials")
    for home in map(fold, places.hermes_homes):
        if _in_tree(parts, home, protected.HERMES_READ):
            return Judgement("deny", "holds the agent's credentials")
        if parts == (*home, "config.yaml"):
            return Judgement("ask", "may hold credentials")
    return ALLOWED


def _is_device(parts: tuple[str, ...]) -> bool:
    return parts[:1] == ("dev",) and len(parts) > 1 and parts[1] != "shm"


def _public_ssh(name: str) -> bool:
    return name.endswith(".pub") or name.startswith(("known_hosts", "authorized_keys", "config", "allowed_signers"))


def _homes(parts: tuple[str, ...], places: Places) -> Iterable[tuple[str, ...]]:
    """The session's home and whatever other home directory the path lies in."""
    yield fold(places.home)
    if parts[:1] in (("home",), ("users",)) and len(parts) > 1:
        yield parts[:2]
    if parts[:1] == ("root",):
        yield parts[:1]


def _in_hermes_home(parts: tuple[str, ...], places: Places) -> bool:
    return any(_inside(parts, fold(home)) for home in places.hermes_homes)


def _in_tree(parts: tuple[str, ...], root: tuple[str, ...], tree: protected.Tree, *, parents: bool = False) -> bool:
    """Whether `parts` is an entry of `tree` below `root` or lies in one; with `parents` also whether one lies in it."""
    if len(parts) <= len(root) or parts[: len(root)] != root:
        return False
    below = parts[len(root) + 1 :]
    for entry in tree.get(parts[len(root)], ()):
        if len(below) < len(entry) and not parents:
            continue
        size = min(len(entry), len(below))
        if all(map(_part_matches, below[:size], entry[:size])):
            return True
    return False


def _part_matches(part: str, pattern: str) -> bool:
    return part.startswith(pattern[:-1]) if pattern.endswith("*") else part == pattern


def _inside(parts: tuple[str, ...], root: tuple[str, ...]) -> bool:
    return parts[: len(root)] == root
