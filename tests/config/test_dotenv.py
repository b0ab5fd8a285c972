"""The `.env` format: any value survives, comments and other lines stay, and a shell reads the same."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.config import dotenv

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
TRICKY = st.text(st.sampled_from(list("ab '\"\\#$=\n\r\t`{}\u2028\x85")), max_size=12)
VALUES = st.one_of(TEXT, TRICKY)
NAMES = st.sampled_from(["A_TOKEN", "B_TOKEN", "LONG_NAME_API_KEY", "x"])
COMMENTS = st.lists(st.sampled_from(["# a comment", "", "   # 'indented", "#X=1"]), max_size=3)


def values(text: str) -> dict[str, str]:
    entries, bad = dotenv.parse(text)
    assert list(bad) == []
    return {entry.name: entry.value for entry in entries}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=b", "b"),
        ("A=b # c", "b"),
        ("A=b#c", "b#c"),
        ("A=#c", "#c"),
        ("A = b c  ", "b c"),
        ("export A='b # c' # d", "b # c"),
        ('A="b\\n\\"c\\""', 'b\n"c"'),
        ("A='it\\'s \\n'", "it's \\n"),
        ("A='two\nlines'", "two\nlines"),
        ("A=", ""),
        ("A=b\r\nB=c\r\n", "b"),
        ("\ufeffA=b", "b"),
        ("A=$X ${Y}", "$X ${Y}"),
        ("A=1\nA=2", "2"),
    ],
)
def test_files_in_use_are_read(text: str, expected: str) -> None:
    assert values(text)["A"] == expected


def test_a_line_that_cannot_be_understood_is_named_and_skipped() -> None:
    entries, bad = dotenv.parse("A=1\nnot a line\nB='open\nC=3\n=x\n")
    assert [entry.name for entry in entries] == ["A", "C"]
    assert list(bad) == [2, 3, 5]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES, COMMENTS), max_size=5), NAMES, VALUES)
def test_setting_a_value_keeps_every_other_value_and_comment(
    lines: list[tuple[str, str, list[str]]], name: str, value: str
) -> None:
    text = ""
    for other, content, comments in lines:
        text += "".join(f"{comment}\n" for comment in comments)
        text = dotenv.with_value(text, other, content)
    before = values(text)

    after = dotenv.with_value(text, name, value)

    assert values(after) == {**before, name: value}
    for comment in ["# a comment", "   # 'indented", "#X=1"]:
        assert after.count(comment) >= sum(comments.count(comment) for _, _, comments in lines)
    assert values(dotenv.without(after, name)) == {key: item for key, item in before.items() if key != name}


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="'\\"), max_size=30))
def test_a_shell_reads_the_same_value(value: str) -> None:
    script = f'{dotenv.with_value("", "A", value)}printf %s "$A"'
    outcome = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert outcome.stdout.decode("utf-8") == value


def test_a_comment_behind_a_value_stays_when_the_value_changes() -> None:
    assert dotenv.with_value("export A='x' # why\nB=2\n", "A", "y z") == "export A='y z' # why\nB=2\n"


def test_a_hostile_line_is_read_quickly() -> None:
    entries, bad = dotenv.parse("A='" + "\\'" * 50_000 + "\nB='" + "\\\\" * 50_000)
    assert (entries, list(bad)) == ([], [1, 2])
