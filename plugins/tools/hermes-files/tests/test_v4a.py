from __future__ import annotations

import pytest

from hermes_host.errors import ToolError


async def apply(session, *lines):
    return await session.use("patch", mode="patch", patch="\n".join(["*** Begin Patch", *lines, "*** End Patch"]))


def snapshot(session):
    return {
        str(path.relative_to(session.directory)): path.read_bytes() if path.is_file() else None
        for path in session.directory.rglob("*")
    }


async def refused(session, *lines):
    before = snapshot(session)
    with pytest.raises(ToolError) as caught:
        await apply(session, *lines)
    assert snapshot(session) == before
    return str(caught.value)


async def test_all_kinds_of_sections_together(session):
    session.write("a.py", "def f():\n    return 1\n\ndef g():\n    return 1\n")
    session.write("gone.txt", "bye\n")
    session.write("old.txt", "one\ntwo\n")
    await session.use("read_file", path="gone.txt")
    output = await apply(
        session,
        "*** Update File: a.py",
        "@@ def g():",
        "-    return 1",
        "+    return 2",
        "*** Add File: new/b.txt",
        "+hello",
        "+",
        "+world",
        "*** Delete File: gone.txt",
        "*** Update File: old.txt",
        "*** Move to: moved/new.txt",
        "@@",
        " one",
        "-two",
        "+2",
        "*** End of File",
    )
    assert snapshot(session) == {
        "a.py": b"def f():\n    return 1\n\ndef g():\n    return 2\n",
        "new": None,
        "new/b.txt": b"hello\n\nworld\n",
        "moved": None,
        "moved/new.txt": b"one\n2\n",
    }
    assert output.content == (
        "Updated a.py.\nAdded new/b.txt.\nDeleted gone.txt.\nUpdated old.txt and moved it to moved/new.txt."
    )
    for part in ("+++ b/a.py", "--- /dev/null\n+++ b/new/b.txt", "+++ /dev/null", "+++ b/moved/new.txt"):
        assert part in output.diff


async def test_several_changes_of_one_file_in_order(session):
    path = session.write("a.txt", "".join(f"{n}\n" for n in range(20)))
    await apply(session, "*** Update File: a.txt", "@@", " 3", "-4", "+four", "@@", "-15", " 16", "+16.5")
    expected = [str(n) for n in range(20)]
    expected[4] = "four"
    expected[16:17] = ["16", "16.5"]
    del expected[15]
    assert path.read_text(encoding="utf-8").split() == expected


async def test_a_pure_move_needs_no_reading_and_keeps_mode_and_bytes(session):
    path = session.write("run.sh", b"#!/bin/sh\r\n\xe9\xe8\n")
    path.chmod(0o755)
    output = await apply(session, "*** Update File: run.sh", "*** Move to: bin/run.sh")
    moved = session.directory / "bin/run.sh"
    assert not path.exists()
    assert moved.read_bytes() == b"#!/bin/sh\r\n\xe9\xe8\n"
    assert moved.stat().st_mode & 0o777 == 0o755
    assert output.content == "Moved run.sh to bin/run.sh."


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        ("", "no line `*** Begin Patch`"),
        ("*** Begin Patch\n*** Add File: x\n+a", "may have been cut short"),
        ("*** Begin Patch\n*** End Patch", "holds no"),
        ("*** Begin Patch\nwhat\n*** End Patch", "Line 2 of the patch cannot be understood: 'what'"),
        ("*** Begin Patch\n*** Add File: x\na\n*** End Patch", "Line 3"),
        ("*** Begin Patch\n*** Add File:\n+a\n*** End Patch", "path is missing"),
        ("*** Begin Patch\n*** Delete File: x\n-a\n*** End Patch", "followed by nothing"),
        ("*** Begin Patch\n*** Update File: x\n*** End Patch", "changes nothing"),
        ("*** Begin Patch\n*** Update File: x\n@@\n a\n*** End Patch", "no line that begins with"),
        ("*** Begin Patch\n*** Update File: x\n@@\n-a\nb\n*** End Patch", "begins with a space"),
        ("*** Begin Patch\n*** Update File: x\n*** Move to:\n*** End Patch", "new path is missing"),
        ("rm -rf\n*** Begin Patch\n*** Add File: x\n+a\n*** End Patch", "text outside"),
    ],
)
async def test_a_patch_that_cannot_be_understood_changes_nothing(session, patch, reason):
    with pytest.raises(ToolError) as caught:
        await session.use("patch", mode="patch", patch=patch)
    assert reason in str(caught.value)
    assert snapshot(session) == {}


async def test_an_error_in_the_last_section_leaves_the_first_undone(session):
    session.write("a.txt", "a\n")
    session.write("b.txt", "b\n")
    error = await refused(
        session, "*** Update File: a.txt", "@@", "-a", "+A", "*** Update File: b.txt", "@@", "-missing", "+x"
    )
    assert "line 7 of the patch are not in b.txt" in error


