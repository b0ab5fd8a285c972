"""A list to choose from, without a terminal: what keys do to it, and what it looks like at any size."""

import pytest

from hermes_host.cli.picker import BACK, Choices, Chooser, Column
from hermes_host.cli.picker_filter import Filter
from hermes_host.cli.picker_terminal import Left, PickerKeys, Row, Signs, cut, words_wrapped
from hermes_host.cli.screen import cell_width

NAMES = [
    "acme/large-1",
    "acme/small-1",
    "globex/sonnet-4.5",
    "globex/sonnet-4",
    "日本語-モデル-とても長い名前です",
    "plain",
]


def chooser(names=NAMES, *, other=True, **more):
    choices = Choices(
        label="Model of acme",
        columns=[Column("model"), Column("context", 7, right=True), Column("in / out per M", 17, right=True)],
        names=names,
        cells=lambda index: (names[index], "200k", "$3 / $15"),
        other=(lambda text: (f"use {text!r} as it is", "128k?", "")) if other else None,
        **more,
    )
    return Chooser(choices, Signs())


def press(one, *keys):
    """The result of the last of these keys: single characters are typed, words are keys."""
    results = [one.press(("text", key) if len(key) == 1 else ("key", key)) for key in keys]
    return results[-1] if results else None


def chosen(one, *keys):
    result = press(one, *keys, "enter")
    return result.text if result.index < 0 else NAMES[result.index]


def texts(one, width=79, height=24):
    return [row.text for row in one.frame(width, height)[0]]


# ---------------------------------------------------------------------------------------------------------- filter


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("large", "acme/large-1"),
        ("LARGE", "acme/large-1"),
        ("s45", "globex/sonnet-4.5"),
        ("sonnet-4", "globex/sonnet-4.5"),
        ("globex/sonnet-4", "globex/sonnet-4"),
        ("4 glob", "globex/sonnet-4.5"),
        ("plain", "plain"),
        ("日", "日本語-モデル-とても長い名前です"),
    ],
)
def test_words_are_found_whole_or_by_their_letters_in_order(query, best):
    assert NAMES[Filter(NAMES).matches(query)[0]] == best


def test_an_exact_name_comes_before_longer_ones_and_equals_keep_their_order():
    names = ["mini-2", "a-mini", "mini", "xmini", "m-i-n-i"]
    assert [names[index] for index in Filter(names).matches("mini")] == ["mini", "mini-2", "a-mini", "xmini", "m-i-n-i"]
    assert list(Filter(["b1", "b3", "b2"]).matches("b")) == [0, 1, 2]


def test_typing_on_finds_the_same_as_typing_it_at_once():
    one = Filter(NAMES)
    for query in ("s", "so", "son", "son 4", "son", "", "zz", "z", "large"):
        assert list(one.matches(query)) == list(Filter(NAMES).matches(query)), query


def test_what_is_not_there_is_not_found():
    assert not Filter(NAMES).matches("large zz")
    assert not Filter(NAMES).matches("54s")
    assert len(Filter(NAMES).matches("   ")) == len(NAMES)


# ------------------------------------------------------------------------------------------------------------ keys


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("data", "keys"),
    [
        ("ab", [("text", "a"), ("text", "b")]),
        ("é日", [("text", "é"), ("text", "日")]),
        ("\x1b[A\x1b[5~\x1b[6~\x1bOB", [("key", "up"), ("key", "page-up"), ("key", "page-down"), ("key", "down")]),
        ("\x1b\x1b[A", [("key", "escape"), ("key", "up")]),
        ("\x1b\x1b\x1bOA", [("key", "escape"), ("key", "escape"), ("key", "up")]),
        ("\x1b[99~x\x00", [("text", "x")]),
        ("\x1b[200~a\nb\x1b[201~\r", [("paste", "a\nb"), ("key", "enter")]),
    ],
)
def test_keys_are_known_however_their_bytes_arrive(data, keys, size):
    decoder, raw = PickerKeys(), data.encode()
    found = [key for start in range(0, len(raw), size) for key in decoder.feed(raw[start : start + size])]
    assert found == keys
    assert not decoder.waiting


def test_an_escape_character_alone_is_a_key_only_when_nothing_follows():
    decoder = PickerKeys()
    assert list(decoder.feed(b"x\x1b")) == [("text", "x")]
    assert decoder.waiting
    assert list(decoder.flush()) == [("key", "escape")]
    assert list(decoder.feed(b"\x1b[")) == []
    assert list(decoder.flush()) == []
    assert list(decoder.feed(b"y")) == [("text", "y")]


# ---------------------------------------------------------------------------------------------------------- moving


def test_enter_takes_the_row_of_the_pointer():
    assert chosen(chooser()) == NAMES[0]
    assert chosen(chooser(), "down", "down") == NAMES[2]
    assert chosen(chooser(start=3)) == NAMES[3]
    assert chosen(chooser(), "s", "o", "n", "down") == "globex/sonnet-4"


