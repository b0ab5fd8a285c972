"""What a mail is made of, by the server's word: which leaves there are, so that only the text is read."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Leaf", "leaves"]

_MOST_LEAVES = 60
_DEEPEST = 20


class Leaf(NamedTuple):
    """A part without parts of its own. A mail within a mail is one leaf."""

    number: str
    """As IMAP counts: `1`, `2.1`."""
    mime: str
    size: int
    """In bytes as they are transferred."""
    choice: str
    """Leaves with the same word say the same thing in different forms."""


def leaves(structure: Any) -> tuple[Leaf, ...]:
    """The leaves of a BODYSTRUCTURE in their order. Raises whatever is raised for one that is none."""
    if not isinstance(structure[0], list):
        return (_leaf(structure, "1", ""),)
    found: list[Leaf] = []
    waiting: list[tuple[Any, str, str]] = [(structure, "", "")]
    while waiting and len(found) < _MOST_LEAVES:
        node, number, choice = waiting.pop()
        if not isinstance(node[0], list):
            found.append(_leaf(node, number, choice))
            continue
        if number.count(".") >= _DEEPEST:
            continue
        if _word(node[1]) == "alternative" and not choice:
            choice = f"alternative {number}"
        children = [
            (child, f"{number}.{place}" if number else str(place), choice) for place, child in enumerate(node[0], 1)
        ]
        waiting += reversed(children)
    return tuple(found)


def _leaf(node: Any, number: str, choice: str) -> Leaf:
    size = node[6] if len(node) > 6 and isinstance(node[6], int) else 0
    return Leaf(number, f"{_word(node[0])}/{_word(node[1])}", size, choice or number)


def _word(value: Any) -> str:
    return value.decode("ascii", "replace").lower() if isinstance(value, bytes) else str(value).lower()
