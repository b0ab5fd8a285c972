r"""Untrusted text made safe to show: nothing a model, a tool or a file says can act on the terminal or hide in it.

`visible` is for text that is read (answers, tool output): terminal control, bidirectional and invisible characters are
written out as `\u{202e}`; joiners and variation selectors that belong to an emoji or a script stay.

`exact` is for text that is approved (commands, paths): every character that could be taken for another one or for
nothing is written out too, such as curly quotes, foreign spaces, or a Cyrillic letter within a Latin word.
"""

from __future__ import annotations

import re
from functools import cache

__all__ = ["exact", "one_line", "visible"]

_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\u2800\u3164"
    "\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HIDDEN = _CONTROL + _BIDI + _INVISIBLE

# A joiner is kept between two characters that can be joined; a selector after something it can select.
_JOINED = f"(?<=[^\\x00-\\x7f{_HIDDEN}\u200c\u200d])[\u200c\u200d](?=[^\\x00-\\x7f{_HIDDEN}{_JOINERS}])"
_SELECTED = f"(?<=[^\\x00-\\x22\\x24-\\x29\\x2b-\\x2f\\x3a-\\x7f{_HIDDEN}{_JOINERS}])[\ufe0e\ufe0f]"


@cache
def _prose() -> re.Pattern[str]:
    # Compiled at first use: it takes 4 ms, and plain text never needs it.
    return re.compile(f"({_JOINED}|{_SELECTED})|([{_HIDDEN}{_JOINERS}])")


_LOOK_ALIKES = (
    "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"  # spaces
    "\u00b4\u02b9-\u02bd\u02c8\u02cb\u02ca\u2018-\u201f\u2032-\u2037"  # quotes
    "\u2039\u203a\u275b-\u275e\uff02\uff07\uff40"  # more quotes
    "\u02d7\u2010-\u2015\u2043\u2212\ufe58\ufe63\uff0d"  # dashes
    "\u037e\u2024\u2044\u2215\u2216\u29f5\u29f8\u29f9\ua789\uff01-\uff0f\uff1a-\uff20\uff3b-\uff3f\uff5b-\uff5e"
    "\ue000-\uf8ff"  # private use: whatever the font says
)


@cache
def _exact() -> re.Pattern[str]:
    return re.compile(f"[\\t{_HIDDEN}{_JOINERS}{_LOOK_ALIKES}]")


_MIXED_WORD = re.compile(r"(?=\w*[A-Za-z])(?=\w*[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\uff21-\uff5a])\w+")
_FOREIGN_LETTER = re.compile(r"[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\uff21-\uff5a]")
_LONG_GAP = re.compile(r" {17,}")


def visible(text: str) -> str:
    """`text` with control (except newline and tab), bidirectional and invisible characters written out."""
    if text.isascii() and text.isprintable():
        return text
    return _prose().sub(lambda match: match[1] or _code(match[2]), text.replace("\r\n", "\n"))


def exact(text: str) -> str:
    """`text` with everything written out that is not plainly what it seems; only newlines are kept as they are.

    More than 16 spaces in a row become `<40 spaces>`, so that nothing is pushed out of sight.
    """
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    text = _exact().sub(lambda match: _code(match[0]), text)
    if not text.isascii():
        text = _MIXED_WORD.sub(lambda word: _FOREIGN_LETTER.sub(lambda match: _code(match[0]), word[0]), text)
    return _LONG_GAP.sub(lambda match: f"<{len(match[0])} spaces>", text)


def one_line(text: str, limit: int = 120) -> str:
    """`visible` on one line: runs of blanks become one space; cut at `limit` characters where that is not 0."""
    if limit and len(text) > 4 * limit:
        text = text[: 4 * limit]
    line = visible(" ".join(text.split()))
    return f"{line[: limit - 1]}…" if limit and len(line) > limit else line


def _code(character: str) -> str:
    return f"\\u{{{ord(character):x}}}"