def test_the_pointer_goes_round_and_to_both_ends():
    assert chosen(chooser(), "up") == NAMES[-1]
    assert chosen(chooser(), "up", "down") == NAMES[0]
    assert chosen(chooser(), "end") == NAMES[-1]
    assert chosen(chooser(), "end", "home") == NAMES[0]
    assert chosen(chooser(), "page-down") == NAMES[-1]
    assert chosen(chooser(), "end", "page-up") == NAMES[0]


def test_a_page_is_what_is_shown_and_the_pointer_is_always_in_sight():
    names = [f"model-{number}" for number in range(100)]
    one = chooser(names)
    texts(one)
    for key in ("page-down", "page-down", "up", "page-up", "end", "up", "home", "down"):
        press(one, key)
        assert sum(text.startswith("❯") for text in texts(one)) == 1
    press(one, "home", "page-down")
    assert any("❯  model-11 " in text for text in texts(one))


def test_what_was_typed_can_be_taken_as_it_is():
    assert chosen(chooser(), *"xyz:1") == "xyz:1"
    assert chosen(chooser(), *"plai", "end") == "plai"
    assert chosen(chooser(), *"plain", "end") == "plain"
    shown = texts(press_all(chooser(), *"xyz"))
    assert any("use 'xyz' as it is" in text and "128k?" in text for text in shown)


def test_two_words_are_a_filter_and_no_name():
    assert press(chooser(), *"zz", " ", "y", "enter") is None


def test_only_what_is_listed_can_be_chosen_where_nothing_else_would_do():
    one = chooser(other=False)
    assert press(one, *"xyz", "enter") is None
    assert any("Nothing matches" in text for text in texts(one))


def test_escape_goes_back_and_an_interrupt_leaves():
    assert press(chooser(), "a", "escape") is BACK
    assert press(chooser(), "eof") is BACK
    with pytest.raises(Left) as left:
        press(chooser(), "interrupt")
    assert left.value.code == 130


def test_a_pasted_name_is_one_line_without_blanks_around_it():
    one = chooser()
    one.press(("paste", "  some-\x1b[2Jthing\n"))
    assert "\x1b" not in "".join(texts(one))
    one = chooser()
    one.press(("paste", " new-model\r\n"))
    assert one.press(("key", "enter")).text == "new-model"


def test_emptying_the_filter_brings_the_pointer_back_to_where_it_began():
    assert chosen(chooser(start=2), "p", "backspace") == NAMES[2]


def press_all(one, *keys):
    press(one, *keys)
    return one


# ----------------------------------------------------------------------------------------------------------- frame


def test_the_frame_shows_what_is_known_and_which_is_in_use():
    shown = texts(chooser(current=1, start=1))
    assert shown[0] == "Model of acme ❯ "
    assert shown[1].split() == ["model", "context", "in", "/", "out", "per", "M"]
    assert shown[3].startswith("❯* acme/small-1")
    assert shown[3].endswith("200k           $3 / $15")
    assert "2/6" in shown[-1]
    assert "* in use" in shown[-1]


@pytest.mark.parametrize("width", [9, 19, 29, 39, 59, 79, 200])
@pytest.mark.parametrize("height", [2, 5, 8, 15, 24, 60])
def test_no_row_is_wider_and_no_frame_higher_than_the_terminal(width, height):
    one = chooser(NAMES * 20, current=2, notes=(Row("a note that is " + "long " * 60, "warning"),))
    for keys in ("", "s", "日本", "nothing-of-this-name-" * 8):
        press_all(one, *keys)
        rows, column = one.frame(width, height)
        assert all(cell_width(row.text) <= width for row in rows), [row.text for row in rows]
        assert len(rows) <= max(3, height - 1)
        assert column <= width
        one.press(("key", "kill-start"))


def test_a_narrow_terminal_loses_columns_and_not_the_names():
    assert any("acme/large-1" in text and "200k" in text and "$3" not in text for text in texts(chooser(), 39))
    assert any("acme/large-1" in text and "200k" not in text for text in texts(chooser(), 29))


def test_names_cannot_act_on_the_terminal():
    shown = "".join(texts(chooser(["\x1b[31mred\u202e", "two\nlines"])))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\u{1b}[31mred\\u{202e}" in shown


def test_only_the_rows_in_sight_are_looked_up():
    asked = []
    names = [f"model-{number}" for number in range(2000)]
    columns = [Column("model"), Column("context", 7)]
    choices = Choices(
        label="Model", columns=columns, names=names, cells=lambda index: (asked.append(index), "", "")[1:]
    )
    Chooser(choices, Signs()).frame(79, 24)
    assert len(asked) < 20


def test_texts_are_cut_by_columns_and_wrapped_between_words():
    assert cut("日本語", 6) == "日本語"
    assert cut("日本語", 5) == "日本…"
    assert cut("abcdef", 5, "...") == "ab..."
    assert words_wrapped("one two three", 8) == ["one two", "three"]
    assert words_wrapped("a" * 10, 4) == ["aaaa", "aaaa", "aa"]
