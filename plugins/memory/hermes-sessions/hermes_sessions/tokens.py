"""Text as the words that the index holds, the same for what was said and for what is looked for.

Words are runs of letters and digits, without case and accents. Scripts that do not part words (Chinese, Japanese,
Korean, Thai …) are taken as pairs of neighbouring characters, so that every word in them is a run of pairs.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fold", "is_spaceless", "tokens"]

_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
_SPACELESS = (
    "\u0e00-\u0eff\u0f00-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_SPACELESS}]+|[^{_SPACELESS}]+")
_IS_SPACELESS = re.compile(f"[{_SPACELESS}]")

_LONG, _CUT = 256, 64
"""Longer runs (encoded data) are known by their beginning alone; those above `_CUT` are taken in pieces of it."""


def fold(text: str) -> str:
    """The text without case and accents."""
    if text.isascii():
        return text.lower()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", plain).casefold()


def is_spaceless(token: str) -> bool:
    """Whether the token is of a script that does not part words."""
    return not token.isascii() and _IS_SPACELESS.match(token) is not None


def tokens(text: str, *, stored: bool = True) -> list[str]:
    """The words of a text. As it is looked for (`stored` false), the last run of pairs goes without its last character
    alone, which stands in what is stored."""
    found: list[str] = []
    for word in _WORD.findall(fold(text)):
        if word.isascii():
            if len(word) <= _CUT:
                found.append(word)
            else:
                found.extend(_pieces(word))
        else:
            for run in _RUN.findall(word):
                found.extend(_pairs(run) if _IS_SPACELESS.match(run) else _pieces(run))
    if not stored and len(found) > 1 and len(found[-1]) == 1 and is_spaceless(found[-1]) and found[-2][1:] == found[-1]:
        found.pop()
    return found


def _pieces(word: str) -> Iterator[str]:
    if len(word) > _LONG:
        word = word[:_CUT]
    return (word[start : start + _CUT] for start in range(0, len(word), _CUT))


def _pairs(run: str) -> Iterator[str]:
    yield from (run[index : index + 2] for index in range(len(run) - 1))
    yield run[-1]
