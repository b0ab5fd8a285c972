"""The one way to a file: resolve, judge, and then use exactly the resolved path.

`Access` is made for each call. The assessment before a call and the call itself go through it both; the call refuses
what is denied whoever consented, and refuses a path that no longer leads where it led when it was assessed.
"""

from __future__ import annotations

import asyncio
import errno
import posixpath
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from hermes_files import policy, protected
from hermes_files.policy import Judgement, Places
from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hermes_host.context import ToolContext
    from hermes_host.protocols import FileInfo, Terminal

__all__ = ["LARGEST", "Access", "Located", "explained", "open_access"]

LARGEST = 512 * 1024 * 1024
"""Bytes of the largest file that is read or edited whole."""

_PLACES = "files.places"
_ASSESSED = "files.assessed"
_ASSESSED_KEPT = 256


@dataclass(frozen=True)
class Located:
    """A file: where it really is, what it is called to people, what is there now, and whether it may be used."""

    path: str
    shown: str
    info: FileInfo | None
    judgement: Judgement

    def refuse_denied(self) -> None:
        """Raise `ToolError` where policy denies the access."""
        if self.judgement.verdict == "deny":
            raise ToolError(
                f"{self.shown} {self.judgement.reason}; policy forbids this, and nothing was done.",
                remedy="Ask the user to do it by hand if it is needed.",
            )


class Access:
    """Paths of one session on its terminal."""

    def __init__(self, terminal: Terminal, places: Places, call: ToolContext) -> None:
        self.terminal = terminal
        self.places = places
        self._call = call

    async def locate(self, path: str, purpose: Literal["read", "write"]) -> Located:
        """Resolve `path` and judge the use. Raises `ToolError` for what cannot be a path."""
        if not path or "\0" in path:
            raise ToolError(f"{path!r} is not a path.", remedy="Give the path of a file.")
        with explained(path):
            asked = path if path.startswith(("/", "~")) else posixpath.join(self.places.workspace, path)
            resolved = await self.terminal.resolve(asked)
            info = await self._stat(resolved)
        judge = policy.judge_write if purpose == "write" else policy.judge_read
        judgements = [judge(resolved, self.places), _special(info)]
        if purpose == "write":
            judgements.append(await self._judge_git(resolved))
        # A protected name stays protected when it is a link to a file that is not.
        by_name = judge(policy.normalise(path, self.places), self.places)
        if by_name.verdict == "deny":
            judgements.append(by_name)
        if info is not None:
            judgements.append(await self._judge_hard_link(info, purpose))
        return Located(resolved, self.show(resolved), info, policy.strictest(judgements))

    async def is_readable(self, path: str) -> bool:
        """Whether a search may show the file at `path`, which is resolved."""
        if policy.judge_read(path, self.places).verdict != "allow":
            return False
        try:
            info = await self._stat(path)
        except OSError:
            return False
        if info is None or _special(info).verdict != "allow":
            return False
        return (await self._judge_hard_link(info, "read")).verdict == "allow"

    def show(self, path: str) -> str:
        """The path for people: relative inside the session's directory, absolute elsewhere."""
        inside = path.startswith(self.places.workspace.rstrip("/") + "/")
        return posixpath.relpath(path, self.places.workspace) if inside else path

    def remember(self, located: Iterable[Located]) -> None:
        """Note what the assessment of this call was about."""
        assessed: dict[tuple[str, str], frozenset[str]] = self._call.session.memory.setdefault(_ASSESSED, {})
        assessed[self._call.turn_id, self._call.call_id] = frozenset(each.path for each in located)
        while len(assessed) > _ASSESSED_KEPT:
            del assessed[next(iter(assessed))]

    def enforce(self, located: Sequence[Located]) -> None:
        """Refuse what is denied, and what is not what was assessed."""
        assessed = self._call.session.memory.get(_ASSESSED, {}).get((self._call.turn_id, self._call.call_id))
        for each in located:
            each.refuse_denied()
            if assessed is not None and each.path not in assessed:
                raise ToolError(
                    f"{each.shown} is no longer the file the call was approved for: a link on its path has changed.",
                    remedy="Nothing was done. Call again.",
                )

    async def _stat(self, path: str) -> FileInfo | None:
        try:
            return await self.terminal.stat(path)
        except NotADirectoryError:
            return None

    async def _judge_hard_link(self, info: FileInfo, purpose: Literal["read", "write"]) -> Judgement:
        if info.kind != "file" or info.links <= 1:
            return policy.ALLOWED
        if not info.identity:
            return Judgement("ask", "has several names, and this terminal cannot tell whether one is protected")
        for name in await self._protected_files():
            try:
                other = await self.terminal.stat(name)
            except OSError:
                continue
            if other is not None and other.identity == info.identity and name != info.path:
                read = policy.judge_read(name, self.places)
                judged = policy.judge_write(name, self.places) if purpose == "write" else read
                if judged.verdict == "deny":
                    return Judgement("deny", f"is another name of {name}, which {judged.reason}")
        return policy.ALLOWED

    async def _protected_files(self) -> Sequence[str]:
        """Protected files that exist: well-known ones, and what the well-known directories hold (two levels)."""
        home, workspace = self.places.home, self.places.workspace
        names = [posixpath.join(home, name) for name in (*protected.START_UP_FILES, *protected.CREDENTIAL_FILES)]
        names += [posixpath.join(workspace, ".git", name) for name in ("config", "config.worktree")]
        names += [posixpath.join(home, *parts) for parts in _plain_paths(protected.HOME_READ)]
        names += ["/etc/passwd", "/etc/shadow", "/etc/gshadow", "/etc/sudoers"]
        folders = [posixpath.join(home, *parts) for parts in _plain_paths(protected.HOME_WRITE)]
        folders += [posixpath.join(workspace, ".git/hooks"), *self.places.hermes_homes]
        for found in await asyncio.gather(*map(self._files_below, folders)):
            names += found
        return names

    async def _files_below(self, folder: str, depth: int = 2) -> list[str]:
        try:
            entries = await self.terminal.list(folder)
        except OSError:
            return []
        names = [entry.path for entry in entries if entry.kind == "file" and entry.links > 1]
        if depth > 1:
            for entry in entries:
                if entry.kind == "directory":
                    names += await self._files_below(entry.path, depth - 1)
        return names

    async def _judge_git(self, path: str) -> Judgement:
        """Judge files of git directories that are not called `.git`: bare ones, and where a `gitdir:` file leads."""
        parts = policy.fold(path)
        if not protected.GIT_HOOKS.union(protected.GIT_SETTINGS).intersection(parts):
            return policy.ALLOWED
        ancestor = posixpath.dirname(path)
        while True:
            if await self._is_git_directory(ancestor):
                judged = policy.judge_git(parts[len(policy.fold(ancestor)) :])
                if judged.verdict == "deny":
                    return judged
            for folder in await self._linked_git_directories(ancestor):
                inside = policy.fold(folder)
                if parts[: len(inside)] == inside:
                    judged = policy.judge_git(parts[len(inside) :])
                    if judged.verdict == "deny":
                        return judged
            if ancestor == posixpath.dirname(ancestor):
                return policy.ALLOWED
            ancestor = posixpath.dirname(ancestor)

    async def _is_git_directory(self, folder: str) -> bool:
        found = await asyncio.gather(
            *(self._stat(posixpath.join(folder, name)) for name in ("HEAD", "objects", "refs", "commondir")),
            return_exceptions=True,
        )
        head, objects, refs, common = (None if isinstance(each, BaseException) else each for each in found)
        return head is not None and ((objects is not None and refs is not None) or common is not None)

    async def _linked_git_directories(self, folder: str) -> Sequence[str]:
        """Where `folder/.git` leads when it is a `gitdir:` file."""
        marker = posixpath.join(folder, ".git")
        try:
            info = await self.terminal.stat(marker)
            if info is None or info.kind != "file" or info.size > 4096:
                return ()
            text = (await self.terminal.read(marker)).decode("utf-8", "replace")
            if not text.startswith("gitdir:"):
                return ()
            return (await self.terminal.resolve(posixpath.join(folder, text[7:].strip())),)
        except OSError:
            return ()


