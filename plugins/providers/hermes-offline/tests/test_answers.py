import pytest
from hermes_offline.answers import FileText, listed, quoted, told

CUT = "1|first\n2|second\n[lines 1-2 of 3,000; read on with offset=3]"


@pytest.mark.parametrize(
    ("output", "lines", "total"),
    [
        ("1|a\n2|b|c\n[2 lines; no newline at the end]", ["a", "b|c"], 2),
        ("  1|a\n  2|\n", ["a", ""], 2),
        ("bare\ntext\n", ["bare", "text"], 2),
        ("[x.txt is empty]", [], 0),
        ("", [], 0),
        (CUT, ["first", "second"], 3000),
        ("1|[not a remark]", ["[not a remark]"], 1),
    ],
)
def test_a_file_is_read_out_of_what_a_tool_said(output, lines, total):
    file = FileText.of(output)
    assert (list(file.lines), file.total) == (lines, total)


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("number of lines", "has 3000 lines"),
        ("last line", "has 3000 lines, and I was given only the first 2"),
        ("number of words", "has 2 words in its first 2 lines"),
        ("first line", "“first”"),
    ],
)
def test_an_answer_about_a_part_says_so(what, answer):
    assert answer in told(what, "x", FileText.of(CUT))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("intro\n\n# Real ##\n", "Real"),
        ("```\n# code\n```\n## After\n", "After"),
        ("Underlined\n==========\n", "Underlined"),
        ("no heading at all\n", "no heading at all"),
        ("---\nname: x\n---\n# Title\n", "Title"),
    ],
)
def test_the_title_is_the_first_heading(text, title):
    assert f"“{title}”" in told("title", "x", FileText.of(text))


def test_long_lists_and_long_outputs_are_cut_with_a_count():
    assert listed(".", "\n".join(f"f{number}" for number in range(100))).endswith("and 80 more.")
    assert "… 60 more lines" in quoted("\n".join(map(str, range(100))))


def test_a_code_block_cannot_be_left_by_what_is_in_it():
    block = quoted("```\nnot the end\n````\n").split("\n")
    assert block[0] == block[-1] == "`````"
