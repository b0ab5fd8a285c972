"""Untrusted text as it is shown."""

import unicodedata

import pytest

from hermes_host.visible import exact, one_line, visible

JOINED = ["👨‍👩‍👧", "❤️‍🔥", "1️⃣", "می‌خواهم", "e\u0301", "日本語", "« Bonjour »"]


@pytest.mark.parametrize("text", JOINED)
def test_scripts_and_emoji_stay_as_they_are(text):
    assert visible(text) == text


def test_no_character_that_acts_or_hides_comes_through():
    for number in range(0x110000):
        char = chr(number)
        if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Zl", "Zp", "Cs"):
            continue
        assert char not in visible(f"a{char}b"), hex(number)
        assert char not in exact(f"a{char}b"), hex(number)
    for char in "\u200b\u200c\u200d\u200e\u202e\u2066\u2069\ufeff\u00ad\u115f\u3164\U000e0041\U000e0100\u2800\ufe0f":
        assert visible(f"a{char}b") == f"a\\u{{{ord(char):x}}}b"
        assert exact(f"a{char}b") == f"a\\u{{{ord(char):x}}}b"


def test_what_is_approved_hides_nothing_behind_look_alikes():
    assert (
        exact("rm “x” –r\tf\u00a0; \u0430pt \uff0dy")
        == "rm \\u{201c}x\\u{201d} \\u{2013}r\\u{9}f\\u{a0}; \\u{430}pt \\u{ff0d}y"
    )
    assert exact("echo привет 日本") == "echo привет 日本"
    assert exact("a" + " " * 400 + "b") == "a<400 spaces>b"
    assert exact("first\nsecond") == "first\nsecond"


def test_one_line_is_one_line_of_the_length_asked_for():
    assert one_line("a\n  b\tc\x1b") == "a b c\\u{1b}"
    assert one_line("x" * 500, 10) == "x" * 9 + "…"
    assert one_line("x" * 500, 0) == "x" * 500
