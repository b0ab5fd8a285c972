"""Shells, interpreters and editors: programs whose arguments or input are programs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hermes_terminal.rules.case import Case
from hermes_terminal.rules.packages import pip
from hermes_terminal.rules.program import Program, Table
from hermes_terminal.shell.script import Word, names

if TYPE_CHECKING:
    from hermes_terminal.rules.state import Arguments

__all__ = ["INTERACTIVE", "PROGRAMS", "SHELLS"]

SHELLS = names("sh bash dash zsh ksh mksh ash rbash fish")
"""Programs whose input lines are shell commands."""

_READS_START_FILES = "It makes the shell read a file first."


class _Shell(Program):
    """`sh -c text`, `sh file`, and a shell fed through its input."""

    def apply(self, case: Case) -> None:
        words = list(case.arguments)
        letters = ""
        while words and words[0].text[:1] in ("-", "+") and len(words[0].text) > 1:
            option = words.pop(0)
            if not option.known:
                case.ask("A variable stands where the shell takes options.")
            if option.text == "--":
                break
            name = option.text.partition("=")[0]
            if name in ("--rcfile", "--init-file", "--debugger", "--dump-po-strings", "--rpm-requires"):
                case.ask(_READS_START_FILES)
                words = words[1:] if "=" not in option.text else words
            elif name in ("-o", "+o", "-O", "+O"):
                words = words[1:]
            elif name == "--version" or name == "--help":
                return
            elif not name.startswith("--"):
                letters += name[1:]
                if "o" in name[1:] or "O" in name[1:]:
                    words = words[1:]
        if "i" in letters or "l" in letters:
            case.ask(_READS_START_FILES) if "i" in letters else None
        if "c" in letters:
            self._text(case, words)
        elif words and "s" not in letters and words[0].text != "-":
            if case.name in ("zsh", "fish", "ksh", "mksh"):
                case.ask(f"{case.name!r} reads scripts differently from the shell that is judged.")
            case.run_file(words[0])
        else:
            self._input(case)

    def _text(self, case: Case, words: list[Word]) -> None:
        if not words:
            return
        if words[0].leads_unknown:
            case.ask("It runs code that is known only when it runs.")
            return
        if case.name in ("zsh", "fish", "ksh", "mksh"):
            case.ask(f"{case.name!r} reads scripts differently from the shell that is judged.")
        case.script(words[0], f"`{case.name} -c`")

    def _input(self, case: Case) -> None:
        stdin = case.state.stdin
        if stdin.kind == "text" and case.name not in ("zsh", "fish", "ksh", "mksh"):
            case.script(stdin.word, f"`{case.name}`", state=replace(case.state))
        else:
            case.reads_code(f"`{case.name}`")


def _interpreter(
    code: str, *, valued: str = "", asks: str = "", harmless: str = "--version -V -v --help -h"
) -> Program:
    """An interpreter.

    `code` names options that bring code along, `valued` those with a value, `asks` those that load more code.
    """
    inline = code.split()
    plain = frozenset(harmless.split())

    def then(case: Case, arguments: Arguments) -> None:
        if arguments.given(*inline):
            case.ask(f"It gives {case.name!r} code that is not judged.")
            return
        if arguments.rest:
            first = arguments.rest[0]
            if first.text == "-" or first.text.startswith("/dev/"):
                _from_input(case)
            else:
                case.run_file(first)
        elif not any(option in plain for option, _ in arguments.options):
            _from_input(case)

    return _Interpreter(
        valued=f"{code} {valued}", asks=dict.fromkeys(asks.split(), "It loads code that is not judged."), then=then
    )


class _Interpreter(Program):
    """Its own options end at the first other word."""

    def apply(self, case: Case) -> None:
        arguments = case.split(self.valued, stop_early=True)
        for option, reason in self.asks.items():
            if arguments.given(option):
                case.ask(reason)
        assert self.then is not None
        self.then(case, arguments)


def _from_input(case: Case) -> None:
    case.reads_code(case.name)
    if case.state.stdin.kind == "none" and any(word.text == "-" for word in case.arguments):
        case.ask(f"It gives {case.name!r} code that is not judged.")


_MODULES = names(
    "pytest unittest doctest mypy ruff black isort flake8 pylint pyright coverage json.tool venv virtualenv "
    "build compileall py_compile tokenize site sysconfig platform this calendar nox tox pre_commit mkdocs "
    "sphinx"
)


def _python(case: Case, arguments: Arguments) -> None:
    at = next((i for i, (option, _) in enumerate(arguments.options) if option in ("-c", "-m")), None)
    option, value = arguments.options[at] if at is not None else ("", None)
    if option == "-c":
        case.ask("It gives Python code that is not judged.")
    elif option == "-m" and value is not None and value.text == "pip":
        start = next(i for i, word in enumerate(case.words) if word.text == "pip" or word.text.endswith("mpip"))
        pip.apply(Case(case.words[start:], case.state, case.judge))
    elif option == "-m" and (value is None or value.text not in _MODULES):
        case.ask("It runs a Python module that is not judged.")
    elif option == "-m":
        case.runs_project()
    elif arguments.rest:
        first = arguments.rest[0]
        if first.text == "-" or first.text.startswith("/dev/"):
            _from_input(case)
        else:
            case.run_file(first)
    elif not arguments.given("-V", "--version", "-h", "--help"):
        _from_input(case)


class _Python(Program):
    """`-c` and `-m` end the options of Python itself."""

    def apply(self, case: Case) -> None:
        arguments = case.split("-c -m -W -X --check-hash-based-pycs", stop_early=True)
        _python(case, arguments)


_ESCAPES = "It can start other programs and change any file."
_NOT_JUDGED = "Its language is not judged."

PROGRAMS: Table = {
    "sh bash dash zsh ksh mksh ash rbash fish": _Shell(),
    "python python3 python3.8 python3.9 python3.10 python3.11 python3.12 python3.13 python3.14 python2 pypy "
    "pypy3": _Python(),
    "node nodejs": _interpreter(
        "-e -p --eval --print -pe",
        asks="-r --require --import --loader --experimental-loader",
        valued="-r --require --import --loader -C",
    ),
    "perl": _interpreter("-e -E -n -p -i", valued="-I -M -m", asks="-M -m -I -x -d -s -S", harmless="-v --version"),
    "ruby": _interpreter("-e -n -p -i", valued="-I -r -C", asks="-r -I -x -C", harmless="-v --version"),
    "php": _interpreter("-r -R -B -E -F", valued="-d -c -S -t", asks="-d -c -S -a", harmless="-v --version -m -i"),
    "lua luajit": _interpreter("-e", valued="-l", asks="-l", harmless="-v"),
    "Rscript R": _interpreter("-e", asks="--file", harmless="--version"),
    "java": _interpreter("", valued="-cp -classpath", asks="-javaagent", harmless="-version --version"),
    "deno": Program(always=_NOT_JUDGED),
    "osascript tclsh wish expect julia groovy scala clojure elixir iex erl swift guile racket sbcl awkcc "
    "jshell irb pry ipython bpython ghci ghc runghc octave matlab maxima gp "
    "sage": Program(always=_NOT_JUDGED),
    "pwsh powershell powershell.exe pwsh.exe cmd cmd.exe wsl wsl.exe rundll32 cscript wscript mshta": Program(
        always="It starts a shell whose language is not judged."
    ),
    "vi vim nvim view ex ed red nano pico emacs emacsclient micro helix hx joe code subl": Program(always=_ESCAPES),
    "gdb lldb": Program(always=_ESCAPES),
    "tmux screen zellij dtach abduco": Program(always="It starts shells that are not judged."),
    "at batch": Program(always="It starts commands later, when nobody looks."),
}

INTERACTIVE = names(
    "python python3 python2 pypy pypy3 node nodejs perl ruby php lua luajit R deno osascript tclsh wish "
    "expect julia groovy scala clojure elixir iex erl swift guile racket sbcl jshell irb pry ipython "
    "bpython ghci octave pwsh powershell cmd wsl vi vim nvim view ex ed red nano pico emacs micro hx joe "
    "gdb lldb tmux screen less more most man info top htop psql mysql mariadb sqlite3 duckdb mongosh "
    "redis-cli ftp sftp telnet nc ncat netcat socat ssh docker podman kubectl bc dc awk gawk sed m4 xargs "
    "parallel tee"
)
"""Programs that may take what is typed as commands of their own."""
