"""What a shell remembers from one command to the next, as text that the shell itself writes and reads back.

Every command runs in a shell of its own, which begins by restoring the state of the last completed command and ends by
writing its own. A long-lived shell would save the start (1.5 ms), but it dies of `exit`, `exec`, `set -e` and signals,
hangs on an open quote, mixes the output of what runs in the background into the next command, and cannot be killed
without losing everything; so it would need all of this as well.

The script is `eval`ed from a quoted string, so that nothing in it (an open quote, a here-document without an end) can
reach the lines around it. The state comes back on standard error, which is free because the script's own standard error
goes where its output goes, and in their order; in a pseudo-terminal it comes between the output. Either way it is
framed by a random word, so nothing of it lies in a file, and nothing but `Terminal.run` is needed.

What a fresh shell looks like is asked once, before the first command. Only what differs from it is restored: most of
the time a directory and a few variables. In bash these are variables of every kind, functions, aliases, options (`set`,
`shopt`), the umask and the directory. A plain POSIX shell cannot list its functions, so there they are missing, and
everything else is restored. Never kept: traps, `set -n`, the directory stack, `ulimit`,
and `set -e` of a shell that ended by `exit` or by `set -e` itself (in a terminal that shell would be gone).
A script that replaces the EXIT trap *and* calls `exit` keeps the state before it.
"""

from __future__ import annotations

import asyncio
import posixpath
import re
import secrets
import shlex
from contextlib import aclosing
from typing import TYPE_CHECKING

from hermes_host.protocols import Command, Output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.protocols import Terminal

__all__ = ["Frames", "ShellState"]

_CHANGING_NAMES = """
    BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_COMMAND BASH_EXECUTION_STRING
    BASH_LINENO BASH_REMATCH BASH_SOURCE BASH_SUBSHELL BASH_VERSINFO BASH_VERSION DIRSTACK EPOCHREALTIME
    EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD LINENO PIPESTATUS PPID PWD RANDOM SRANDOM SECONDS SHELLOPTS SHLVL UID
    _
"""
_CHANGING = frozenset(_CHANGING_NAMES.split())
"""Variables that bash makes itself."""
_OURS = "__hermes_"
_STATE_AT_MOST = 16 << 20
"""Bytes of state after which a command's changes are forgotten rather than kept in memory."""

_BASH_FD = 198
_POSIX_FD = 9  # dash takes one digit only

# The options come first: once they are written they are switched off, for what follows must neither be traced nor fail.
# bash writes line by line, each with a system call that wakes the reader: `shopt -p` alone would be 50 of them.
_BASH_SECTIONS = (
    'builtin printf %s "$SHELLOPTS"',
    "builtin declare -p",
    "builtin declare -f",
    "builtin declare -F",
    "builtin alias -p",
    'builtin printf %s "$BASHOPTS"',
    "builtin umask -p",
    'builtin printf %s "$PWD"',
)
_POSIX_SECTIONS = ("set +o", "set", "export -p", "alias", "umask", 'printf %s "$PWD"')


