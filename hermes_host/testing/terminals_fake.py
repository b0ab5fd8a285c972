"""A terminal backend that runs nothing: scripted answers, and a file system in memory."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import posixpath
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from hermes_host.errors import Unsupported
from hermes_host.protocols import Command, Exited, FileInfo, Output

__all__ = ["FakeCommand", "FakeTerminal", "FakeTerminalBackend"]


class FakeCommand(msgspec.Struct, frozen=True, kw_only=True):
    """How a command answers."""

    output: bytes = b""
    errors: bytes = b""
    code: int = 0
    hangs: bool = False
    """Runs, after its output, until it is killed or its time is over."""
    echoes_input: bool = False
    """Writes what it reads, like `cat`."""
    files: Mapping[str, bytes] = {}
    """Absolute paths it writes."""


class FakeTerminalBackend:
    """Terminals over one file system in memory, with the features `files` and `background` unless told otherwise.

    `commands` maps scripts (or programs with their arguments, joined by spaces) to answers. A script that is no key is
    answered by the first key it contains, so that scripts a `Shell` has wrapped are found too; others end with 127.
    `ran` holds every command that was run, `open_terminals` the keys of terminals that are open.
    """

    def __init__(
        self,
        commands: Mapping[str, FakeCommand] | None = None,
        *,
        files: Mapping[str, bytes] | None = None,
        features: frozenset[str] = frozenset({"files", "background"}),
        home: str = "/home/fake",
    ) -> None:
        self.commands = dict(commands or {})
        self.features = features
        self.home = home
        self.ran: list[Command] = []
        self.open_terminals: list[str] = []
        self.tree = _Tree()
        self.tree.make_directories(home)
        for path, data in (files or {}).items():
            self.tree.write(path, data, None)

    async def reap(self) -> Sequence[str]:
        """Nothing is left behind."""
        return ()

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[FakeTerminal]:
        """A terminal; a start directory that does not exist is made."""
        directory = posixpath.normpath(posixpath.join(self.home, directory))
        self.tree.make_directories(directory)
        self.open_terminals.append(key)
        try:
            yield FakeTerminal(self, directory)
        finally:
            self.open_terminals.remove(key)

    def answer(self, command: Command) -> FakeCommand:
        """The scripted answer to a command."""
        text = command.script or " ".join(command.argv)
        if text in self.commands:
            return self.commands[text]
        for key, answer in self.commands.items():
            if key in text:
                return answer
        if command.argv:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command.argv[0])
        return FakeCommand(errors=b"fake: the command is not scripted\n", code=127)


class FakeTerminal:
    """A terminal of `FakeTerminalBackend`."""

    def __init__(self, backend: FakeTerminalBackend, directory: str) -> None:
        self._backend = backend
        self._directory = directory

    @property
    def directory(self) -> str:
        """The absolute start directory."""
        return self._directory

    @property
    def home(self) -> str:
        """The home directory."""
        return self._backend.home

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Give the scripted answer."""
        if command.pty:
            self._need("pty")
        if "\0" in command.script:
            raise ValueError("A script cannot hold NUL characters.")
        if command.cwd and self._backend.tree.find(self._absolute(command.cwd)).kind != "directory":
            raise _error(errno.ENOTDIR, command.cwd)
        self._backend.ran.append(command)
        answer = self._backend.answer(command)
        if answer.output:
            yield Output(answer.output, 1)
        if answer.errors:
            yield Output(answer.errors, 2)
        for path, data in answer.files.items():
            self._backend.tree.write(path, data, None)
        try:
            async with asyncio.timeout(command.timeout):
                if answer.echoes_input:
                    async for data in _pieces(command.stdin):
                        yield Output(data, 1)
                if answer.hangs:
                    await asyncio.Event().wait()
        except TimeoutError:
            yield Exited(code=124, timed_out=True)
            return
        yield Exited(code=answer.code)

    async def resolve(self, path: str) -> str:
        """The absolute path without links."""
        self._need("files")
        home = self._backend.home
        path = home + path[1:] if path == "~" or path.startswith("~/") else path
        return self._backend.tree.resolve(posixpath.join(self._directory, path))

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        self._need("files")
        try:
            return self._backend.tree.find(self._absolute(path)).info(self._absolute(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a file."""
        self._need("files")
        node = self._backend.tree.find(self._absolute(path))
        _expect_regular(node, path)
        return node.data[offset : None if limit is None else offset + limit]

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a file."""
        self._need("files")
        return self._backend.tree.write(self._absolute(path), data, mode).info(self._absolute(path))

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        self._need("files")
        self._backend.tree.remove(self._absolute(path))

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds."""
        self._need("files")
        path = self._absolute(path)
        node = self._backend.tree.find(path)
        if node.kind != "directory":
            raise _error(errno.ELOOP if node.kind == "link" else errno.ENOTDIR, path)
        return [node.entries[name].info(posixpath.join(path, name)) for name in sorted(node.entries)]

    async def hibernate(self) -> None:
        """Does nothing, where the feature is declared."""
        self._need("hibernate")

    def make_link(self, target: str, path: str) -> None:
        """Make a symbolic link, for tests."""
        self._backend.tree.add(path, _Node("link", target=target))

    def make_hard_link(self, target: str, path: str) -> None:
        """Give a file another name, for tests."""
        node = self._backend.tree.find(target)
        node.links += 1
        self._backend.tree.add(path, node)

    def make_fifo(self, path: str) -> None:
        """Make a file that is no regular one, for tests."""
        self._backend.tree.add(path, _Node("other"))

    def _absolute(self, path: str) -> str:
        return posixpath.join(self._directory, path)

    def _need(self, feature: str) -> None:
        if feature not in self._backend.features:
            raise Unsupported(f"The fake terminal has no feature {feature!r}.")


async def _pieces(stdin: bytes | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if isinstance(stdin, bytes):
        yield stdin
        return
    async for data in stdin:
        yield data


# -------------------------------------------------------------------------------------------------------- files

_numbers = itertools.count(1)


@dataclass(slots=True)
class _Node:
    kind: Literal["file", "directory", "link", "other"]
    data: bytes = b""
    mode: int = 0o644
    target: str = ""
    links: int = 1
    modified: float = field(default_factory=time.time)
    identity: int = field(default_factory=lambda: next(_numbers))
    entries: dict[str, _Node] = field(default_factory=dict)

    def info(self, path: str) -> FileInfo:
        return FileInfo(
            path=path,
            kind=self.kind,
            size=len(self.data),
            modified=self.modified,
            mode=self.mode,
            links=self.links,
            identity=f"fake:{self.identity}",
        )


class _Tree:
    """Files in memory; like the real thing it follows no link except in `resolve`."""

    def __init__(self) -> None:
        self.root = _Node("directory", mode=0o755)

    def find(self, path: str) -> _Node:
        nodes = [self.root]
        for part in _parts(path):
            if nodes[-1].kind != "directory":
                raise _error(errno.ELOOP if nodes[-1].kind == "link" else errno.ENOTDIR, path)
            if part == "..":
                nodes = nodes[:-1] or nodes
            elif part in nodes[-1].entries:
                nodes.append(nodes[-1].entries[part])
            else:
                raise _error(errno.ENOENT, path)
        return nodes[-1]

    def make_directories(self, path: str) -> _Node:
        node = self.root
        for part in _parts(path):
            node = node.entries.setdefault(part, _Node("directory", mode=0o755))
            if node.kind != "directory":
                raise _error(errno.ELOOP if node.kind == "link" else errno.ENOTDIR, path)
        return node

    def write(self, path: str, data: bytes, mode: int | None) -> _Node:
        before: _Node | None = None
        with suppress(FileNotFoundError):
            before = self.find(path)
            _expect_regular(before, path)
            before.links -= 1
        if mode is None:
            mode = before.mode if before is not None else 0o644
        node = _Node("file", data=bytes(data), mode=mode)
        self.make_directories(posixpath.dirname(path)).entries[posixpath.basename(path)] = node
        return node

    def add(self, path: str, node: _Node) -> None:
        self.make_directories(posixpath.dirname(path)).entries[posixpath.basename(path)] = node

    def remove(self, path: str) -> None:
        node = self.find(path)
        if node.entries:
            raise _error(errno.ENOTEMPTY, path)
        node.links -= 1
        del self.find(posixpath.dirname(path)).entries[posixpath.basename(path)]

    def resolve(self, path: str) -> str:
        resolved: list[str] = []
        waiting = _parts(path)
        followed = 0
        while waiting:
            part = waiting.pop(0)
            if part == "..":
                resolved = resolved[:-1]
                continue
            try:
                node = self.find("/" + "/".join([*resolved, part]))
            except OSError:
                resolved.append(part)
                continue
            if node.kind != "link" or followed > 40:
                resolved.append(part)
                continue
            followed += 1
            if node.target.startswith("/"):
                resolved = []
            waiting = _parts(node.target) + waiting
        return "/" + "/".join(resolved)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _expect_regular(node: _Node, path: str) -> None:
    if node.kind == "directory":
        raise _error(errno.EISDIR, path)
    if node.kind == "link":
        raise _error(errno.ELOOP, path)
    if node.kind == "other":
        raise OSError(errno.EINVAL, "Not a regular file", path)


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
