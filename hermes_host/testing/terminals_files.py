"""The part of the conformance kit for terminals that keeps files."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

import pytest

from hermes_host.errors import Unsupported
from hermes_host.testing.terminals_running import ALL_BYTES, TerminalRunning, run

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from hermes_host.protocols import Terminal

__all__ = ["TerminalFiles"]

ODD_NAMES = (
    "with space",
    " leading",
    "trailing ",
    "quote'single",
    'quote"double',
    "new\nline",
    "tab\tbed",
    ".hidden",
    "-dash",
    "~",
    "$HOME",
    "*",
    "back\\slash",
    "semi;colon",
    "漢字 é \U0001f600",
    "x" * 200,
)


class TerminalFiles(TerminalRunning):
    """What the file methods of a terminal keep to."""

    @pytest.fixture
    async def files(self, place: str) -> str:
        """A directory for files; skips the test where the terminal keeps none."""
        if "files" not in self.features:
            pytest.skip("the terminal does not declare the feature `files`")
        return place

    async def make_link(self, terminal: Terminal, target: str, path: str) -> None:
        """Make a symbolic link. Override it where no `ln` can be run."""
        assert (await run(terminal, argv=("ln", "-s", target, path))).code == 0

    async def make_hard_link(self, terminal: Terminal, target: str, path: str) -> None:
        """Make a second name for a file. Override it where no `ln` can be run."""
        assert (await run(terminal, argv=("ln", target, path))).code == 0

    async def make_fifo(self, terminal: Terminal, path: str) -> None:
        """Make a FIFO. Override it where no `mkfifo` can be run."""
        assert (await run(terminal, argv=("mkfifo", path))).code == 0

    async def test_files_are_a_feature(self, terminal: Terminal) -> None:
        """Without the feature `files` every file method raises `Unsupported`.

        If this fails: raise it, or declare the feature.
        """
        if "files" in self.features:
            return
        await _raises(Unsupported, terminal.resolve("x"), terminal.stat("x"), terminal.read("x"))
        await _raises(Unsupported, terminal.write("x", b""), terminal.remove("x"), terminal.list("."))

    async def test_a_file_comes_back_as_it_was_written(self, terminal: Terminal, files: str) -> None:
        """Every byte, nothing, and 10 MiB.

        If this fails: something decodes the bytes, or translates line ends.
        """
        for data in (ALL_BYTES, b"", b"\r\n\n\r", ALL_BYTES * 40960):
            info = await terminal.write(f"{files}/file", data)
            assert (info.kind, info.size, info.path) == ("file", len(data), f"{files}/file")
            assert await terminal.read(f"{files}/file") == data

    async def test_a_part_of_a_file_can_be_read(self, terminal: Terminal, files: str) -> None:
        """`offset` and `limit` count bytes; beyond the end there is nothing.

        If this fails: seek before reading.
        """
        path = f"{files}/file"
        await terminal.write(path, b"0123456789")
        assert await terminal.read(path, offset=3, limit=4) == b"3456"
        assert await terminal.read(path, offset=8, limit=100) == b"89"
        assert await terminal.read(path, offset=7) == b"789"
        assert await terminal.read(path, limit=0) == b""
        assert await terminal.read(path, offset=10) == await terminal.read(path, offset=99, limit=5) == b""

    async def test_any_name_is_a_name(self, terminal: Terminal, files: str) -> None:
        """Spaces, quotes, line ends, dashes and letters of any language are part of a name and mean nothing.

        If this fails: quote names where a shell is in between, and separate listings by NUL.
        """
        for name in ODD_NAMES:
            await terminal.write(f"{files}/{name}", name.encode())
        assert [info.path for info in await terminal.list(files)] == sorted(f"{files}/{name}" for name in ODD_NAMES)
        for name in ODD_NAMES:
            assert await terminal.read(f"{files}/{name}") == name.encode()
            assert await terminal.resolve(f"{files}/{name}") == f"{files}/{name}"
            await terminal.remove(f"{files}/{name}")
        assert await terminal.list(files) == []

    async def test_relative_paths_begin_at_the_start_directory(self, terminal: Terminal, files: str) -> None:
        """A relative path is below `Terminal.directory`, not below some current directory.

        If this fails: join the path with the start directory before you use it.
        """
        relative = files.rpartition("/")[2]
        await terminal.write(f"{relative}/file", b"here")
        assert await terminal.read(f"{files}/file") == b"here"
        assert await terminal.resolve(f"{relative}/file") == f"{files}/file"
        assert await terminal.resolve("~/x") == f"{terminal.home.rstrip('/')}/x"
        assert await terminal.resolve(f"{files}/missing/../a/./b") == f"{files}/a/b"

    async def test_commands_see_the_same_files(self, terminal: Terminal, files: str) -> None:
        """What is written here is there for commands, and the other way round.

        If this fails: both must use one file system, and the same user.
        """
        self.needs_programs()
        await terminal.write(f"{files}/in", b"from the host")
        finished = await run(terminal, "cat in; printf 'from a command' > out", cwd=files)
        assert (finished.out, await terminal.read(f"{files}/out")) == (b"from the host", b"from a command")

    async def test_what_is_missing_is_said_to_be(self, terminal: Terminal, files: str) -> None:
        """A missing file is `FileNotFoundError`, a directory `IsADirectoryError`, a file among the parents
        `NotADirectoryError`; `stat` gives None.

        If this fails: translate the errors of your backend; a program's or a library's own exception must not come out.
        """
        await terminal.write(f"{files}/file", b"x")
        for path in (f"{files}/missing", f"{files}/no/such/file"):
            assert await terminal.stat(path) is None
            await _raises(FileNotFoundError, terminal.read(path), terminal.remove(path), terminal.list(path))
        await _raises(IsADirectoryError, terminal.read(files), terminal.write(files, b"x"))
        for path in (f"{files}/file/below", f"{files}/file/below/that"):
            assert await terminal.stat(path) is None
            await _raises(NotADirectoryError, terminal.read(path), terminal.write(path, b"x"), terminal.list(path))
        await _raises(NotADirectoryError, terminal.list(f"{files}/file"))

    async def test_what_is_no_regular_file_is_refused(self, terminal: Terminal, files: str) -> None:
        """Reading a FIFO or a device is an error at once and never waits; writing does not replace it.

        If this fails: open without blocking and look at what was opened.
        """
        await self.make_fifo(terminal, f"{files}/fifo")
        async with asyncio.timeout(10):
            with pytest.raises(OSError, match="regular"):
                await terminal.read(f"{files}/fifo")
            with pytest.raises(OSError, match="regular"):
                await terminal.write(f"{files}/fifo", b"x")
        info = await terminal.stat(f"{files}/fifo")
        assert info is not None
        assert info.kind == "other"

    async def test_writing_makes_the_directories_above(self, terminal: Terminal, files: str) -> None:
        """Parents are made.

        If this fails: make them one by one, without following a link.
        """
        await terminal.write(f"{files}/a/b/c/file", b"x")
        info = await terminal.stat(f"{files}/a/b/c")
        assert info is not None
        assert info.kind == "directory"

    async def test_writing_is_all_or_nothing(self, terminal: Terminal, files: str) -> None:
        """Who reads while a file is replaced sees the old content or the new, whole; nothing else is left.

        If this fails: write to another name in the same directory, then rename.
        """
        path = f"{files}/file"
        contents = {bytes([65 + i]) * (1_200_000 + i) for i in range(4)}
        await terminal.write(path, max(contents))

        async def write() -> None:
            for data in sorted(contents) * 3:
                await terminal.write(path, data)

        async def read() -> None:
            for _ in range(12):
                assert await terminal.read(path) in contents, "a half-written file was read"

        await asyncio.gather(write(), read())
        assert [info.path for info in await terminal.list(files)] == [path]

    async def test_modes_are_kept(self, terminal: Terminal, files: str) -> None:
        """A file keeps its mode when its content is replaced; `mode` sets it; a new file is not executable.

        If this fails: set the mode before the rename.
        """
        path = f"{files}/file"
        assert (await terminal.write(path, b"x")).mode & 0o111 == 0
        assert (await terminal.write(path, b"x", mode=0o750)).mode == 0o750
        assert (await terminal.write(path, b"y")).mode == 0o750
        assert (await terminal.write(f"{files}/private", b"x", mode=0o600)).mode == 0o600
        info = await terminal.stat(path)
        assert info is not None
        assert info.mode == 0o750

    async def test_another_name_of_a_file_keeps_its_content(self, terminal: Terminal, files: str) -> None:
        """Writing to one of two hard links gives that name a new file; two names of one file have one `identity`.

        If this fails: rename a new file over the name rather than writing into the old one.
        """
        await terminal.write(f"{files}/one", b"old")
        await self.make_hard_link(terminal, f"{files}/one", f"{files}/two")
        one, two = await terminal.stat(f"{files}/one"), await terminal.stat(f"{files}/two")
        assert one is not None
        assert two is not None
        assert (one.links, one.identity) == (2, two.identity)
        await terminal.write(f"{files}/two", b"new")
        assert (await terminal.read(f"{files}/one"), await terminal.read(f"{files}/two")) == (b"old", b"new")

    async def test_no_link_is_followed(self, terminal: Terminal, files: str) -> None:
        """A link in any part of a path is `ELOOP` for `read`, `write`, `list` and (above the last part) `remove`;
        `resolve` follows them, and `stat` shows the link.

        If this fails: walk the path part by part with O_NOFOLLOW; checking first and opening then is not enough.
        """
        await terminal.write(f"{files}/outside/secret", b"secret")
        await terminal.write(f"{files}/inside/file", b"x")
        await self.make_link(terminal, f"{files}/outside", f"{files}/inside/door")
        await self.make_link(terminal, f"{files}/outside/secret", f"{files}/inside/key")
        await self.make_link(terminal, f"{files}/outside/new", f"{files}/inside/dangling")
        links = [f"{files}/inside/{name}" for name in ("door", "key", "dangling")]
        through = [f"{files}/inside/door/{name}" for name in ("secret", "new", "deep/new", "..", "../inside/file")]
        for path in (*links, *through):
            await _refuses_links(terminal.read(path))
            await _refuses_links(terminal.write(path, b"overwritten"))
            await _refuses_links(terminal.list(path))
        await _refuses_links(terminal.remove(f"{files}/inside/door/secret"))
        for path in links:
            info = await terminal.stat(path)
            assert info is not None
            assert info.kind == "link"
        assert [info.path for info in await terminal.list(f"{files}/outside")] == [f"{files}/outside/secret"]
        assert await terminal.resolve(f"{files}/inside/door/secret") == f"{files}/outside/secret"
        assert await terminal.resolve(f"{files}/inside/dangling") == f"{files}/outside/new"
        assert await terminal.resolve(f"{files}/inside/door/../inside/file") == f"{files}/inside/file"
        assert await terminal.read(f"{files}/outside/secret") == b"secret"

    async def test_removing_takes_the_name_alone(self, terminal: Terminal, files: str) -> None:
        """A link goes and its target stays; an empty directory goes, a full one is an error.

        If this fails: look at the file itself (`lstat`) before you remove it.
        """
        await terminal.write(f"{files}/full/file", b"x")
        await self.make_link(terminal, f"{files}/full/file", f"{files}/link")
        await terminal.remove(f"{files}/link")
        assert await terminal.stat(f"{files}/link") is None
        assert await terminal.read(f"{files}/full/file") == b"x"
        with pytest.raises(OSError, match="not empty"):
            await terminal.remove(f"{files}/full")
        await terminal.remove(f"{files}/full/file")
        await terminal.remove(f"{files}/full")
        assert await terminal.stat(f"{files}/full") is None

    async def test_a_listing_shows_what_there_is(self, terminal: Terminal, files: str) -> None:
        """Entries have absolute paths, are sorted by name, and show links as links.

        If this fails: sort, and do not look through links.
        """
        await terminal.write(f"{files}/b", b"12345")
        await terminal.write(f"{files}/a/file", b"x")
        await self.make_link(terminal, "b", f"{files}/c")
        listed = await terminal.list(files)
        assert [(info.path.rpartition("/")[2], info.kind) for info in listed] == [
            ("a", "directory"),
            ("b", "file"),
            ("c", "link"),
        ]
        assert listed[1].size == 5
        assert listed[1].path == f"{files}/b"
        assert abs(listed[1].modified - listed[0].modified) < 60


async def _raises(error: type[Exception], *calls: Coroutine[Any, Any, Any]) -> None:
    for call in calls:
        with pytest.raises(error):
            await call


async def _refuses_links(call: Any) -> None:
    with pytest.raises(OSError, match=".") as raised:
        await call
    assert raised.value.errno == errno.ELOOP, f"{raised.value!r} instead of ELOOP"