class Frames:
    """Takes framed blocks out of a stream of bytes; what is outside them is passed on."""

    def __init__(self, word: str) -> None:
        self.word = word
        self._begin = f"\0{word}<".encode()
        self._end = f"\0{word}>".encode()
        self._buffer = b""
        self._inside = False
        self._too_long = False
        self.blocks: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Take in more; gives the part that belongs to no block."""
        passed = []
        self._buffer += data
        while True:
            mark = self._end if self._inside else self._begin
            at = self._buffer.find(mark)
            if at < 0:
                break
            before, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
            if not self._inside:
                passed.append(before)
            elif not self._too_long:
                self.blocks.append(before.replace(b"\r\n", b"\n"))
            self._inside, self._too_long = not self._inside, False
        keep = len(self._end) - 1
        if self._inside:
            if len(self._buffer) > _STATE_AT_MOST:
                self._buffer, self._too_long = self._buffer[-keep:], True
        else:
            # The beginning of a mark may have come.
            at = self._buffer.rfind(b"\0")
            cut = at if at >= 0 and self._begin.startswith(self._buffer[at:]) else len(self._buffer)
            passed.append(self._buffer[:cut])
            self._buffer = self._buffer[cut:]
        return b"".join(passed)

    def finish(self) -> bytes:
        """What was held back and belongs to no block after all."""
        rest, self._buffer = self._buffer, b""
        return b"" if self._inside else rest


class ShellState:
    """The state after the last completed command."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._preparing = asyncio.Lock()
        self._prepared = False
        self._baseline: tuple[str, ...] | None = None
        self._baseline_variables: Mapping[str, str] = {}
        self._restore = ""
        self._tracing = ""

    def below(self, directory: str) -> str:
        """The absolute path of `directory` as seen from where the shell is; empty means just there."""
        if not directory:
            return self.directory
        return directory if directory.startswith("~") else posixpath.join(self.directory, directory)

    async def prepare(self, terminal: Terminal) -> None:
        """Learn, before the first command, which shell the terminal has and what a fresh one looks like."""
        async with self._preparing:
            if self._prepared:
                return
            word = _new_word()
            frames = Frames(word)
            fresh = f"{_OURS}kind=fresh; exec {_BASH_FD}>&2; {_writing(_BASH_SECTIONS, word, _BASH_FD, 'builtin ')}"
            # As before every command, so that only what a command changes is seen as changed.
            script = f"shopt -s expand_aliases; {fresh}"
            command = Command(script=f'if [ -n "$BASH_VERSION" ]; then eval {shlex.quote(script)}; fi', timeout=60)
            async with aclosing(terminal.run(command)) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Output) and event.stream == 2:
                        frames.feed(event.data)
            for block in frames.blocks:
                sections = block.decode("utf-8", "surrogateescape").split("\0")[1:]
                self._baseline = tuple(sections)
                self._baseline_variables = _variables(sections[1])
            self._prepared = True

    def wrap(self, script: str, *, pty: bool, save: bool = True) -> tuple[str, Frames]:
        """The whole text for the shell, and what takes the state out of the output. Without `save` nothing is kept."""
        word = _new_word()
        text = self._bash_text if self._baseline is not None else self._posix_text
        return text(script, word, pty, save), Frames(word)

    def _bash_text(self, script: str, word: str, pty: bool, save: bool) -> str:
        """Everything on one line, so that line numbers in messages are right and `set -v` shows nothing of ours."""
        parts = ["shopt -s expand_aliases", *_opening(word, _BASH_FD, pty)]
        if self._restore:
            parts.append(f"eval {_ansi_quoted(self._restore)} 2>/dev/null")
        if save:
            parts.append(f"{_OURS}write={_ansi_quoted(_writing(_BASH_SECTIONS, word, _BASH_FD, 'builtin '))}")
            parts.append(_saving_at_exit("builtin "))
        else:
            parts.append(f"exec {_BASH_FD}>&-")
        # A space, for a script that begins with a dash.
        parts.append(f"builtin eval {_ansi_quoted(self._tracing + ' ' + script)}")
        if save:
            parts.append(_saving("builtin "))
        return "; ".join(parts)

    def _posix_text(self, script: str, word: str, pty: bool, save: bool) -> str:
        parts = _opening(word, _POSIX_FD, pty)
        if self._restore:
            parts.append(f"eval {shlex.quote(self._restore)} 2>/dev/null")
        if save:
            parts.append(f"{_OURS}write={shlex.quote(_writing(_POSIX_SECTIONS, word, _POSIX_FD))}")
            parts.append(_saving_at_exit())
        else:
            parts.append(f"exec {_POSIX_FD}>&-")
        parts.append(f"eval {shlex.quote(self._tracing + ' ' + script)}")
        if save:
            parts.append(_saving())
        return "; ".join(parts)

    def absorb(self, blocks: list[bytes], code: int) -> None:
        """Take over what a completed command left. What does not look like a state is ignored."""
        for block in blocks:
            kind, *sections = block.decode("utf-8", "surrogateescape").split("\0")
            if kind not in ("ended", "exited") or (kind == "exited" and code >= 128):
                continue  # a signal ended the shell
            if self._baseline is None and len(sections) > len(_POSIX_SECTIONS):
                self._absorb_posix(sections, exited=kind == "exited")
            elif self._baseline is not None and len(sections) > len(_BASH_SECTIONS):
                self._absorb_bash(sections, self._baseline, exited=kind == "exited")

    def _absorb_bash(self, sections: list[str], fresh: tuple[str, ...], *, exited: bool) -> None:
        options, declared, functions, exported, aliases, shopt, umask, directory = sections[:8]
        variables = _variables(declared)
        lines = []
        gone = [name for name in self._baseline_variables if name not in variables]
        if gone:
            lines.append("unset -v " + " ".join(gone))
        lines += [text for name, text in variables.items() if self._baseline_variables.get(name) != text]
        if functions != fresh[2]:
            lines.append(functions)
            lines += [line for line in exported.splitlines() if re.match(r"declare -f\w*x", line)]
        if aliases != fresh[4]:
            lines.append("unalias -a")
            lines += _starting_with(aliases, "alias ")
        if umask != fresh[6]:
            lines.append(umask)
        lines += _switches("shopt -s", "shopt -u", shopt, fresh[5])
        self._set_options(_switches("set -o", "set +o", options, fresh[0]), lines, exited)
        self._restore = "\n".join(lines)
        self.directory = directory

    def _absorb_posix(self, sections: list[str], *, exited: bool) -> None:
        options, variables, exported, aliases, umask, directory = sections[:6]
        lines = [variables, exported, *(f"alias {line}" for line in aliases.splitlines()), f"umask {umask}"]
        self._set_options(options.splitlines(), lines, exited)
        self._restore = "\n".join(lines)
        self.directory = directory

    def _set_options(self, options: list[str], lines: list[str], exited: bool) -> None:
        never = {"noexec", "errexit"} if exited else {"noexec"}
        kept = [line for line in options if line.split()[-1:] and line.split()[-1] not in never]
        tracing = [line for line in kept if line.split()[-1] in ("xtrace", "verbose") and " -o " in f"{line} "]
        lines += [line for line in kept if line not in tracing]
        # Set together with the script, or the restoring itself would be traced.
        self._tracing = "".join(f"{line}; " for line in tracing)


