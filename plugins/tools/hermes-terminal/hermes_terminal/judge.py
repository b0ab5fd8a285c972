"""Judge a shell script: allow, ask or deny, the strictest over every command it could run.

This is a seat belt and not a sandbox: it reads what is written, not what programs do. Whatever it does not understand
is for a person to decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hermes_terminal.places import Place, secret
from hermes_terminal.rules import judge_program, table
from hermes_terminal.rules.case import Case, show
from hermes_terminal.rules.environment import judge_assignment, obeyed
from hermes_terminal.rules.state import Finding, Input, State, Verdict, stricter
from hermes_terminal.shell.script import Compound, Function, Node, Redirect, Simple, Unreadable, Word
from hermes_terminal.shell.syntax import parse

__all__ = ["Judgement", "judge"]

_MAX_DEPTH = 8
_MAX_STEPS = 10_000
_SECRET_MARKS = (
    "ssh",
    "gnupg",
    "shadow",
    "sudoers",
    "environ",
    "mem",
    ".env",
    "auth.json",
    "mcp-tokens",
    "webhook_subscriptions",
    "netrc",
    "pgpass",
    "credentials",
    ".pypirc",
    ".npmrc",
    "config",
    "hosts.yml",
    "vault-token",
    "*",
    "?",
    "[",
)
_OWN_PROCESS = frozenset({"subshell", "pipeline", "background"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge thinks of one script."""

    verdict: Verdict
    reason: str = ""
    written: tuple[str, ...] = ()
    """Absolute paths it would write or delete, not yet resolved through links."""
    readable: bool = True
    """False when the script could not be parsed."""
    programs: frozenset[str] | None = None
    """The names of all programs it would start; None when that cannot be told."""