async def test_a_write_that_fails_puts_back_what_was_written(session):
    session.write("a.txt", "a\n")
    session.write("gone.txt", "g\n")
    await session.use("read_file", path="gone.txt")
    # The last file's parent is a file, which shows only when it is written.
    error = await refused(
        session,
        "*** Update File: a.txt",
        "@@",
        "-a",
        "+A",
        "*** Add File: fresh/deep/c.txt",
        "+c",
        "*** Delete File: gone.txt",
        "*** Add File: a.txt/impossible",
        "+x",
    )
    assert "is a file and not a directory" in error


async def test_what_was_put_back_may_be_patched_at_once(session):
    path = session.write("a.txt", "a\n")
    await refused(session, "*** Update File: a.txt", "@@", "-a", "+A", "*** Add File: a.txt/no", "+x")
    await apply(session, "*** Update File: a.txt", "@@", "-a", "+A")
    assert path.read_bytes() == b"A\n"


async def test_ambiguous_lines_are_an_error_that_names_the_candidates(session):
    session.write("a.txt", "x\ny\nx\n")
    assert "at lines 1, 3" in await refused(session, "*** Update File: a.txt", "@@", "-x", "+z")


async def test_an_anchor_tells_equal_places_apart(session):
    path = session.write("a.py", "class A:\n    def f(self):\n        pass\nclass B:\n    def f(self):\n        pass\n")
    await apply(
        session, "*** Update File: a.py", "@@ class B:", "@@     def f(self):", "-        pass", "+        go()"
    )
    assert path.read_text(encoding="utf-8").endswith("class B:\n    def f(self):\n        go()\n")
    assert path.read_text(encoding="utf-8").startswith("class A:\n    def f(self):\n        pass\n")


async def test_an_anchor_that_stands_twice_does_not_tell_apart(session):
    session.write("a.py", "class A:\n    def f(self):\n        pass\nclass B:\n    def f(self):\n        pass\n")
    assert "at lines 3, 6" in await refused(
        session, "*** Update File: a.py", "@@     def f(self):", "-        pass", "+        go()"
    )


async def test_a_missing_anchor_is_an_error(session):
    session.write("a.py", "x\n")
    assert "is not in a.py" in await refused(session, "*** Update File: a.py", "@@ class Z:", "-x", "+y")


async def test_numbers_of_unified_diffs_are_no_anchors(session):
    path = session.write("a.py", "def f():\n    x\n")
    await apply(session, "*** Update File: a.py", "@@ -1,2 +1,2 @@ def f():", "-    x", "+    y")
    assert path.read_bytes() == b"def f():\n    y\n"


async def test_end_of_file_holds_the_change_to_the_end(session):
    path = session.write("a.txt", "x\ny\nx\n")
    await apply(session, "*** Update File: a.txt", "@@", "-x", "+z", "*** End of File")
    assert path.read_bytes() == b"x\ny\nz\n"


async def test_lines_alone_are_added_at_the_end_or_after_the_anchor(session):
    path = session.write("a.txt", "x\ny\n")
    await apply(session, "*** Update File: a.txt", "@@", "+end", "@@ x", "+after x")
    assert path.read_bytes() == b"x\nafter x\ny\nend\n"


async def test_context_keeps_its_own_white_space_and_endings(session):
    path = session.write("a.txt", "one  \r\ntwo\r\nthree\r\n")
    await session.use("read_file", path="a.txt")
    output = await apply(session, "*** Update File: a.txt", "@@", " one", "-two", "+2", "+2.5", " three")
    assert path.read_bytes() == b"one  \r\n2\r\n2.5\r\nthree\r\n"
    assert "line_trimmed" in output.content


async def test_a_file_is_named_in_one_section_only(session):
    session.write("a.txt", "a\nb\n")
    error = await refused(
        session, "*** Update File: a.txt", "@@", "-a", "+A", "*** Update File: ./a.txt", "@@", "-b", "+B"
    )
    assert "names a.txt twice" in error


async def test_existing_files_are_neither_added_nor_moved_over(session):
    session.write("a.txt", "a\n")
    session.write("b.txt", "b\n")
    assert "exists already" in await refused(session, "*** Add File: a.txt", "+x")
    assert "exists already" in await refused(session, "*** Update File: a.txt", "*** Move to: b.txt")


async def test_a_file_that_was_never_read_is_not_deleted(session):
    session.write("a.txt", "a\n")
    assert "have not read it" in await refused(session, "*** Delete File: a.txt")


async def test_missing_files_are_named(session):
    session.write("alpha.txt", "a\n")
    error = await refused(session, "*** Update File: alpa.txt", "@@", "-a", "+b")
    assert "There is no file alpa.txt" in error
    assert "alpha.txt" in error


async def test_a_patch_with_crlf_and_a_code_fence_is_understood(session):
    path = session.write("a.txt", "a\n")
    patch = "```\r\n*** Begin Patch\r\n*** Update File: a.txt\r\n@@\r\n-a\r\n+b\r\n*** End Patch\r\n```\r\n"
    await session.use("patch", mode="patch", patch=patch)
    assert path.read_bytes() == b"b\n"


async def test_a_change_that_changes_nothing_writes_nothing(session):
    path = session.write("a.txt", "a\n")
    inode = path.stat().st_ino
    output = await apply(session, "*** Update File: a.txt", "@@", "-a", "+a")
    assert "stays as it is" in output.content
    assert path.stat().st_ino == inode
