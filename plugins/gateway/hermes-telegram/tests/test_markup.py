"""Markdown as Telegram shows it."""

from __future__ import annotations

from random import Random

import pytest
from hermes_telegram.markup import render, utf16_length
from hermes_telegram.tables import display_width


def shown(markdown: str) -> tuple[str, list[tuple[str, str]]]:
    """The text, and the parts of it that are marked."""
    found = render(markdown)
    units = found.text.encode("utf-16-le")
    parts = [
        (mark.type, units[mark.offset * 2 : (mark.offset + mark.length) * 2].decode("utf-16-le"))
        for mark in found.marks
    ]
    return found.text, parts


@pytest.mark.parametrize(
    ("markdown", "text", "marks"),
    [
        ("**a** _b_ ~~c~~ `d`", "a b c d", [("bold", "a"), ("italic", "b"), ("strikethrough", "c"), ("code", "d")]),
        ("👋 **é👋** x", "👋 é👋 x", [("bold", "é👋")]),
        ("# Title\n\ntext", "Title\n\ntext", [("bold", "Title")]),
        ("**a _b_ c**", "a b c", [("bold", "a b c"), ("italic", "b")]),
        ("- one\n- two\n  - deep\n- three", "• one\n• two\n   • deep\n• three", []),
        ("3. three\n4. four\n\nafter", "3. three\n4. four\n\nafter", []),
        ("- [ ] open\n- [x] done", "• ☐ open\n• ☑ done", []),
        ("one\ntwo", "one\ntwo", []),
        ("> quoted\n\nafter", "quoted\n\nafter", [("blockquote", "quoted")]),
        ("> - a\n> - b", "• a\n• b", [("blockquote", "• a\n• b")]),
        ("- **bold** item", "• bold item", [("bold", "bold")]),
        ("a\n\n---\n\nb", "a\n\n———\n\nb", []),
        ("<b>x</b> &amp; y", "<b>x</b> & y", []),
        ("<div>\nx\n</div>", "<div>\nx\n</div>", []),
        ("[x](https://e.test/?a=1&b=(2))", "x", [("text_link", "x")]),
        ("[`code`](https://e.test)", "code", [("text_link", "code")]),
        ("[here](src/main.py)", "here (src/main.py)", []),
        ("![a cat](https://e.test/cat.png)", "a cat", [("text_link", "a cat")]),
        ("![a cat](cat.png)", "a cat (cat.png)", []),
        ("1. do\n\n   ```sh\n   ls\n   ```\n2. next", "1. do\n\nls\n2. next", [("pre", "ls")]),
        ("    indented code", "indented code", [("pre", "indented code")]),
        ("[only]: /a-definition", "[only]: /a-definition", []),
        ("a \ud800 b \0 c", "a \ufffd b \ufffd c", []),
        ("", "", []),
    ],
)
def test_each_form_is_shown(markdown: str, text: str, marks: list[tuple[str, str]]):
    assert shown(markdown) == (text, marks)


def test_code_keeps_every_blank_and_its_language():
    found = render("```python title\ndef f():\n\n    return '*'\n```")
    assert found.text == "def f():\n\n    return '*'"
    assert [(mark.type, mark.language) for mark in found.marks] == [("pre", "python")]


def test_a_table_is_aligned_by_what_letters_take():
    text, marks = shown("| name | n |\n|---|--:|\n| 漢字 | 1.5 |\n| e\u0301 [x](https://e.test) | 22 |")
    assert marks == [("pre", text)]
    lines = text.split("\n")
    assert {display_width(line) for line in lines} == {display_width(lines[0])}
    assert lines[2].startswith("漢字")
    assert "x (https://e.test)" in lines[3]


def test_the_length_is_that_of_what_people_see_in_utf_16():
    assert render("**👩‍👩‍👧**").length == utf16_length("👩‍👩‍👧") == 8
    assert render("[x](https://example.test/a/very/long/address)").length == 1


def test_what_begins_or_ends_with_white_space_has_its_marks_in_place():
    text, marks = shown("&nbsp; **bold** \n\n&nbsp;")
    assert text == text.strip()
    assert marks == [("bold", "bold")]


def test_of_too_many_marks_the_least_needed_go():
    found = render("**b** [x](https://e.test) " * 90)
    assert len(found.marks) == 100
    assert sum(mark.type == "text_link" for mark in found.marks) == 90


@pytest.mark.parametrize(
    "markdown", ["> " * 500 + "deep", "- " * 60 + "deep", "- " * 900 + "deep", "*" * 3000 + "deep", "[" * 3000 + "deep"]
)
def test_nothing_is_too_odd(markdown: str):
    assert "deep" in render(markdown).text


def test_any_mixture_has_marks_that_fit_and_keeps_its_words():
    words = [
        "**",
        "_",
        "*",
        "~~",
        "`",
        "word",
        "👋",
        "é",
        "<b>",
        "\\",
        "&nbsp;",
        "[x](http://e.t)",
        "<http://a.b>",
        " ",
    ]
    lines = ["\n", "\n\n", "- ", "1. ", "> ", "# ", "    ", "---\n", "[ ] ", "\t", "| a | b |\n|---|---|\n| c | d |\n"]
    random = Random(1)
    for _ in range(1500):
        markdown = "".join(random.choice(words + lines) for _ in range(random.randint(1, 40)))
        text, marks, length = render(markdown)
        assert (text, length) == (text.strip(), utf16_length(text))
        assert text.count("👋") == markdown.count("👋") or "~~~" in markdown or "```" in markdown
        units = text.encode("utf-16-le")
        for mark in marks:
            assert 0 <= mark.offset < mark.offset + mark.length <= length
            units[mark.offset * 2 : (mark.offset + mark.length) * 2].decode("utf-16-le")
            inside = [other for other in marks if mark.offset < other.offset < mark.offset + mark.length]
            assert all(other.offset + other.length <= mark.offset + mark.length for other in inside)
