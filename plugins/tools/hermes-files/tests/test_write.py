from __future__ import annotations

import os
import subprocess

import pytest
from hermes_files.difference import unified, unified_edits
from hermes_files.text import Edit
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.errors import ToolError


async def test_a_new_file_gets_its_parents(session):
    output = await session.use("write_file", path="a/b/c.txt", content="x\n")
    assert (session.directory / "a/b/c.txt").read_bytes() == b"x\n"
    assert output.content == "Created a/b/c.txt: 1 line."
    assert output.diff == "--- /dev/null\n+++ b/a/b/c.txt\n@@ -0,0 +1 @@\n+x\n"


async def test_an_existing_file_that_was_never_read_is_refused(session):
    path = session.write("a.txt", "precious\n")
    with pytest.raises(ToolError, match="have not read it") as caught:
        await session.use("write_file", path="a.txt", content="x\n")
    assert "read_file" in caught.value.remedy
    assert path.read_bytes() == b"precious\n"


async def test_a_file_that_changed_since_it_was_read_is_refused(session):
    path = session.write("a.txt", "one\n")
    await session.use("read_file", path="a.txt")
    path.write_bytes(b"two\n")
    for name, arguments in (
        ("write_file", {"content": "x\n"}),
        ("patch", {"old_string": "two", "new_string": "three"}),
    ):
        with pytest.raises(ToolError, match="has changed since"):
            await session.use(name, path="a.txt", **arguments)
    assert path.read_bytes() == b"two\n"
    await session.use("read_file", path="a.txt")
    await session.use("write_file", path="a.txt", content="x\n")
    assert path.read_bytes() == b"x\n"


async def test_what_the_model_wrote_itself_it_may_write_again(session):
    await session.use("write_file", path="a.txt", content="1\n")
    await session.use("write_file", path="a.txt", content="2\n")
    await session.use("patch", path="a.txt", old_string="2", new_string="3")
    await session.use("write_file", path="a.txt", content="4\n")
    assert (session.directory / "a.txt").read_bytes() == b"4\n"


async def test_two_names_of_one_file_share_what_is_known(session):
    session.write("a.txt", "1\n")
    os.symlink("a.txt", session.directory / "link.txt")
    await session.use("read_file", path="link.txt")
    await session.use("write_file", path="./a.txt", content="2\n")
    assert (session.directory / "link.txt").is_symlink()


async def test_an_empty_file_holds_nothing_to_lose(session):
    path = session.write("a.txt", "")
    await session.use("write_file", path="a.txt", content="x")
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("before", "content", "after"),
    [
        (b"a\r\nb\r\n", "a\nc\n", b"a\r\nc\r\n"),
        (b"a\r\nb\r\n", "a\r\nc\n", b"a\r\nc\n"),
        (b"a\rb\r", "a\nc\n", b"a\rc\r"),
        (b"a\nb\r\nc\n", "a\nb\nC\n", b"a\nb\r\nC\n"),
        (b"\xef\xbb\xbfa\n", "b\n", b"\xef\xbb\xbfb\n"),
        (b"\xef\xbb\xbfa\n", "\ufeffb\n", b"\xef\xbb\xbfb\n"),
        ("\ufeffa\n".encode("utf-16-le"), "ä\n", "\ufeffä\n".encode("utf-16-le")),
        ("Grüße\n".encode("latin-1"), "Köln\n", "Köln\n".encode("latin-1")),
        ("Grüße\n".encode("latin-1"), "→\n", "→\n".encode()),
        (b"a\n", "a", b"a"),
    ],
)
async def test_an_existing_file_keeps_its_form(session, before, content, after):
    path = session.write("a.txt", before)
    await session.use("read_file", path="a.txt")
    await session.use("write_file", path="a.txt", content=content)
    assert path.read_bytes() == after


async def test_a_change_of_encoding_is_told(session):
    session.write("a.txt", "Grüße\n".encode("latin-1"))
    await session.use("read_file", path="a.txt")
    assert "saved as UTF-8" in await session.text("write_file", path="a.txt", content="→\n")


async def test_the_mode_is_kept(session):
    path = session.write("run.sh", "#!/bin/sh\n")
    path.chmod(0o750)
    await session.use("read_file", path="run.sh")
    await session.use("write_file", path="run.sh", content="#!/bin/sh\ntrue\n")
    assert path.stat().st_mode & 0o7777 == 0o750


async def test_a_set_user_id_bit_does_not_survive_a_new_content(session):
    path = session.write("tool", "#!/bin/sh\n")
    path.chmod(0o4755)
    await session.use("read_file", path="tool")
    await session.use("write_file", path="tool", content="#!/bin/sh\nid\n")
    assert path.stat().st_mode & 0o7777 == 0o755


async def test_the_same_content_is_not_written_again(session):
    path = session.write("a.txt", "x\n")
    await session.use("read_file", path="a.txt")
    inode = path.stat().st_ino
    assert "nothing was written" in await session.text("write_file", path="a.txt", content="x\n")
    assert path.stat().st_ino == inode


