"""Paths that change while they are used never lead outside."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hermes_local.backend import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = {errno.ELOOP, errno.ENOENT, errno.ENOTDIR}


RENAME_EXCHANGE = 2


@contextlib.contextmanager
def swapping(one: Path, two: Path) -> Iterator[list[int]]:
    """In another thread two names change places again and again, without a moment between."""
    libc = ctypes.CDLL(None, use_errno=True)
    stop = threading.Event()
    rounds = [0]

    def swap() -> None:
        while not stop.is_set():
            libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(two), RENAME_EXCHANGE)
            rounds[0] += 1

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield rounds
    finally:
        stop.set()
        thread.join()


async def attempt(*calls: object) -> list[bytes]:
    """What the calls read; refusals are dropped."""
    found = []
    for call in calls:
        try:
            result = await call  # type: ignore[misc]
        except OSError as error:
            assert error.errno in REFUSED, error
        else:
            if isinstance(result, bytes):
                found.append(result)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a way to swap two names at once")
@pytest.mark.parametrize("what", ["directory", "file"])
async def test_a_link_swapped_in_is_never_followed(tmp_path: Path, what: str) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "file").write_bytes(b"secret")
    if what == "directory":
        (inside / "name").mkdir()
        (inside / "name" / "file").write_bytes(b"ours")
        (inside / "link").symlink_to(outside)
        path = str(inside / "name" / "file")
    else:
        (inside / "name").write_bytes(b"ours")
        (inside / "link").symlink_to(outside / "file")
        path = str(inside / "name")
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        read = []
        with swapping(inside / "name", inside / "link") as rounds:
            while rounds[0] < 30_000 or len(read) < 200:
                read += await attempt(terminal.read(path), terminal.read(path, limit=3))
                if what == "directory":
                    await attempt(terminal.write(path, b"ours"), terminal.write(f"{inside}/name/new", b"ours"))
                    await attempt(terminal.remove(f"{inside}/name/new"), terminal.list(f"{inside}/name"))
                await asyncio.sleep(0)
        assert set(read) <= {b"ours", b"our"}, "something outside was read"
        assert b"ours" in read, "nothing was read at all"
    assert {entry.name: entry.read_bytes() for entry in outside.iterdir()} == {"file": b"secret"}


async def test_magic_links_and_devices_are_refused(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        for path in ("/proc/self/root/etc/passwd", "/proc/self/cwd/x", "/proc/self/exe", "/dev/fd/0", "/dev/stdin"):
            with pytest.raises(OSError, match=r".") as raised:
                await terminal.read(path)
            assert raised.value.errno == errno.ELOOP
            with pytest.raises(OSError, match=r"."):
                await terminal.write(path, b"x")
        for path in ("/dev/zero", "/dev/null", "/dev/tty"):
            with pytest.raises(OSError, match="regular"):
                await terminal.read(path)
            with pytest.raises(OSError, match="regular"):
                await terminal.write(path, b"x")


async def test_a_file_without_a_size_is_read_to_its_end(tmp_path: Path) -> None:
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        assert b"MemTotal" in await terminal.read("/proc/meminfo")


async def test_nothing_is_readable_by_others_before_its_mode_is_set(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with LocalBackend().open("key", str(tmp_path)) as terminal:
            seen: set[int] = set()
            stop = threading.Event()

            def watch() -> None:
                while not stop.is_set():
                    for entry in tmp_path.iterdir():
                        with contextlib.suppress(FileNotFoundError):
                            seen.add(entry.stat().st_mode & 0o777)

            thread = threading.Thread(target=watch)
            thread.start()
            for _ in range(300):
                await terminal.write("private", b"x" * 100_000, mode=0o600)
            stop.set()
            thread.join()
            assert seen == {0o600}
            assert (await terminal.write("public", b"x")).mode == 0o666, "a new file follows the umask"
    finally:
        os.umask(before)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"kept")
    (tmp_path / "file").chmod(0o444)
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        with pytest.raises(PermissionError):
            await terminal.write("file", b"lost")
    assert (tmp_path / "file").read_bytes() == b"kept"


async def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    import resource

    (tmp_path / "file").write_bytes(b"kept")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with LocalBackend().open("key", str(tmp_path)) as terminal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                await terminal.write("file", b"x" * 5000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"kept"
