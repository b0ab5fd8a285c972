"""Dividing Markdown into messages."""

from __future__ import annotations

import re

import pytest
import regex
from hermes_gateway.rendering import divide
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def escaped(text: str) -> int:
    """As a platform counts that escapes everything that may mean something."""
    return len(re.sub(r"([_*\[\]()~`>#+\-=|{}.!\\])", r"\\\1", text))


def test_what_fits_is_one_piece():
    assert divide("Hello\n\nworld", len, 100) == ["Hello\n\nworld"]
    assert divide("  \n ", len, 100) == []


def test_it_is_cut_between_blocks_where_that_is_possible():
    text = "\n\n".join(f"Paragraph {number} with some words." for number in range(10))
    pieces = divide(text, len, 100)
    assert all(len(piece) <= 100 for piece in pieces)
    assert "\n\n".join(pieces) == text


def test_a_code_block_is_closed_and_opened_again_with_its_language():
    code = "\n".join(f"    line_{number} = {number}" for number in range(50))
    pieces = divide(f"Look:\n\n```python\n{code}\n```\n\nDone.", len, 200)
    assert len(pieces) > 3
    inside = []
    for piece in pieces:
        fences = [token for token in MarkdownIt().parse(piece) if token.type == "fence"]
        assert piece.count("```") == 2 * len(fences)
        assert all(fence.info == "python" for fence in fences)
        inside += [fence.content.rstrip("\n") for fence in fences]
    assert "\n".join(inside) == code, "indentation and lines are kept"


def test_a_code_block_without_an_end_gets_one():
    pieces = divide("```\n" + "x = 1\n" * 100, len, 200)
    assert all(piece.startswith("```\n") and piece.endswith("\n```") for piece in pieces)


def test_a_table_gets_its_head_again():
    rows = "\n".join(f"| {number} | value {number} |" for number in range(40))
    pieces = divide(f"| a | b |\n|---|---|\n{rows}", len, 200)
    assert all(piece.startswith("| a | b |\n|---|---|\n") for piece in pieces)
    assert sum(piece.count("value") for piece in pieces) == 40


def test_no_character_people_see_is_cut():
    family = "👩‍👩‍👧‍👦"
    pieces = divide(family * 300, utf16, 100)
    assert all(utf16(piece) <= 100 for piece in pieces)
    assert all(piece.replace(family, "") == "" for piece in pieces)
    assert "".join(pieces) == family * 300


@pytest.mark.parametrize("measure", [len, utf16, escaped])
def test_a_hundred_thousand_characters_without_a_blank_fit(measure):
    pieces = divide("a*_" * 33_000, measure, 4096)
    assert all(measure(piece) <= 4096 for piece in pieces)
    assert "".join(pieces) == "a*_" * 33_000


WORDS = st.lists(
    st.sampled_from(
        [
            "word",
            "**bold**",
            "`a b`",
            "é",
            "👋🏽",
            "漢字",
            "# Title\n",
            "\n\n",
            "\n- item ",
            "```\ncode  here\n```\n",
            "\n> quoted\n",
            "| a | b |\n|---|---|\n| 1 | 2 |\n",
            "[x](http://e.test)",
            "\n\n---\n\n",
            "1. one\n",
            "&lt;",
        ]
    ),
    max_size=120,
)


@given(words=WORDS, limit=st.integers(60, 400))
def test_nothing_is_lost_and_everything_fits(words: list[str], limit: int):
    text = " ".join(words)
    pieces = divide(text, utf16, limit)
    assert all(utf16(piece) <= limit for piece in pieces)
    letters = regex.findall(r"[\p{L}\p{N}]+", text)
    found = regex.findall(r"[\p{L}\p{N}]+", "\n".join(pieces))
    assert _without_repeats(found, letters)


def _without_repeats(found: list[str], wanted: list[str]) -> bool:
    """Whether `wanted` is what is found, in order, but for heads of tables that stand there again."""
    rest = iter(found)
    return all(any(word == other for other in rest) for word in wanted)
