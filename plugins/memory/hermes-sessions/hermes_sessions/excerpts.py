"""The few words around a place that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_sessions.queries import Term

__all__ = ["excerpt", "first_place"]

_BEFORE, _AFTER = 60, 180


def first_place(text: str, terms: Sequence[Term]) -> int:
    """Where the most words of `terms` first stand near each other; 0 where they do not stand as they are."""
    folded = text.lower()
    if len(folded) != len(text):
        folded = text  # some letters become two; then places would not fit
    words = list(dict.fromkeys(word for term in terms for word in term.words))
    places = sorted((place, word) for word in words for place in _places(folded, word))
    if not places:
        return 0
    best, start = (0, 0), places[0][0]
    for index, (place, _) in enumerate(places):
        near = {word for other, word in places[index : index + 3 * len(words)] if other - place <= _AFTER}
        if len(near) > best[0]:
            best, start = (len(near), place), place
    return start


def _places(text: str, word: str) -> list[int]:
    found: list[int] = []
    at = text.find(word)
    while at >= 0 and len(found) < 50:
        found.append(at)
        at = text.find(word, at + 1)
    return found


def excerpt(text: str, terms: Sequence[Term], *, before: int = _BEFORE, after: int = _AFTER) -> str:
    """One line around the first place where the words stand together."""
    at = first_place(text, terms)
    first, last = max(0, at - before), at + after
    middle = " ".join(text[first:last].split())
    return f"{'…' if first else ''}{middle}{'…' if last < len(text) else ''}"
