"""What is typed into a search, as a question to the index. Nothing that is typed is an error.

- words all have to occur: `parser error`; case and accents do not matter
- `"parser error"` side by side; what holds words together does the same: `foo.bar:baz`, `/etc/hosts`, `E-1234`, `don't`
- `pars*` beginnings; `OR`, `AND`, `NOT` between words, in capitals; `( … )` groups

Where these make no sense they are words like any others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hermes_sessions.tokens import is_spaceless, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["All", "Any", "Node", "Term", "Without", "expression", "parse", "relaxed", "terms_of"]


class Term(NamedTuple):
    """Words side by side. `prefix`: the last one is a beginning; `quoted`: nothing else may be tried for them."""

    words: tuple[str, ...]
    prefix: bool = False
    quoted: bool = False


class All(NamedTuple):
    """All of them occur."""

    nodes: tuple[Node, ...]


class Any(NamedTuple):
    """One of them occurs."""

    nodes: tuple[Node, ...]


class Without(NamedTuple):
    """One occurs and the other does not."""

    node: Node
    unwanted: Node


Node = Term | All | Any | Without

_TOKEN = re.compile(r'"([^"]*)(?:"(\*?)|$)|(\S+)')
_OPERATORS = frozenset({"AND", "OR", "NOT", "NEAR"})
_DEEPEST = 20
_MOST = 40
"""Words of one question that count: nobody types more, and a pasted page must not cost seconds."""


class _Mark(NamedTuple):
    sign: str


_Item = Term | _Mark


def parse(query: str) -> Node | None:
    """The question, or None where there is no word in it."""
    items = _sensible(list(_items(query[:10_000]))[: 2 * _MOST])
    return _Parser(items).everything()


def relaxed(query: str) -> Node | None:
    """The words alone, each for itself, without operators; phrases in quotes stay."""
    terms: dict[Term, None] = {}
    for item in _items(query[:10_000]):
        if isinstance(item, Term):
            terms.update(dict.fromkeys([item] if item.quoted else map(_term, item.words)))
    return _joined(All, list(terms)[:_MOST])


def _items(query: str) -> Iterator[_Item]:
    opened = 0
    for match in _TOKEN.finditer(query):
        phrase, star, run = match.groups()
        if run is None:
            if words := tokens(phrase, stored=False):
                yield Term(tuple(words), bool(star) or _needs_prefix(words), quoted=True)
            continue
        if run in _OPERATORS:
            yield _Mark(run)
            continue
        while run.startswith("(") and opened < _DEEPEST:
            run, opened = run[1:], opened + 1
            yield _Mark("(")
        closing = 0
        while run.endswith(")") and opened > closing:
            run, closing = run[:-1], closing + 1
        if run in _OPERATORS:
            yield _Mark(run)
        elif words := tokens(run, stored=False):
            yield Term(tuple(words), run.endswith("*") or _needs_prefix(words))
        for _ in range(closing):
            opened -= 1
            yield _Mark(")")


def _needs_prefix(words: Sequence[str]) -> bool:
    return len(words[-1]) == 1 and is_spaceless(words[-1])


def _term(word: str) -> Term:
    return Term((word,), _needs_prefix((word,)))


def _sensible(items: list[_Item]) -> list[_Item]:
    """Operators that do not stand between two things become words."""
    found: list[_Item] = []
    for index, item in enumerate(items):
        if not isinstance(item, _Mark) or item.sign in "()":
            found.append(item)
            continue
        following = items[index + 1] if index + 1 < len(items) else None
        if item.sign in ("AND", "OR") and following == _Mark("NOT") and item.sign == "AND":
            continue  # AND NOT is NOT
        before = bool(found) and (isinstance(found[-1], Term) or found[-1].sign == ")")
        after = item.sign != "NEAR" and (isinstance(following, Term) or following == _Mark("("))
        found.append(item if before and after else Term((item.sign.lower(),)))
    return found


class _Parser:
    """OR binds least, then words side by side and AND; NOT takes away from what stands before it."""

    def __init__(self, items: Sequence[_Item]) -> None:
        self._items = items
        self._at = 0

    def everything(self) -> Node | None:
        nodes = []
        while self._at < len(self._items):
            node = self._any()
            if node is not None:
                nodes.append(node)
            if self._sign() == ")":
                self._at += 1
        return _joined(All, nodes)

    def _sign(self) -> str:
        item = self._items[self._at] if self._at < len(self._items) else None
        return item.sign if isinstance(item, _Mark) else ""

    def _any(self) -> Node | None:
        nodes = [self._all()]
        while self._sign() == "OR":
            self._at += 1
            nodes.append(self._all())
        return _joined(Any, [node for node in nodes if node is not None])

    def _all(self) -> Node | None:
        nodes: list[Node] = []
        while self._at < len(self._items) and (sign := self._sign()) not in ("OR", ")"):
            if sign in ("AND", "NOT"):
                self._at += 1
            node = self._one()
            if node is None:
                continue
            if sign == "NOT" and nodes:
                nodes = [Without(_joined(All, nodes) or node, node)]
            else:
                nodes.append(node)
        return _joined(All, nodes)

    def _one(self) -> Node | None:
        item = self._items[self._at] if self._at < len(self._items) else None
        if isinstance(item, Term):
            self._at += 1
            return item
        if item is None or item.sign != "(":
            self._at += item is not None
            return None
        self._at += 1
        node = self._any()
        if self._sign() == ")":
            self._at += 1
        return node


def _joined(kind: Callable[[tuple[Node, ...]], Node], nodes: Sequence[Node]) -> Node | None:
    if len(nodes) < 2:
        return nodes[0] if nodes else None
    return kind(tuple(nodes))


def terms_of(node: Node) -> Iterator[Term]:
    """The terms that are looked for, without those that must not occur."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Without):
        yield from terms_of(node.node)
    else:
        for inner in node.nodes:
            yield from terms_of(inner)


def expression(node: Node, variants: Callable[[Term], Sequence[tuple[str, ...]]]) -> str:
    """The question in FTS5's language. `variants` gives the phrases that stand for a term; every word is quoted."""
    if isinstance(node, Term):
        phrases = ['"' + " ".join(words) + '"' for words in variants(node)]
        return f"({' OR '.join(phrases)})"
    if isinstance(node, Without):
        return f"({expression(node.node, variants)} NOT {expression(node.unwanted, variants)})"
    sign = " AND " if isinstance(node, All) else " OR "
    return f"({sign.join(expression(inner, variants) for inner in node.nodes)})"