@dataclass(slots=True)
class Judge:
    """One run over one script and all scripts inside it."""

    place: Place
    findings: list[Finding] = field(default_factory=list)
    written: dict[str, None] = field(default_factory=dict)
    programs: set[str] = field(default_factory=set)
    understood: bool = True
    depth: int = 0
    steps: int = 0

    def add(self, verdict: Verdict, reason: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(verdict, reason))

    def script(self, text: str, state: State) -> None:
        """Judge a script inside the script, such as the argument of `sh -c`."""
        self.depth += 1
        try:
            if self.depth > _MAX_DEPTH:
                self.add("ask", "It is nested too deeply to be judged.")
                return
            self.node(parse(text, home=self.place.home), state)
        except Unreadable as error:
            self.understood = False
            self.add("ask", f"Part of it cannot be judged: {error}.")
        finally:
            self.depth -= 1

    def node(self, node: Node, state: State) -> None:
        """Judge a command; `state` is changed as running it would change it."""
        self.steps += 1
        if self.steps > _MAX_STEPS:
            self.understood = False
            self.add("ask", "It is too complicated to be judged.")
            return
        if isinstance(node, Simple):
            self._simple(node, state)
        elif isinstance(node, Function):
            self._function(node, state)
        else:
            self._compound(node, state)

    def _function(self, node: Function, state: State) -> None:
        if _calls_itself_beside(node.body, node.name, beside=False):
            self.add("deny", "This is a fork bomb: a function that starts itself over and over.")
        if node.name in table():
            self.add("ask", f"It gives {node.name!r} another meaning for all later commands.")
        state.functions |= {node.name}
        self.node(node.body, replace(state, directories=(None,), stdin=Input("unknown")))

    def _compound(self, node: Compound, state: State) -> None:
        self._words(node.words, state)
        state_inside = replace(state) if node.kind in _OWN_PROCESS else state
        stdin = state.stdin
        self._redirects(node.redirects, state_inside)
        before = state_inside.directories
        match node.kind:
            case "pipeline":
                for number, part in enumerate(node.parts):
                    inner = replace(state_inside, stdin=Input("piped") if number else state_inside.stdin)
                    self.node(part, inner)
                    state_inside.absorb(inner)
            case "loop":
                if any(obeyed(word.text) for word in node.words):
                    self.add("ask", "It sets a variable that changes what other programs do.")
                self._parts(node.parts, state_inside)
                if state_inside.directories != before:
                    state_inside.directories = (None,)
                    self._parts(node.parts, state_inside)
            case "and":
                self._parts(node.parts, state_inside)
                state_inside.also(before)
            case "if" | "case":
                for part in node.parts:
                    start = state_inside.directories
                    self.node(part, state_inside)
                    state_inside.also(start)
            case _:
                for part in node.parts:
                    start = state_inside.directories
                    self.node(part, state_inside)
                    if state_inside.moved:
                        state_inside.also(start)
                        state_inside.moved = False
        state_inside.stdin = stdin
        if state_inside is not state:
            state.absorb(state_inside)

    def _parts(self, parts: tuple[Node, ...], state: State) -> None:
        for part in parts:
            self.node(part, state)

    def _simple(self, node: Simple, state: State) -> None:
        self._words(node.words, state)
        for name, value in node.assignments:
            self._words((value,), state)
            reason = judge_assignment(name, value, self.place)
            if reason:
                self.add("ask", reason)
        stdin = state.stdin
        self._redirects(node.redirects, state)
        if node.words:
            self.words(node.words, state)
        if not (node.words and node.words[0].text == "exec" and len(node.words) == 1):
            state.stdin = stdin
        elif state.stdin != stdin:
            self.add("ask", "It changes where all later commands read from.")

    def words(self, words: tuple[Word, ...], state: State) -> None:
        """Judge a program with its arguments."""
        self.programs.add(words[0].text.rpartition("/")[2])
        judge_program(Case(words, state, self))

    def _words(self, words: tuple[Word, ...], state: State) -> None:
        for word in words:
            for nested in word.nested:
                inner = replace(state)
                self.node(nested, inner)
                state.absorb(inner)
            text = word.text
            if state.in_secrets or (("/" in text or "." in text) and any(mark in text for mark in _SECRET_MARKS)):
                self.reads(word, state)

    def reads(self, word: Word, state: State) -> None:
        """Ask when the word names a file with secrets."""
        for directory in state.directories:
            path = self.place.join(directory, word.text)
            if word.glob and not self.place.contains(path) and _hidden_by_pattern(path):
                self.add("ask", f"It reads hidden files by a pattern ({show(word)}).")
                return
            why = secret(self.place.join(directory, word.text.rpartition("=")[2]), self.place)
            if why:
                self.add("ask", f"It reads {why} ({show(word)}).")
                return

    def _redirects(self, redirects: tuple[Redirect, ...], state: State) -> None:
        for redirect in redirects:
            if redirect.body is not None:
                self._words((redirect.body,), state)
                state.stdin = Input("text", redirect.body)
                continue
            target = redirect.target
            assert target is not None
            self._words((target,), state)
            if redirect.operator in (">&", "<&") and target.text.isdigit():
                if target.text not in ("0", "1", "2"):
                    self.add("ask", "Its redirections are unusual.")
            elif redirect.operator == "<&" or (redirect.operator == ">&" and target.text.startswith("-")):
                self.add("ask", "Its redirections are unusual.")
            elif target.text.startswith(("/dev/tcp/", "/dev/udp/")):
                self.add("ask", "It opens a network connection through the shell.")
            elif redirect.operator == "<":
                state.stdin = Input("none") if target.text == "/dev/null" else Input("file", target)
            else:
                Case((target,), state, self).write(target, "writes to")


def _hidden_by_pattern(path: str) -> bool:
    return any(part.startswith(".") and not set("*?[").isdisjoint(part) for part in path.split("/"))


def _calls_itself_beside(node: Node, name: str, *, beside: bool) -> bool:
    """Whether a function starts itself in a pipeline or in the background."""
    if isinstance(node, Simple):
        return beside and bool(node.words) and node.words[0].text == name
    if isinstance(node, Function):
        return _calls_itself_beside(node.body, name, beside=beside)
    inside = beside or node.kind in ("pipeline", "background")
    return any(_calls_itself_beside(part, name, beside=inside) for part in node.parts)


def judge(text: str, place: Place, *, directory: str | None = "") -> Judgement:
    """Judge a script that would start in `directory`: the workspace when empty, anywhere when None."""
    start = (directory or place.workspace or None) if directory is not None else None
    try:
        script = parse(text, home=place.home)
    except Unreadable as error:
        return Judgement("ask", f"The command cannot be judged: {error}.", readable=False)
    judge = Judge(place)
    try:
        judge.node(script, State(directories=(start,)))
    except RecursionError:
        judge.understood = False
        judge.add("ask", "It is nested too deeply to be judged.")
    worst = Finding("allow", "")
    for finding in judge.findings:
        worst = stricter(worst, finding)
    programs = frozenset(judge.programs) if judge.understood else None
    return Judgement(worst.verdict, worst.reason, tuple(judge.written), programs=programs)
