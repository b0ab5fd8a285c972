"""What the shell does itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hermes_terminal.rules.environment import judge_assignment, obeyed
from hermes_terminal.rules.program import Early, Program
from hermes_terminal.shell.script import UNKNOWN, Word

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]


def _cd(case: Case, arguments: Arguments) -> None:
    state = case.state
    target = arguments.rest[0] if arguments.rest else Word(case.place.home or UNKNOWN)
    if case.name == "popd" or not target.known or target.text.startswith(("-", "+")):
        state.directories = (None,)
    else:
        joined = tuple(case.place.join(directory, target.text) for directory in state.directories)
        state.directories = tuple(dict.fromkeys(None if UNKNOWN in path else path for path in joined))
    state.moved = True


def _hides_code(case: Case, arguments: Arguments) -> None:
    """Subscripts are evaluated as arithmetic, and arithmetic can run commands."""
    for word in case.arguments:
        if "$(" in word.text or "`" in word.text or ("[" in word.text and case.name not in ("[", "test")):
            case.ask("It hands code to the shell where a name or number belongs.")


def _names_variables(case: Case, words: Iterable[Word]) -> None:
    for word in words:
        name = word.text.removeprefix("-v")
        if UNKNOWN in name or obeyed(name):
            case.ask("It sets a variable that changes what other programs do.")


def _read(case: Case, arguments: Arguments) -> None:
    _hides_code(case, arguments)
    _names_variables(case, arguments.rest)


def _printf(case: Case, arguments: Arguments) -> None:
    if any(word.text.startswith("-v") for word in case.arguments[:1]):
        _hides_code(case, arguments)
        _names_variables(case, case.arguments[:2])


def _declare(case: Case, arguments: Arguments) -> None:
    _hides_code(case, arguments)
    if arguments.given("-n") and case.name not in ("export", "unset"):
        case.ask("It gives a variable a second name.")
    if case.name == "unset":
        _names_variables(case, arguments.rest)
    for word in arguments.rest:
        name, equals, value = word.text.partition("=")
        if UNKNOWN in name:
            case.ask("It sets a variable known only when it runs.")
        elif equals:
            reason = judge_assignment(name, replace(word, text=value), case.place)
            if reason:
                case.ask(reason)


def _eval(case: Case, arguments: Arguments) -> None:
    words = [word for word in case.arguments if word.text != "--"]
    text = Word(" ".join(word.text for word in words), any(word.glob for word in words))
    case.script(text, "`eval`", state=case.state)


def _trap(case: Case, arguments: Arguments) -> None:
    if arguments.rest and len(arguments.rest) > 1 and arguments.rest[0].text not in ("", "-"):
        case.script(arguments.rest[0], "`trap`")


def _source(case: Case, arguments: Arguments) -> None:
    if arguments.rest:
        case.run_file(arguments.rest[0])


def _kill(case: Case, arguments: Arguments) -> None:
    words = list(case.arguments)
    if any(word.text in ("-l", "-L", "-0") for word in words):
        return
    if words and words[0].text in ("-s", "-n"):
        words = words[2:]
    elif (
        words
        and words[0].text.startswith("-")
        and words[0].text not in ("-1", "--")
        or len(words) > 1
        and words[0].text == "-1"
    ):
        words = words[1:]
    for word in words:
        text = word.text
        if text == "--":
            continue
        if not word.known:
            case.ask("It ends a process known only when it runs.")
        elif text.startswith("-") or text in ("0", "1"):
            case.ask("It ends many processes at once.")
        elif not text.startswith("%"):
            case.ask(f"It ends process {text}, which another program may need.")


def _exec(case: Case, arguments: Arguments) -> None:
    case.inner(arguments.rest)


def _command(case: Case, arguments: Arguments) -> None:
    if not arguments.given("-v", "-V"):
        case.inner(arguments.rest)


def _shopt(case: Case, arguments: Arguments) -> None:
    if any(
        word.text
        not in ("nullglob", "globstar", "dotglob", "failglob", "nocaseglob", "extglob", "pipefail", "nocasematch")
        for word in arguments.rest
    ):
        case.ask("It changes how the shell reads commands.")


def _set(case: Case, arguments: Arguments) -> None:
    for word in case.arguments:
        if word.text.startswith(("-", "+")) and not set(word.text[1:]) <= set("euxoCfnvhBm-"):
            case.ask("It changes how the shell reads commands.")


_CODE = "It gives the shell code for later."

PROGRAMS: dict[str, Program] = {
    ": exit return break continue shift jobs bg disown dirs getopts umask ulimit suspend logout caller": Program(),
    "cd pushd popd chdir": Program(variables=True, then=_cd),
    "[ test let": Program(then=_hides_code),
    "printf": Program(then=_printf),
    "read": Program(valued="-a -d -i -n -N -p -t -u", then=_read),
    "local declare typeset export readonly unset": Program(then=_declare),
    "eval": Program(then=_eval),
    "trap": Program(then=_trap),
    "source .": Program(then=_source),
    "kill": Program(then=_kill),
    "exec": Early(valued="-a", then=_exec),
    "command builtin": Early(then=_command),
    "mapfile readarray": Program(asks=dict.fromkeys(("-C", "-c"), _CODE), valued="-d -n -O -s -u", then=_hides_code),
    "shopt": Program(then=_shopt),
    "set": Program(variables=True, then=_set),
    "alias": Program(always=_CODE),
    "unalias": Program(),
    "enable hash bind complete compgen compopt fc history coproc": Program(
        always="It changes how the shell finds or runs commands."
    ),
    "fg": Program(),
}
