"""Filtering a list by what is typed: every word must be there, whole or with its letters in order.

Our own twenty lines instead of a library: what is wanted is the matching of fuzzy finders (`s45` finds
`sonnet-4.5`), which edit-distance libraries do not offer, and the list must stay in its useful order where all fit
equally well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Filter"]


class Filter:
    """Finds the texts that match what is being typed. Typing on looks only at what matched before."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = [text.casefold() for text in texts]
        self._query = ""
        self._found: Sequence[int] = range(len(self._texts))

    def matches(self, query: str) -> Sequence[int]:
        """The indices of the texts that match, best first; all of them, in order, for an empty query."""
        query = " ".join(query.casefold().split())
        if query != self._query:
            among = self._found if query.startswith(self._query) else range(len(self._texts))
            self._query, self._found = query, self._ranked(query.split(), among)
        return self._found

    def _ranked(self, words: Sequence[str], among: Iterable[int]) -> Sequence[int]:
        if not words:
            return range(len(self._texts))
        scores = {}
        for index in among:
            score = _score(words, self._texts[index])
            if score:
                scores[index] = score
        return sorted(scores, key=lambda index: (-scores[index], index))


def _score(words: Sequence[str], text: str) -> int:
    """How well the words fit; 0 when one of them is not there at all."""
    total = 0
    for word in words:
        score = _fit(word, text)
        if not score:
            return 0
        total += score
    return total


def _fit(word: str, text: str) -> int:
    place = text.find(word)
    if place < 0:
        return _fit_letters(word, text)
    if place == 0:
        return 400 if len(text) == len(word) else 300
    return 100 if text[place - 1].isalnum() else 200


def _fit_letters(word: str, text: str) -> int:
    """Letters in order with anything between them: the closer together, the better."""
    place = first = text.find(word[0])
    for letter in word[1:]:
        if place < 0:
            return 0
        place = text.find(letter, place + 1)
    return max(1, 50 - (place - first + 1 - len(word))) if place >= 0 else 0