async def test_binary_files_and_directories_are_not_replaced(session):
    session.write("a.bin", b"\0\1\2")
    (session.directory / "folder").mkdir()
    with pytest.raises(ToolError, match="binary"):
        await session.use("write_file", path="a.bin", content="x")
    with pytest.raises(ToolError, match="is a directory"):
        await session.use("write_file", path="folder", content="x")


async def test_a_parent_that_is_a_file_is_a_clear_error(session):
    session.write("a.txt", "x")
    with pytest.raises(ToolError, match="is a file and not a directory"):
        await session.use("write_file", path="a.txt/b.txt", content="x")


async def test_a_lone_surrogate_is_an_error(session):
    with pytest.raises(ToolError, match="lone surrogate"):
        await session.use("write_file", path="a.txt", content="\ud83d")
    assert not (session.directory / "a.txt").exists()


@pytest.mark.parametrize(
    ("name", "good", "bad", "line"),
    [
        ("a.py", "x = 1\n", "x = 1\ndef f(:\n", "line 2"),
        ("a.json", "{}\n", '{"a": 1\n"b": 2}\n', "line 2"),
        ("a.toml", "a = 1\n", "a = 1\nb = \n", "line 2"),
        ("a.xml", "<a/>\n", "<a>\n<b></a>\n", "line 2"),
        ("a.ini", "[a]\nb=1\n", "b=1\n[a]\n", "line"),
        ("a.yaml", "a: 1\n", "a: 1\nb: [1\n", "line"),
    ],
)
async def test_a_new_syntax_error_is_a_warning_and_an_old_one_is_not(session, name, good, bad, line):
    assert "Warning" not in await session.text("write_file", path=name, content=good)
    text = await session.text("write_file", path=name, content=bad)
    assert "Warning: the file now has a syntax error" in text
    assert line in text
    assert (session.directory / name).read_text(encoding="utf-8") == bad
    assert "Warning" not in await session.text("write_file", path=name, content=bad + "\n")


async def test_entities_in_xml_are_not_expanded_by_the_check(session):
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    assert "Warning" not in await session.text("write_file", path="a.xml", content=bomb)


async def test_an_invalid_escape_in_python_is_no_warning_of_the_host(session):
    assert "Warning" not in await session.text("write_file", path="a.py", content='x = "\\d"\n')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("a\nb\nc", "a\nb\nc\nd"),
        ("", "x\ny\n"),
        ("x\ny\n", ""),
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("".join(f"{n}\n" for n in range(100)), "".join(f"{n if n % 30 else 'x'}\n" for n in range(100))),
        ("one\n" * 50 + "end", "zero\n" + "one\n" * 49 + "end\n"),
    ],
)
def test_the_diff_is_one_that_git_applies(tmp_path, before, after):
    path = tmp_path / "f.txt"
    path.write_bytes(before.encode())
    (tmp_path / "d.patch").write_bytes(unified(before, after, "f.txt", "f.txt").encode())
    subprocess.run(["git", "apply", "--unsafe-paths", "d.patch"], cwd=tmp_path, check=True)
    assert path.read_bytes().decode() == after


@given(
    before=st.lists(st.sampled_from(["a", "b", "", "c c"]), max_size=40).map("\n".join),
    cuts=st.lists(st.integers(0, 80), max_size=6, unique=True),
    new=st.lists(st.sampled_from(["", "x", "x\n", "\ny", "\n"]), min_size=3, max_size=3),
)
@settings(max_examples=400)
def test_a_diff_of_edits_says_the_same_as_one_of_the_whole_texts(before, cuts, new):
    cuts = sorted(min(cut, len(before)) for cut in cuts)
    edits = [Edit(a, b, text) for a, b, text in zip(cuts[::2], cuts[1::2], new, strict=False)]
    after, position = [], 0
    for edit in edits:
        after += [before[position : edit.start], edit.text]
        position = edit.end
    text = "".join([*after, before[position:]])
    diff = unified_edits(before, edits, "f", "f")
    assert applied(before, diff) == text


def applied(before, diff):
    """`before` with a unified diff applied strictly, by the line numbers."""
    lines = before.splitlines(keepends=True)
    out, position = [], 0
    rows = diff.split("\n")[2:-1] if diff else []
    for index, row in enumerate(rows):
        if row.startswith("@@"):
            old = row.split(" ")[1][1:].split(",")
            start = int(old[0]) - (old[1:] != ["0"])
            out += lines[position:start]
            position = start
            new_start = row.split(" ")[2][1:].split(",")
            assert len(out) == int(new_start[0]) - (new_start[1:] != ["0"])
            continue
        if row.startswith("\\"):
            continue
        ended = not (index + 1 < len(rows) and rows[index + 1].startswith("\\"))
        line = row[1:] + "\n" * ended
        if row[0] in " -":
            assert lines[position] == line
            position += 1
        if row[0] in " +":
            out.append(line)
    return "".join(out + lines[position:])
