"""Programs that start the program named by their arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hermes_terminal.rules.environment import judge_assignment
from hermes_terminal.rules.program import Early, Program, Table
from hermes_terminal.rules.state import Arguments, Input, State
from hermes_terminal.shell.script import UNKNOWN, Simple, Unreadable, Word, names
from hermes_terminal.shell.syntax import parse

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case

__all__ = ["PROGRAMS"]


def wrapper(
    valued: str = "", *, always: str = "", asks: dict[str, str] | None = None, skip: int = 0, writes: str = ""
) -> Program:
    """A program that starts the rest of its arguments, after `skip` of its own."""

    def then(case: Case, arguments: Arguments) -> None:
        start = 1 + arguments.rest_at
        if arguments.rest:
            case.inner(case.words[start + skip :])

    return Early(valued=valued, always=always, asks=asks or {}, variables=None, then=then, writes=writes)


def _env(case: Case, arguments: Arguments) -> None:
    words = list(arguments.rest)
    text = arguments.value("-S", "--split-string")
    if text is not None:
        words = [*_split_string(case, text), *words]
    while words and _is_assignment(words[0]):
        name, _, value = words.pop(0).text.partition("=")
        reason = judge_assignment(name, Word(value), case.place)
        if reason:
            case.ask(reason)
    if arguments.given("-C", "--chdir"):
        case.ask("It runs in another folder.")
    case.inner(words)


def _is_assignment(word: Word) -> bool:
    name, equals, _ = word.text.partition("=")
    return bool(equals) and UNKNOWN not in name and "/" not in name


def _split_string(case: Case, text: Word) -> list[Word]:
    """What `env -S` makes of its argument, where that is plain."""
    try:
        parts = parse(text.text, home=case.place.home).parts if UNKNOWN not in text.text else ()
    except Unreadable:
        parts = ()
    part = parts[0] if len(parts) == 1 else None
    if not isinstance(part, Simple) or part.redirects or any(char in text.text for char in "\\$`#"):
        case.ask("`env -S` splits a text into a command in its own way.")
        return []
    return [*(Word(f"{name}={value.text}") for name, value in part.assignments), *part.words]


def _sudo(case: Case, arguments: Arguments) -> None:
    words = list(arguments.rest)
    while words and _is_assignment(words[0]):
        words.pop(0)
    case.inner(words)


def _su(case: Case, arguments: Arguments) -> None:
    text = arguments.value("-c", "--command")
    if text is not None:
        case.script(text, "`su -c`")


def _xargs(case: Case, arguments: Arguments) -> None:
    replaced = arguments.value("-I", "--replace", "-J")
    words = list(arguments.rest) or [Word("echo")]
    mark = replaced.text if replaced is not None else "{}" if arguments.given("-i", "--replace") else ""
    if mark:
        words = [Word(word.text.replace(mark, UNKNOWN)) if mark in word.text else word for word in words]
    else:
        words.append(Word(UNKNOWN))
    case.inner(words, state=replace(case.state, stdin=Input("unknown")))


def _shell_text(case: Case, arguments: Arguments) -> None:
    """`watch`: the rest is joined and given to a shell."""
    case.script(Word(" ".join(word.text for word in arguments.rest)), case.name)


def _ssh(case: Case, arguments: Arguments) -> None:
    elsewhere(case, arguments.rest[1:])


def elsewhere(case: Case, words: list[Word]) -> None:
    """Judge what runs on another machine or in a container: no workspace there, and another home."""
    if not words:
        return
    before, case.judge.place = case.judge.place, replace(case.place, workspace="", agent_home="")
    state = State(directories=(None,), stdin=case.state.stdin)
    try:
        if len(words) == 1 and " " in words[0].text:
            case.script(words[0], case.name, state=state)
        else:
            case.inner(words, state=state)
    finally:
        case.judge.place = before


def _busybox(case: Case, arguments: Arguments) -> None:
    case.inner(case.arguments)


def _flock(case: Case, arguments: Arguments) -> None:
    text = arguments.value("-c", "--command")
    if text is not None:
        case.script(text, "`flock -c`")
    elif arguments.rest:
        rest = arguments.rest[1:]
        if rest and rest[0].text in ("-c", "--command"):
            case.script(rest[1], "`flock -c`") if len(rest) > 1 else None
        else:
            case.inner(rest)


_OTHER_USER = "It runs with the rights of another user."
_RUNNERS = names(
    "tsc eslint prettier jest vitest mocha biome rollup vite webpack esbuild babel tsx ts-node stylelint "
    "next nuxt astro playwright cypress nyc c8 turbo nx lerna commitlint markdownlint svgo depcheck knip"
)
_JS_PACKAGE = "It may download a package and run it."


def _npx(case: Case, arguments: Arguments) -> None:
    name = arguments.rest[0] if arguments.rest else None
    if (
        name is None
        or not name.known
        or name.text not in _RUNNERS
        or arguments.given("-p", "--package", "-c", "--call", "-y", "--yes")
    ):
        case.ask(_JS_PACKAGE)
    case.runs_project()


PROGRAMS: Table = {
    "sudo doas": Early(
        always=_OTHER_USER,
        valued="-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --chdir --chroot",
        then=_sudo,
    ),
    "su runuser": Program(always=_OTHER_USER, valued="-c --command -s --shell -g -G -w", then=_su),
    "pkexec run0 systemd-run": wrapper(always=_OTHER_USER, valued="--user -u --unit -p --property"),
    "chroot nsenter unshare firejail bwrap proot fakeroot": wrapper(
        always="It runs in surroundings that are not judged.", skip=1
    ),
    "env": Early(valued="-u -C -S --unset --chdir --split-string", then=_env),
    "nice": wrapper("-n --adjustment"),
    "ionice": wrapper(
        "-c -n --class --classdata", asks={"-p": "It changes other processes.", "-P": "It changes other processes."}
    ),
    "nohup setsid caffeinate catchsegv unbuffer": wrapper(),
    "renice": Program(always="It changes other processes."),
    "timeout gtimeout": wrapper("-s -k --signal --kill-after", skip=1),
    "time": wrapper("-f --format", writes="-o --output"),
    "stdbuf": wrapper("-i -o -e --input --output --error"),
    "taskset": wrapper("", skip=1, asks={"-p": "It changes other processes.", "--pid": "It changes other processes."}),
    "chrt": wrapper("", skip=1, asks={"-p": "It changes other processes.", "--pid": "It changes other processes."}),
    "strace ltrace": wrapper(
        "-e -p -s -u -E -a -b -O -S -P", writes="-o --output", asks={"-p": "It watches other processes."}
    ),
    "valgrind": wrapper(asks={"--db-command": "It runs another program through an option."}),
    "xvfb-run": wrapper("-n -s -e -f -p -w"),
    "xargs gxargs": Early(
        valued="-I -J -L -n -P -s -d -E -a --max-args --max-procs --max-lines --delimiter --arg-file --max-chars",
        asks={"-a": "It takes arguments from a file.", "--arg-file": "It takes arguments from a file."},
        then=_xargs,
    ),
    "watch": Early(valued="-n --interval", then=_shell_text),
    "parallel": Program(always="It builds commands in ways that are not judged."),
    "flock": Early(valued="-w -E -c --command --timeout", then=_flock),
    "script scriptreplay": Program(always="It records a shell that is not judged."),
    "busybox toybox": Early(then=_busybox),
    "ssh": Early(
        always="It runs on another machine.",
        valued="-B -b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w",
        then=_ssh,
    ),
    "npx bunx pnpx": Early(valued="-p --package", then=_npx),
    "uvx": Program(always=_JS_PACKAGE),
    "mise asdf direnv nix nix-shell devbox": Program(always="It sets up an environment that is not judged."),
}
