"""An edit changes the bytes it is meant to change, and nothing else."""

from __future__ import annotations

import pytest
from hermes_files.replace import plan
from hermes_files.text import Document, Edit, NotText, decode
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from hermes_host.errors import ToolError

_WORDS = st.sampled_from(["alpha", "βήτα", "日本", "x", "", "  indented", "tab\there", "naïve", "a\rb", "trailing  "])
_ENDINGS = st.sampled_from(["\n", "\r\n"])
_TEXTS = st.lists(st.tuples(_WORDS, _ENDINGS), max_size=20).map(lambda rows: "".join(a + b for a, b in rows))


@given(st.binary(max_size=400), st.data())
@example(b"\xff\xfea\x00\x00\xd8b\x00", None)
def test_a_splice_of_any_bytes_leaves_all_others_alone(data, draw):
    try:
        document = decode(data)
    except NotText:
        return
    assert document.splice([]) == data
    size = len(document.text)
    start, end = (0, size) if draw is None else sorted(draw.draw(st.tuples(*[st.integers(0, size)] * 2)))
    try:
        after = document.splice([Edit(start, end, "NEW")])
    except NotText:
        return
    new = "NEW".encode(document.encoding)
    head = len(document.mark) + len(document.text[:start].encode(document.encoding, document.errors))
    tail = len(document.text[end:].encode(document.encoding, document.errors))
    assert after[:head] == data[:head]
    assert after[head : head + len(new)] == new
    assert after[head + len(new) :] == (data[len(data) - tail :] if tail else b"")


@given(
    before=_TEXTS,
    after=_TEXTS,
    old=st.text("abcxyz\n ", min_size=1, max_size=12),
    new=st.text("defuvw\n ", max_size=12),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    style=st.sampled_from(["\n", "\r\n", None]),
)
@settings(max_examples=300)
def test_an_exact_replacement_changes_the_matched_span_only(before, after, old, new, encoding, style):
    marker = f"<<{old}>>"
    if style is not None:
        before, after = (text.replace("\r\n", "\n").replace("\n", style) for text in (before, after))
    middle = marker.replace("\n", style or "\n")
    data = (before + middle + after).encode(encoding)
    document = decode(data)
    assume(document.text.count(middle) == 1)
    found = plan(document, marker, f"<<{new}>>!", replace_all=False, shown="f")
    changed = document.splice(found.places[0])
    assert found.strategy == "exact"
    head, tail = (before.encode(encoding), after.encode(document.encoding))
    assert changed.startswith(head)
    assert changed.endswith(tail)
    inner = changed[len(head) : len(changed) - len(tail)].decode(document.encoding)
    assert inner.replace("\r\n", "\n") == f"<<{new}>>!"
    if style is not None and "\n" in before + middle + after:
        assert inner == f"<<{new}>>!".replace("\n", style)


@given(
    lines=st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"").replace(b"\0", b"")), max_size=12),
    place=st.integers(0, 12),
)
def test_bytes_that_are_no_text_survive_an_edit_elsewhere(lines, place):
    rows = [*lines[:place], b"the one line to change", *lines[place:]]
    data = b"\n".join([b"head of plain text " * 20, *rows, b"tail of plain text " * 20])
    assume(b"\r\n" not in data)
    try:
        document = decode(data)
        found = plan(document, "one line", "ONE LINE", replace_all=False, shown="f")
    except (NotText, ToolError):
        # Random bytes may be told for an encoding in which the text reads otherwise; then nothing may happen.
        return
    assert document.splice(found.places[0]) == data.replace(b"one line", b"ONE LINE")