def _new_word() -> str:
    # No digit first: it would be read as part of the \\0 before it.
    return "hermes-" + secrets.token_hex(8)


def _writing(sections: tuple[str, ...], word: str, fd: int, builtin: str = "") -> str:
    """Code that writes the state as one block."""
    zero = f"{builtin}printf '\\0'"
    options, *rest = (f"{section}; {zero}" for section in sections)
    return (
        f"{{ {builtin}printf '\\0{word}<%s\\0' \"${_OURS}kind\"; {options}; {builtin}set +exuv; {'; '.join(rest)};"
        f" {builtin}printf '\\0{word}>'; }} >&{fd} 2>/dev/null"
    )


def _opening(word: str, fd: int, pty: bool) -> list[str]:
    """Put standard error aside for the state, and say the process id."""
    return [f"exec {fd}>&2" + ("" if pty else " 2>&1"), f"printf '\\0{word}<pid\\0%s\\0{word}>' $$ >&{fd}"]


def _saving(builtin: str = "") -> str:
    write = f'{_OURS}code=$?; {_OURS}kind=ended; {builtin}eval "${_OURS}write"; {_OURS}write='
    return f"{{ {write}; }} 2>/dev/null; {builtin}exit ${_OURS}code"


def _saving_at_exit(builtin: str = "") -> str:
    return f"{builtin}trap '{{ {_OURS}kind=exited; {builtin}eval \"${_OURS}write\"; }} 2>/dev/null' EXIT"


def _ansi_quoted(text: str) -> str:
    """Quoted for bash on a single line; empty text gives nothing."""
    if not text:
        return ""
    if "\n" not in text:
        return shlex.quote(text)
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"$'{escaped}'"


def _starting_with(text: str, beginning: str) -> list[str]:
    """The entries of a listing whose values may go over several lines."""
    entries: list[str] = []
    for line in text.split("\n"):
        if line.startswith(beginning):
            entries.append(line)
        elif entries and line:
            entries[-1] += "\n" + line
    return entries


_DECLARATION = re.compile(r"declare -\S+ ([A-Za-z_][A-Za-z0-9_]*)(?:=|$)")


def _variables(listing: str) -> dict[str, str]:
    """The output of `declare -p` by name, without what bash makes itself and what is ours."""
    found: dict[str, str] = {}
    name = ""
    for line in listing.split("\n"):
        match = _DECLARATION.match(line)
        if match:
            name = match[1]
            found[name] = line
        elif name:
            found[name] += "\n" + line
    return {
        name: text.rstrip("\n") for name, text in found.items() if name not in _CHANGING and not name.startswith(_OURS)
    }


def _switches(on: str, off: str, now: str, fresh: str) -> list[str]:
    """What turns the options of a fresh shell into those there are now; both are lists joined by colons."""
    have, had = set(now.split(":")), set(fresh.split(":"))
    return [*(f"{off} {name}" for name in sorted(had - have)), *(f"{on} {name}" for name in sorted(have - had))]
