"""Files in a container, through its agent. No path is followed through a link; see `code.AGENT` for how."""

from __future__ import annotations

import errno
import os
import posixpath
import secrets
import stat as status
from typing import TYPE_CHECKING, Literal

from hermes_host.protocols import FileInfo
from hermes_singularity.code import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_singularity.agent import Agent

__all__ = ["Files"]

_MOST_LINKS = 40
_ATTEMPTS = 5


class Files:
    """The files of a container. Paths are absolute."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    async def resolve(self, path: str) -> str:
        """`path` with `..` and links resolved, all parts of a stretch looked at in one go."""
        resolved: list[str] = []
        rest = _parts(path)
        for _ in range(_MOST_LINKS):
            run = rest[: rest.index("..")] if ".." in rest else rest
            targets = await self._targets(["/" + "/".join([*resolved, *run[: at + 1]]) for at in range(len(run))])
            at = next((at for at, target in enumerate(targets) if target), None)
            if at is not None:
                resolved = [] if targets[at].startswith("/") else [*resolved, *run[:at]]
                rest = [*_parts(targets[at]), *rest[at + 1 :]]
                continue
            resolved, rest = [*resolved, *run], rest[len(run) :]
            if not rest:
                return "/" + "/".join(resolved)
            while rest and rest[0] == "..":
                resolved, rest = resolved[:-1], rest[1:]
        raise _error("ELOOP", path)

    async def _targets(self, paths: Sequence[str]) -> Sequence[str]:
        if not paths:
            return []
        answer, _ = await self._agent.ask(f"say_links {' '.join(quoted(path) for path in paths)}")
        return [text[1:] for text in answer.decode("utf-8", "surrogateescape").split("\0")[:-1]]

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        try:
            return _info(path, await self._ask(path, f"say_stat {_place(path)}"))
        except (FileNotFoundError, NotADirectoryError):
            return None

    async def read(self, path: str, offset: int, limit: int | None) -> bytes:
        """Bytes of a regular file."""
        return await self._ask(path, f"say_file {_place(path)} {offset} {'' if limit is None else limit}")

    async def write(self, path: str, data: bytes, mode: int | None) -> FileInfo:
        """Replace or create a regular file: by a new one beside it that then takes its name."""
        if posixpath.basename(path) in ("", ".", ".."):
            await self._ask(path, f"say_stat {_place(path)}")
            raise _error("EISDIR", path)
        wanted = "''" if mode is None else f"{mode:o}"
        call = f"take_file {_place(path)} {len(data)} {secrets.token_hex(8)} {wanted}"
        return _info(path, await self._ask(path, call, data))

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        await self._ask(path, f"drop {_place(path)}")

    async def list_directory(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, by name."""
        for _ in range(_ATTEMPTS):
            answer = await self._ask(path, f"say_directory {quoted(path)}")
            names, _, lines = (b"\0" + answer).partition(b"\0\0")
            found = names.split(b"\0")[1:]
            stats = lines.splitlines()
            if len(found) == len(stats):
                break
            # Something came or went between the two looks.
        paths = [posixpath.join(path, name[2:].decode("utf-8", "surrogateescape")) for name in found]
        infos = [_info(each, line) for each, line in zip(paths, stats, strict=False)]
        return sorted(infos, key=lambda info: info.path)

    async def _ask(self, path: str, call: str, data: bytes | None = None) -> bytes:
        answer, said = await self._agent.ask(call, data)
        if said != "ok":
            raise _error(said, path)
        return answer


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _place(path: str) -> str:
    """The directory a path lies in and its last part, as two words."""
    folder, _, name = path.rstrip("/").rpartition("/")
    if path.endswith("/") or name in ("", ".", ".."):
        folder, name = path, "."  # it means a directory, whatever is to be done with it
    return f"{quoted(folder or '/')} {quoted(f'./{name}')}"


_KINDS: dict[int, Literal["file", "directory", "link"]] = {
    status.S_IFREG: "file",
    status.S_IFDIR: "directory",
    status.S_IFLNK: "link",
}


def _info(path: str, line: bytes) -> FileInfo:
    mode, size, modified, links, identity = line.split()
    bits = int(mode, 16)
    return FileInfo(
        path=path,
        kind=_KINDS.get(status.S_IFMT(bits), "other"),
        size=int(size),
        modified=float(modified),
        mode=status.S_IMODE(bits),
        links=int(links),
        identity=identity.decode("ascii"),
    )


def _error(name: str, path: str) -> OSError:
    number = getattr(errno, name, errno.EIO)
    return OSError(number, "Not a regular file" if number == errno.EINVAL else os.strerror(number), path)