@given(
    lines=st.lists(
        st.sampled_from(["alpha beta", "  gamma", "\tdelta  ", "x = 1", "", "end"]), min_size=4, max_size=14
    ),
    ending=_ENDINGS,
    place=st.integers(0, 12),
    size=st.integers(1, 4),
    new=st.lists(st.sampled_from(["alpha beta", "    new", "x = 2", "gamma"]), max_size=4),
    blur=st.sampled_from([str.strip, str.rstrip, lambda line: "  " + line, lambda line: line.replace(" ", "  ")]),
)
@settings(max_examples=300)
def test_a_loose_replacement_touches_no_line_outside_the_block(lines, ending, place, size, new, blur):
    place = min(place, len(lines) - size)
    data = "".join(line + ending for line in lines).encode()
    old = "".join(blur(line) + "\n" for line in lines[place : place + size])
    document = decode(data)
    try:
        found = plan(document, old, "".join(line + "\n" for line in new), replace_all=False, shown="f")
    except ToolError:
        return
    after = document.splice(found.places[0])
    # Found it may be elsewhere, where the lines read the same, but never in more lines than the block has.
    head = next((at for at, pair in enumerate(zip(data, after, strict=False)) if pair[0] != pair[1]), len(after))
    tail = next(
        (at for at, pair in enumerate(zip(data[::-1], after[::-1], strict=False)) if pair[0] != pair[1]), len(after)
    )
    touched = data[head : max(len(data) - tail, head)]
    assert touched.count(b"\n") <= size + 1
    assert b"\n" not in after.replace(b"\r\n", b"") or ending == "\n"


def test_an_edit_in_a_stateful_or_broken_encoding_is_refused_and_not_guessed():
    document = Document(b"\xff\xfea\0b\0", "abc", "utf-16-le", "strict", b"\xff\xfe")
    with pytest.raises(NotText):
        document.splice([Edit(1, 2, "x")])


async def test_a_hundred_thousand_lines_with_crlf_and_long_lines_lose_nothing(session):
    rows = [b"%06d " % number + b"x" * (5000 if number % 500 == 0 else 20) for number in range(100_000)]
    rows[77_777] += b" the needle"
    data = b"\r\n".join(rows)
    path = session.write("big.txt", data)
    await session.use("patch", path="big.txt", old_string=" the needle", new_string=" the\npin")
    assert path.read_bytes() == data.replace(b" the needle", b" the\r\npin")
    patch = "*** Begin Patch\n*** Update File: big.txt\n@@\n-pin\n+hay\n*** End Patch"
    await session.use("patch", mode="patch", patch=patch)
    assert path.read_bytes() == data.replace(b" the needle", b" the\r\nhay")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251", "shift_jis", "gb18030", "utf-16", "utf-8-sig"])
async def test_a_patch_keeps_the_encoding(session, encoding):
    words = {
        "cp1251": "Привет, как дела сегодня",
        "shift_jis": "これはテストです",
        "gb18030": "这是一个测试文件中文内容",
    }
    line = words.get(encoding, "Grüße aus Köln")
    text = f"{line}\nold value\n{line}\n"
    path = session.write("a.txt", text.encode(encoding))
    await session.use("patch", path="a.txt", old_string="old value", new_string="new value")
    assert path.read_bytes() == text.replace("old", "new").encode(encoding)


async def test_a_character_the_encoding_lacks_is_an_error_and_changes_nothing(session):
    data = "Grüße aus Köln\nvalue\n".encode("latin-1")
    path = session.write("a.txt", data)
    with pytest.raises(ToolError, match="has no '→'") as caught:
        await session.use("patch", path="a.txt", old_string="value", new_string="→")
    assert "write_file" in caught.value.remedy
    assert path.read_bytes() == data


async def test_mixed_endings_stay_where_they_were(session):
    path = session.write("a.txt", b"a\r\nb\nc\r\nd\n")
    await session.use("patch", path="a.txt", old_string="b\nc\nd", new_string="b\nC\nnew\nd")
    assert path.read_bytes() == b"a\r\nb\nC\nnew\nd\n"
    await session.use("patch", path="a.txt", old_string="a\nb", new_string="A\nA2\nb")
    assert path.read_bytes() == b"A\r\nA2\r\nb\nC\nnew\nd\n"


async def test_explicit_carriage_returns_are_taken_at_their_word(session):
    path = session.write("a.txt", b"a\r\nb\r\n")
    await session.use("patch", path="a.txt", old_string="a\r\nb", new_string="a\nb")
    assert path.read_bytes() == b"a\nb\r\n"


async def test_a_missing_last_newline_stays_missing(session):
    path = session.write("a.txt", b"a\nlast")
    patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n a\n-last\n+LAST\n+more\n*** End Patch"
    await session.use("patch", mode="patch", patch=patch)
    assert path.read_bytes() == b"a\nLAST\nmore"
    await session.use("patch", path="a.txt", old_string="  more", new_string="  end\n  END")
    assert path.read_bytes() == b"a\nLAST\nend\nEND"
