"""Files over SFTP. A path is looked at part by part, and again after it was opened; a link in it is an error.

SFTP (version 3, the one OpenSSH speaks) names files by paths only: there is no descriptor of a directory and no
O_NOFOLLOW. So, unlike on this machine, between the look and the use somebody who can write to a directory in the path
can put a link there. Looking again afterwards finds a link that stays, before anything read is given out and before a
written file gets its name. It does not find one that was there only in between.
"""

from __future__ import annotations

import asyncio
import errno
import os
import posixpath
import secrets
import stat as status
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import asyncssh

from hermes_host.protocols import FileInfo
from hermes_ssh.failures import Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_ssh.links import Link

__all__ = ["Files"]

_MOST_LINKS = 40
_BLOCK = 1 << 22
_OPEN_SECONDS = 20.0
"""For opening a file: one that was swapped for a FIFO would keep the server's whole SFTP process waiting."""


class Files:
    """The files of the machine at the other end of a link. Paths are absolute."""

    def __init__(self, link: Link, client: asyncssh.SFTPClient) -> None:
        self._link = link
        self._client = client

    async def resolve(self, path: str) -> str:
        """`path` with `..` and links resolved, all parts of a stretch looked at in one go."""
        resolved: list[str] = []
        rest = _parts(path)
        for _ in range(_MOST_LINKS):
            run = rest[: rest.index("..")] if ".." in rest else rest
            found = await self._look([*resolved], run)
            at = next((i for i, each in enumerate(found) if _kind(each) == "link"), None)
            if at is not None:
                with _named(path):
                    target = await self._client.readlink("/" + "/".join([*resolved, *run[: at + 1]]))
                resolved = [] if target.startswith("/") else [*resolved, *run[:at]]
                rest = [*_parts(target), *rest[at + 1 :]]
                continue
            resolved, rest = [*resolved, *run], rest[len(run) :]
            if not rest:
                return "/" + "/".join(resolved)
            while rest and rest[0] == "..":
                resolved, rest = resolved[:-1], rest[1:]
        raise _error(errno.ELOOP, path)

    async def stat(self, path: str) -> FileInfo | None:
        """The file itself, or None."""
        try:
            found = await self._expect_no_link(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        identity, links = ("", 1) if _kind(found) == "directory" else await self._link.identity(path)
        return _info(path, found, links, identity)

    async def read(self, path: str, offset: int, limit: int | None) -> bytes:
        """Bytes of a regular file."""
        _expect_regular(await self._expect_no_link(path), path)
        with _named(path):
            async with await self._open(path, asyncssh.FXF_READ) as file:
                parts: list[bytes] = []
                taken = 0
                while limit is None or taken < limit:
                    wanted = _BLOCK if limit is None else min(_BLOCK, limit - taken)
                    data: bytes = await file.read(wanted, offset + taken)
                    parts.append(data)
                    taken += len(data)
                    if len(data) < wanted:
                        break
        # What was opened may have been reached through a link that came after the first look.
        _expect_regular(await self._expect_no_link(path), path)
        return b"".join(parts)

    async def write(self, path: str, data: bytes, mode: int | None) -> FileInfo:
        """Replace or create a regular file: by a new one beside it that then takes its name."""
        folder, _, name = path.rstrip("/").rpartition("/")
        if name in ("", ".", "..") or path.endswith("/"):
            await self._expect_no_link(path)
            raise _error(errno.EISDIR, path)
        await self._make_directories(folder, path)
        before = await self._replaceable(path)
        temporary = f"{folder}/.hermes-{secrets.token_hex(8)}.tmp"
        flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_EXCL
        with _named(path):
            try:
                async with await self._open(temporary, flags, asyncssh.SFTPAttrs(permissions=0o600)) as file:
                    await file.write(data, 0)
                    await self._dress(file, before, mode)
                await self._expect_no_link(temporary)
                await self._client.posix_rename(temporary, path)
            except BaseException:
                with suppress(asyncssh.Error, OSError):
                    await self._client.remove(temporary)
                raise
        found = await self._expect_no_link(path)
        identity, links = await self._link.identity(path)
        return _info(path, found, links, identity)

    async def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory."""
        found = await self._expect_no_link(path)
        with _named(path):
            if _kind(found) != "directory":
                await self._client.remove(path)
                return
            try:
                await self._client.rmdir(path)
            except asyncssh.SFTPFailure:
                # Version 3 has no code for it.
                if len(await self._client.listdir(path)) > 2:
                    raise _error(errno.ENOTEMPTY, path) from None
                raise

    async def list_directory(self, path: str) -> Sequence[FileInfo]:
        """What a directory holds, by name."""
        found = await self._expect_no_link(path)
        if _kind(found) != "directory":
            raise _error(errno.ELOOP if _kind(found) == "link" else errno.ENOTDIR, path)
        with _named(path):
            names = await self._client.readdir(path)
        infos = [
            _info(posixpath.join(path, str(each.filename)), each.attrs, _links(each.longname), "")
            for each in names
            if each.filename not in (".", "..")
        ]
        return sorted(infos, key=lambda info: info.path)

    # ----------------------------------------------------------------------------------------------------- its parts

    async def _look(self, above: list[str], run: list[str]) -> list[asyncssh.SFTPAttrs | None]:
        """What lies at each stretch of a path, links as links; asked at the same time, so it takes one round trip."""

        async def look(count: int) -> asyncssh.SFTPAttrs | None:
            where = "/" + "/".join([*above, *run[:count]])
            try:
                return await self._client.lstat(where)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPFailure):
                return None
            except asyncssh.SFTPPermissionDenied:
                raise _error(errno.EACCES, where) from None
            except asyncssh.SFTPError as error:
                raise _lost(error) from error

        return list(await asyncio.gather(*(look(count + 1) for count in range(len(run)))))

    async def _expect_no_link(self, path: str) -> asyncssh.SFTPAttrs:
        """What lies at `path` itself. Raises `ELOOP` for a link above it, and what else is wrong with the path."""
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if not parts:
            with _named(path):
                return await self._client.lstat("/")
        found = await self._look([], parts)
        for each in found[:-1]:
            kind = _kind(each)
            if each is None:
                raise _error(errno.ENOENT, path)
            if kind != "directory":
                raise _error(errno.ELOOP if kind == "link" else errno.ENOTDIR, path)
        last = found[-1]
        if last is None:
            raise _error(errno.ENOENT, path)
        if path.endswith("/") and _kind(last) != "directory":
            raise _error(errno.ELOOP if _kind(last) == "link" else errno.ENOTDIR, path)
        return last

    async def _make_directories(self, folder: str, path: str) -> None:
        parts = [part for part in folder.split("/") if part not in ("", ".")]
        for at, each in enumerate(await self._look([], parts)):
            if each is None:
                with _named(path), suppress(asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
                    await self._client.mkdir("/" + "/".join(parts[: at + 1]))
            elif _kind(each) != "directory":
                raise _error(errno.ELOOP if _kind(each) == "link" else errno.ENOTDIR, path)
        if parts and _kind(await self._expect_no_link(folder)) != "directory":
            raise _error(errno.ENOTDIR, path)

    async def _replaceable(self, path: str) -> asyncssh.SFTPAttrs | None:
        try:
            before = await self._expect_no_link(path)
        except FileNotFoundError:
            return None
        _expect_regular(before, path)
        # Renaming needs no right to the file itself, but whoever made it read-only meant it.
        if not (before.permissions or 0) & 0o222 and not self._link.machine.root:
            raise _error(errno.EACCES, path)
        return before

    async def _open(
        self, path: str, flags: int, attributes: asyncssh.SFTPAttrs | None = None
    ) -> asyncssh.SFTPClientFile:
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                return await self._client.open(path, flags, attributes or asyncssh.SFTPAttrs(), encoding=None)
        except TimeoutError:
            self._link.forget_sftp()
            raise _error(errno.EINVAL, path, "Not a regular file, or a file system that does not answer") from None

    async def _dress(self, file: asyncssh.SFTPClientFile, before: asyncssh.SFTPAttrs | None, mode: int | None) -> None:
        """Give the new file the owner and the mode of the old one."""
        if before is not None and before.uid is not None and before.gid is not None:
            made = await file.stat()
            if (made.uid, made.gid) != (before.uid, before.gid):
                with suppress(asyncssh.SFTPError):
                    await file.setstat(asyncssh.SFTPAttrs(uid=before.uid, gid=before.gid))
        if mode is None:
            kept = None if before is None else before.permissions
            mode = status.S_IMODE(kept) if kept is not None else 0o666 & ~self._link.machine.umask
        await file.setstat(asyncssh.SFTPAttrs(permissions=mode))


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _kind(found: asyncssh.SFTPAttrs | None) -> Literal["file", "directory", "link", "other", ""]:
    if found is None:
        return ""
    kind = status.S_IFMT(found.permissions or 0)
    if kind == status.S_IFREG:
        return "file"
    if kind == status.S_IFDIR:
        return "directory"
    return "link" if kind == status.S_IFLNK else "other"


def _expect_regular(found: asyncssh.SFTPAttrs, path: str) -> None:
    kind = _kind(found)
    if kind == "link":
        raise _error(errno.ELOOP, path)
    if kind == "directory":
        raise _error(errno.EISDIR, path)
    if kind != "file":
        raise _error(errno.EINVAL, path, "Not a regular file")


def _info(path: str, found: asyncssh.SFTPAttrs, links: int, identity: str) -> FileInfo:
    return FileInfo(
        path=path,
        kind=_kind(found) or "other",
        size=found.size or 0,
        modified=float(found.mtime or 0),
        mode=status.S_IMODE(found.permissions or 0),
        links=links,
        identity=identity,
    )


def _links(longname: str | bytes | None) -> int:
    """The number of names of a file, from the line that is meant for people (as `ls -l` writes it)."""
    text = longname.decode("utf-8", "replace") if isinstance(longname, bytes) else longname or ""
    words = text.split(None, 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 1


def _error(number: int, path: str, text: str = "") -> OSError:
    return OSError(number, text or os.strerror(number), path)


def _lost(error: BaseException) -> Unreachable:
    return Unreachable(f"The SSH connection was lost while a file was used: {error}.", remedy="Try again.")


class _named:  # reads as a statement
    """Gives errors of SFTP as `OSError`s with the path."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost)):
            raise _lost(error) from error
        if isinstance(error, asyncssh.SFTPError):
            raise _translated(error, self._path) from error
        if isinstance(error, asyncssh.Error):
            raise _lost(error) from error


_NUMBERS = {
    asyncssh.FX_NO_SUCH_FILE: errno.ENOENT,
    asyncssh.FX_NO_SUCH_PATH: errno.ENOENT,
    asyncssh.FX_PERMISSION_DENIED: errno.EACCES,
    asyncssh.FX_OP_UNSUPPORTED: errno.EOPNOTSUPP,
    asyncssh.FX_FILE_ALREADY_EXISTS: errno.EEXIST,
    asyncssh.FX_DIR_NOT_EMPTY: errno.ENOTEMPTY,
    asyncssh.FX_NO_SPACE_ON_FILESYSTEM: errno.ENOSPC,
    asyncssh.FX_QUOTA_EXCEEDED: errno.EDQUOT,
}


def _translated(error: asyncssh.SFTPError, path: str) -> OSError:
    number = _NUMBERS.get(error.code, errno.EIO)
    return _error(number, path, "" if error.code in _NUMBERS else f"The server says: {error.reason}")
