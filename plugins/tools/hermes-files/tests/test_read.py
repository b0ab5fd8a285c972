from __future__ import annotations

import os

import pytest

from hermes_host.errors import ToolError


async def test_lines_are_numbered_and_counted(session):
    session.write("a.txt", "one\ntwo\n")
    assert await session.text("read_file", path="a.txt") == "1|one\n2|two\n[2 lines]"


async def test_a_page_says_how_many_lines_there_are_and_how_to_read_on(session):
    session.write("a.txt", "".join(f"line {number}\n" for number in range(1, 3002)))
    first = await session.text("read_file", path="a.txt")
    assert first.startswith("1|line 1\n")
    assert first.endswith("\n500|line 500\n[lines 1-500 of 3001; read on with offset=501]")
    last = await session.text("read_file", path="a.txt", offset=3001)
    assert last == "3001|line 3001\n[lines 3001-3001 of 3001]"


async def test_a_limit_above_2000_counts_as_2000(session):
    session.write("a.txt", "x\n" * 5000)
    assert "lines 1-2000 of 5000" in await session.text("read_file", path="a.txt", limit=9999)


async def test_an_offset_behind_the_end_is_an_error_that_names_the_end(session):
    session.write("a.txt", "x\ny\n")
    with pytest.raises(ToolError, match="has 2 lines"):
        await session.use("read_file", path="a.txt", offset=3)


async def test_long_lines_are_cut_in_the_display_with_a_note(session):
    session.write("a.txt", "a" * 5000 + "\nshort\n")
    text = await session.text("read_file", path="a.txt")
    assert "…[cut: 3000 more characters]" in text
    assert "the file is whole" in text
    assert "2|short" in text


async def test_one_call_shows_at_most_some_hundred_kilobytes(session):
    session.write("a.txt", ("b" * 1999 + "\n") * 2000)
    text = await session.text("read_file", path="a.txt", limit=2000)
    assert len(text) < 110_000
    assert "read on with offset=" in text


async def test_secrets_look_alikes_are_shown_unchanged(session):
    session.write("a.py", "max_tokens=4096\ntoken = get_token()\nkey = 'sk-abcdefghijklmnop123456'\n")
    text = await session.text("read_file", path="a.py")
    assert "max_tokens=4096" in text
    assert "token = get_token()" in text
    assert "sk-abcdefghijklmnop123456" in text


@pytest.mark.parametrize(
    ("data", "first", "note"),
    [
        (b"a\r\nb\r\n", "1|a\n2|b\n", "CRLF"),
        (b"a\rb\r", "1|a\n2|b\n", "CR"),
        (b"a\r\nb\n", "1|a\n2|b\n", "mixed line endings"),
        (b"\xef\xbb\xbfa\n", "1|a\n", "byte order mark"),
        ("\ufeffäß\n".encode("utf-16-le"), "1|äß\n", "utf-16-le"),
        ("\ufeffäß\n".encode("utf-16-be"), "1|äß\n", "utf-16-be"),
        ("\ufeffäß\n".encode("utf-32-le"), "1|äß\n", "utf-32-le"),
        ("Grüße aus Köln\n".encode("latin-1"), "1|Grüße aus Köln\n", "cp1252"),
        (("Привет, мир. Как дела сегодня?\n" * 5).encode("cp1251"), "1|Привет, мир.", "cp1251"),
        (("これはテストです。日本語の文章\n" * 5).encode("shift_jis"), "1|これはテスト", "cp932"),
        (b"no end", "1|no end\n", "no newline at the end"),
    ],
)
async def test_encodings_and_endings_are_understood_and_told(session, data, first, note):
    session.write("a.txt", data)
    text = await session.text("read_file", path="a.txt")
    assert text.startswith(first)
    assert note in text.rpartition("[")[2]


async def test_a_few_bad_bytes_leave_a_file_utf8(session):
    session.write("a.txt", "schön, größer, äußerst\n".encode() + b"\xff\n")
    text = await session.text("read_file", path="a.txt")
    assert text.startswith("1|schön, größer, äußerst\n2|\ufffd\n")
    assert "invalid bytes" in text
    text.encode("utf-8")


async def test_an_unusual_line_separator_ends_no_line(session):
    session.write("a.txt", "a\u2028b\x0bc\x0cd\x85e\n")
    assert "[1 line]" in await session.text("read_file", path="a.txt")


async def test_an_empty_file_is_said_to_be_empty(session):
    session.write("a.txt", "")
    assert "is empty" in await session.text("read_file", path="a.txt")


@pytest.mark.parametrize(
    ("data", "what", "advice"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "PNG image", "vision"),
        (b"%PDF-1.7\nno control bytes at all\n", "PDF", "pdftotext"),
        (b"PK\x03\x04" + b"\0" * 20, "ZIP", "unzip -l"),
        (b"SQLite format 3\0" + b"\0" * 20, "SQLite", "sqlite3"),
        (b"\x7fELF" + b"\0" * 20, "ELF", "strings"),
        (bytes(range(256)) * 4, "binary", "xxd"),
        ("plain but wide\n".encode("utf-16-le"), "UTF-16 without a byte order mark", "file"),
        (b"\xff\xfea\0b", "UTF-16", "file"),
    ],
)
async def test_what_is_no_text_is_refused_with_what_to_do_instead(session, data, what, advice):
    session.write("a.bin", data)
    with pytest.raises(ToolError, match=what) as caught:
        await session.use("read_file", path="a.bin")
    assert advice in caught.value.remedy


async def test_a_large_binary_file_is_refused_by_its_beginning(session):
    session.write("a.bin", b"\0\1\2\3" * 500_000)
    with pytest.raises(ToolError, match="binary"):
        await session.use("read_file", path="a.bin")


async def test_near_names_are_suggested(session):
    session.write("src/settings.py", "")
    session.write("src/README.md", "")
    with pytest.raises(ToolError) as caught:
        await session.use("read_file", path="src/setings.py")
    assert "settings.py" in caught.value.remedy
    with pytest.raises(ToolError) as caught:
        await session.use("read_file", path="scr/settings.py")
    assert "src" in caught.value.remedy
    with pytest.raises(ToolError) as caught:
        await session.use("read_file", path="src/readme.md")
    assert "README.md" in caught.value.remedy


async def test_a_directory_gives_its_listing(session):
    session.write("src/a.py", "")
    (session.directory / "src/sub").mkdir()
    with pytest.raises(ToolError, match="is a directory") as caught:
        await session.use("read_file", path="src")
    assert "a.py, sub/" in caught.value.remedy


async def test_pipes_are_refused_and_not_waited_for(session):
    os.mkfifo(session.directory / "pipe")
    assert (await session.assess("read_file", path="pipe")).verdict == "deny"
    with pytest.raises(ToolError, match="not a regular file"):
        await session.run("read_file", session.call("read_file"), path="pipe")


async def test_a_path_with_a_null_character_is_refused(session):
    with pytest.raises(ToolError, match="not a path"):
        await session.run("read_file", session.call("read_file"), path="a\0b")
