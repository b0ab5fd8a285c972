"""The programs a command would start, found by the judge of hermes-terminal, and what allow rules cover of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hermes_terminal.judge import Judge
from hermes_terminal.rules.state import State
from hermes_terminal.shell.script import Compound, Function, Node, Redirect, Simple, Unreadable, Word
from hermes_terminal.shell.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hermes_terminal.places import Place

__all__ = ["Program", "Reading", "plain_calls", "read_command"]


@dataclass(frozen=True, slots=True)
class Program:
    """One call of a program: its words, and the directories it may run in (None: unknown)."""

    words: tuple[Word, ...]
    directories: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a command would start. `readable` is false when that cannot be told."""

    programs: tuple[Program, ...] = ()
    readable: bool = True
    allowed: bool = False
    """Whether nothing is left to ask about once the covered calls are taken as allowed."""
    used: tuple[str, ...] = ()
    """The rules that covered something."""
    written: tuple[str, ...] = ()
    """Absolute paths that calls which are not covered would write."""
    covered_in: tuple[str, ...] = ()
    """The directories that covered calls would run in, not yet resolved through links."""


@dataclass
class _Reader(Judge):
    """The judge, which also notes every program, and takes as allowed what a rule covers.

    Covered is only a call that stands there plainly: no substitution, redirection to a file, variable before it, piped
    input, other directory, or function in the same script. What is found around it counts as ever.
    """

    covering: Callable[[tuple[Word, ...]], str] = lambda words: ""
    plain: frozenset[int] = frozenset()
    base: str = ""
    calls: list[Program] = field(default_factory=list)
    used: dict[str, None] = field(default_factory=dict)
    covered_in: dict[str, None] = field(default_factory=dict)
    excused: set[str] = field(default_factory=set)

    def words(self, words: tuple[Word, ...], state: State) -> None:
        """Note the call; forget what is asked about it when a rule covers it."""
        self.calls.append(Program(words, state.directories))
        rule = self.covering(words) if id(words) in self.plain and self._at_home(state) else ""
        before, written = len(self.findings), set(self.written)
        super().words(words, state)
        if rule:
            self.used[rule] = None
            self.covered_in.update(dict.fromkeys(filter(None, state.directories)))
            self.findings[before:] = [each for each in self.findings[before:] if each.verdict == "deny"]
            self.excused |= set(self.written) - written

    def _at_home(self, state: State) -> bool:
        inside = (
            directory is not None and (directory == self.base or directory.startswith(self.base.rstrip("/") + "/"))
            for directory in state.directories
        )
        return state.stdin.kind == "none" and not state.functions and all(inside)


def read_command(
    text: str, place: Place, *, directory: str, base: str, covering: Callable[[tuple[Word, ...]], str]
) -> Reading:
    """Read a command that would start in `directory`. `covering` gives the allow rule that covers a call, or nothing;
    it holds only in `base` and below."""
    try:
        script = parse(text, home=place.home)
        plain = tuple(_plain(script))
        reader = _Reader(place, covering=covering, plain=frozenset(map(id, plain)), base=base)
        reader.node(script, State(directories=(directory,)))
    except (Unreadable, RecursionError):
        return Reading(readable=False)
    return Reading(
        tuple(reader.calls),
        reader.understood,
        bool(reader.used) and all(finding.verdict == "allow" for finding in reader.findings),
        tuple(reader.used),
        tuple(path for path in reader.written if path not in reader.excused),
        tuple(reader.covered_in),
    )


def plain_calls(text: str) -> list[tuple[str, ...]]:
    """The words of each call, where the command is made of nothing but plain calls; else empty."""
    try:
        script = parse(text)
    except (Unreadable, RecursionError):
        return []
    plain = list(_plain(script))
    complete = len(plain) == sum(1 for _ in _all_simple(script)) and all(
        word.known and not word.nested for words in plain for word in words
    )
    return [tuple(word.text for word in words) for words in plain] if complete else []


def _plain(node: Node) -> Iterator[tuple[Word, ...]]:
    """The calls that stand plainly in a script; none where it defines a function."""
    if any(isinstance(each, Function) for each in _nodes(node)):
        return
    yield from _plain_in(node)


def _plain_in(node: Node) -> Iterator[tuple[Word, ...]]:
    if isinstance(node, Function) or not all(map(_harmless, node.redirects)):
        return
    if isinstance(node, Simple):
        if node.words and not node.assignments and not any(word.nested for word in node.words):
            yield node.words
    else:
        for part in node.parts:
            yield from _plain_in(part)


def _harmless(redirect: Redirect) -> bool:
    """Whether the redirection touches no file: `2>&1`, `>/dev/null`."""
    if redirect.target is None:
        return False
    return redirect.target.text == "/dev/null" or (redirect.operator == ">&" and redirect.target.text in ("1", "2"))


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Function):
        yield from _nodes(node.body)
        return
    words = node.words if isinstance(node, Compound) else (*node.words, *(value for _, value in node.assignments))
    for word in words:
        for nested in word.nested:
            yield from _nodes(nested)
    if isinstance(node, Compound):
        for part in node.parts:
            yield from _nodes(part)


def _all_simple(node: Node) -> Iterator[Simple]:
    return (each for each in _nodes(node) if isinstance(each, Simple))
