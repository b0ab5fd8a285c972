"""Keys, the line they edit, and history."""

import stat

import pytest

from hermes_host.cli.editor import Editor, History, KeyDecoder


def typed(editor: Editor, data: bytes, size: int = 1000) -> list[str]:
    """The texts handed in by `data`, which comes in pieces of `size` bytes."""
    decoder = KeyDecoder()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    keys = [key for piece in pieces for key in decoder.feed(piece)]
    return [text for key in keys if (text := editor.press(*key)) is not None]


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("héllo 日本\r", "héllo 日本"),
        ("helo\x1b[Dl\r", "hello"),
        ("world\x01hello \r", "hello world"),
        ("one two\x17three\r", "one three"),
        ("abc\x7f\x7fd\r", "ad"),
        ("abc\x01\x0bnew\r", "new"),
        ("abc\x15new\r", "new"),
        ("abc\x15\x19\x19\r", "abcabc"),
        ("abc\x1b[H\x1b[3~\r", "bc"),
        ("one two\x1b[1;5D\x1b[1;5Dzero \r", "zero one two"),
        ("\x1b[200~a\rb\nc\x1b[201~\r", "a\nb\nc"),
        ("one\x1b\rtwo\r", "one\ntwo"),
        ("one\\\rtwo\r", "one\ntwo"),
        ("one\\\\\r", "one\\\\"),
        ("a\x1b[99~\x1bz\x00b\r", "ab"),
    ],
)
def test_keys_edit_the_line(keys, text, size):
    assert typed(Editor(), keys.encode(), size) == [text]


def test_earlier_lines_come_back_and_the_draft_is_kept():
    editor = Editor()
    editor.history.entries = ["first", "second"]
    assert typed(Editor(editor.history), b"\x1b[A\x1b[A\r") == ["first"]
    assert typed(Editor(editor.history), b"draft\x1b[A\x1b[B\r") == ["draft"]


def test_control_characters_in_the_line_are_seen_and_the_cursor_stays_right():
    editor = Editor()
    typed(editor, b"\x1b[200~a\x1b[31mb\x1b[201~")
    shown, cursor = editor.shown()
    assert "\x1b" not in shown
    assert cursor == len(shown)


def test_history_is_kept_in_a_private_file_in_the_known_format(tmp_path):
    path = tmp_path / "history"
    history = History(path)
    for text in ("one", "two\nlines", "two\nlines", "  ", "+ plus\n\nblank"):
        history.add(text)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "+two\n+lines\n" in path.read_text(encoding="utf-8")
    assert History(path).entries == ["one", "two\nlines", "+ plus\n\nblank"]
    assert History(path, limit=1).entries == ["+ plus\n\nblank"]


def test_a_history_that_cannot_be_written_does_not_disturb(tmp_path):
    history = History(tmp_path / "missing" / "history")
    history.add("one")
    assert history.entries == ["one"]


@pytest.mark.parametrize("size", [1, 1000])
def test_two_escapes_in_a_row_do_not_stop_the_keys_after_them(size):
    # The second one makes Alt+h of the letter after it, as every terminal has it.
    assert typed(Editor(), b"\x1b\x1bhello\r", size) == ["ello"]