async def open_access(call: ToolContext) -> Access:
    """The access of this call, on the session's terminal."""
    terminal = await call.terminal()
    places = call.session.memory.get(_PLACES)
    if not isinstance(places, Places):
        places = call.session.memory[_PLACES] = await _places(terminal, call)
    return Access(terminal, places, call)


async def _places(terminal: Terminal, call: ToolContext) -> Places:
    home, workspace = await terminal.resolve(terminal.home), await terminal.resolve(terminal.directory)
    hermes = {str(call.plugin.home), posixpath.join(home, ".hermes")}
    hermes |= {await terminal.resolve(folder) for folder in hermes}
    bare = Places(home, workspace, tuple(sorted(hermes)))
    aliases = []
    for folder in (home, posixpath.join(home, ".config"), posixpath.join(home, ".aws"), *bare.hermes_homes):
        try:
            entries = await terminal.list(folder)
        except OSError:
            continue
        for entry in entries:
            if entry.kind == "link" and policy.judge_write(entry.path, bare).verdict == "deny":
                target = await terminal.resolve(entry.path)
                if target not in hermes:
                    aliases.append((target, entry.path))
    return Places(home, workspace, bare.hermes_homes, tuple(aliases))


def _special(info: FileInfo | None) -> Judgement:
    if info is None or info.kind in ("file", "directory"):
        return policy.ALLOWED
    if info.kind == "link":
        return Judgement("deny", "became a link while it was looked at")
    return Judgement("deny", "is a pipe, a socket or a device and not a regular file")


def _plain_paths(tree: protected.Tree) -> Iterator[tuple[str, ...]]:
    for first, entries in tree.items():
        for rest in entries:
            if not any(part.endswith("*") for part in rest):
                yield (first, *rest)


@contextmanager
def explained(shown: str, doing: str = "") -> Iterator[Any]:
    """Turn `OSError` into a `ToolError` that names the file and says what to do."""
    try:
        yield
    except OSError as error:
        reason, remedy = _explain(error)
        raise ToolError(f"{doing or 'Cannot use'} {shown}: {reason}.", remedy=remedy) from error


def _explain(error: OSError) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError):
        return "there is no such file or directory", "Look with search_files(target='files')."
    if isinstance(error, PermissionError):
        return "the file system does not permit it", ""
    if isinstance(error, IsADirectoryError):
        return "it is a directory", "Name a file in it."
    if isinstance(error, NotADirectoryError):
        return "a part of the path is a file and not a directory", ""
    if error.errno == errno.ELOOP:
        return "a symbolic link appeared on its path in this moment (or links form a loop)", "Call again."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "no space left on the device", "Nothing was changed. Free some space first."
    if error.errno == errno.EROFS:
        return "the file system is read-only", ""
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long", ""
    return error.strerror or str(error) or type(error).__name__, ""
