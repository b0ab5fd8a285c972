"""A terminal in a container."""

from __future__ import annotations

import posixpath
from contextlib import aclosing
from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec

from hermes_docker import files
from hermes_docker.processes import INLINE_AT_MOST
from hermes_host.errors import Unsupported
from hermes_host.protocols import Command, Exited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from hermes_docker.places import Place
    from hermes_host.protocols import FileInfo, Output

__all__ = ["DockerTerminal"]


class DockerTerminal:
    """One session's view of its container."""

    def __init__(self, place: Place, directory: str, environment: Mapping[str, str]) -> None:
        self._place = place
        self._directory = directory
        self._environment = environment
        self._closed = False

    @property
    def directory(self) -> str:
        """The absolute start directory."""
        return self._directory

    @property
    def home(self) -> str:
        """The home directory of the container's user."""
        return self._place.inside.home

    @property
    def detaches(self) -> bool:
        """Jobs go on while the container is kept."""
        return self._place.detaches

    async def run(self, command: Command) -> AsyncIterator[Output | Exited]:
        """Run a command; see `hermes_host.protocols.Terminal.run`."""
        if self._closed:
            raise RuntimeError("The terminal is closed.")
        _expect_clean(command)
        kept = ""
        if len(command.script) > INLINE_AT_MOST or not _is_text(command.script):
            kept = f"/tmp/.hermes-{token_hex(8)}"
            await files.keep_script(self._collect, kept, command.script)
            script = f'eval "$(cat {kept}; rm -f {kept})"'
            command = msgspec.structs.replace(command, script=script)
        cwd = posixpath.join(self._directory, self._expand(command.cwd)) if command.cwd else self._directory
        events = self._place.run(command, cwd, {**self._environment, **command.env})
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                yield event

    async def resolve(self, path: str) -> str:
        """The absolute path with `~`, `..` and links resolved."""
        return await files.resolve(self._collect, posixpath.join(self._directory, self._expand(path)))

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        return await files.stat(self._collect, self._absolute(path))

    async def read(self, path: str, *, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes of a regular file."""
        return await files.read(self._collect, self._absolute(path), offset, limit)

    async def write(self, path: str, data: bytes, *, mode: int | None = None) -> FileInfo:
        """Replace or create a regular file atomically."""
        return await files.write(self._collect, self._absolute(path), data, mode, self._place.inside.move)

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        await files.remove(self._collect, self._absolute(path))

    async def list(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, by name."""
        return await files.list_directory(self._collect, self._absolute(path))

    async def hibernate(self) -> None:
        """Always raises `Unsupported`."""
        raise Unsupported("The terminal backend 'docker' cannot hibernate.")

    def close(self) -> None:
        """Refuse what is asked from now on."""
        self._closed = True

    async def _collect(self, script: str, arguments: Sequence[str], stdin: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run a script of ours to its end: exit code, standard output, standard error."""
        if self._closed:
            raise RuntimeError("The terminal is closed.")
        command = Command(argv=("/bin/sh", "-c", script, "sh", *arguments), stdin=stdin, env={"LC_ALL": "C"})
        parts: dict[int, list[bytes]] = {1: [], 2: []}
        code = 1
        async with aclosing(self._place.run(command, "/", command.env, quiet=True)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Exited):
                    code = event.code
                else:
                    parts[event.stream].append(event.data)
        return code, b"".join(parts[1]), b"".join(parts[2])

    def _expand(self, path: str) -> str:
        return self.home + path[1:] if path == "~" or path.startswith("~/") else path

    def _absolute(self, path: str) -> str:
        return posixpath.join(self._directory, path)


def _expect_clean(command: Command) -> None:
    if "\0" in command.script:
        raise ValueError("A script cannot hold NUL characters.")
    for word in (*command.argv, *command.env, *command.env.values(), command.cwd):
        if "\0" in word:
            raise ValueError("Arguments and variables cannot hold NUL characters.")
        if not _is_text(word):
            raise ValueError(f"The container service takes valid UTF-8 alone, which this is not: {word!r}")


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
