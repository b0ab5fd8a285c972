"""The shell code that runs on the other machine.

A command there is two shells and what they run. The login shell that the server starts becomes, by `exec`, a small
`sh`, the *wrapper*, whose session and process group hold nothing else; and that runs the shell for the script. The code
for this shell, with the script and the environment in it, comes over standard input: no argument list ever shows it.
It is run only when it has arrived whole. The wrapper says on both streams when the command has ended, behind the last
byte it wrote: neither the server's word about its exit, which overtakes output, nor the end of the streams, which
children in the background hold open, says so.

Every process inherits the *mark* of its command (see `hermes_host.terminals.remote.wardens`). Another `sh`, the
*warden*, one for each connection, finds processes by it, with what descends from them and what shares their sessions,
and kills them when it is told to, or when its own standard input ends because the connection is gone.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hermes_host.terminals.remote import ENDING, ending, limits_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["bootstrap", "plain_bootstrap", "program_code", "quoted", "script_code", "setting_up", "warden_code"]

MARK = "HERMES_TERMINAL"

# Control characters of the code must reach the shell unchanged, so the terminal begins raw (see `process`).
_COOKED = "stty icanon isig icrnl ixon iexten 2>/dev/null"


def bootstrap(shell: str, word: str, size: int, mark: str) -> str:
    """The command line the server is asked to run: reads `size` bytes of code, runs them, says how that ended.

    Without quotes or exclamation marks inside the single quotes, for csh and fish read it too. The signals a terminal
    or a polite `kill` sends to the whole group must not end the wrapper before the command. Its own standard error goes
    nowhere, and the command is a subshell's, for some shells report the death of a child on the stream they gave it.
    """
    read = f'x=\\$(head -c {size}); case \\$x in *{word}) eval \\"\\$x\\";; esac'
    end = f'printf "\\000{word}end %s\\000" $c'
    limit = f"ulimit -m {limits_of(mark)[0]} 2>/dev/null; " if mark else ""
    wrapper = (
        f"{limit}trap : INT QUIT TERM; exec 4>&2 2>/dev/null;"
        f' (exec 2>&4 4>&-; exec {shell} -c "{read}" {shell.rpartition("/")[2]}); c=$?; {end}; {end} >&4'
    )
    return f"exec env {MARK}={mark} sh -c '{wrapper}'"


def plain_bootstrap(word: str, size: int) -> str:
    """The command line for the warden: it carries no mark, and nothing waits for it."""
    return f"exec sh -c 'x=$(head -c {size}); case $x in *{word}) eval \"$x\";; esac'"


def quoted(text: str) -> str:
    """`text` as one word of shell code on one line; needs the variable `nl`."""
    return shlex.quote(text).replace("\n", "'\"$nl\"'")


def setting_up(word: str, *, cwd: str, env: Mapping[str, str], pty: bool, closed: bool) -> str:
    """Code that makes the directory, the environment and the streams as wanted, on one line where the values are.

    Raises `ValueError` for a name that is none for a shell, and for NUL characters.
    """
    parts = [f"unset x; cd {shlex.quote(cwd)} 2>/dev/null || {_refusal(word, cwd)}"]
    for name, value in env.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"{name!r} cannot be the name of a variable.")
        parts.append(f"export {name}={shlex.quote(value)}")
    if pty:
        parts.append(_COOKED)
    elif closed:
        parts.append("exec </dev/null")
    return _without_nul("; ".join(parts))


def _refusal(word: str, cwd: str) -> str:
    place = shlex.quote(cwd)
    return (
        f"{{ if [ -d {place} ]; then x=EACCES; elif [ -e {place} ]; then x=ENOTDIR; else x=ENOENT; fi;"
        f" printf '\\000{word}fail %s\\000' $x; exit 1; }}"
    )


def _ready(word: str, pty: bool) -> str:
    tag = f"printf '\\000{word}ready %s\\000' $PPID"
    return tag if pty else f"{tag}; {tag} >&2"


def script_code(word: str, setup: str, script: str, pty: bool) -> bytes:
    """Code that runs a script. Evaluated from quotes, so that an open quote in it reaches nothing around it."""
    return _encoded(f"{setup}; {_ready(word, pty)}; eval {shlex.quote(_without_nul(script))}\n#{word}")


def program_code(word: str, setup: str, argv: Sequence[str], pty: bool) -> bytes:
    """Code that becomes a program, after looking whether there is one."""
    name = shlex.quote(argv[0])
    if "/" in argv[0]:
        look = f"[ -f {name} ] && [ -x {name} ] && x=1"
    else:
        look = f'IFS=:; for d in $PATH; do [ -f "${{d:-.}}/"{name} ] && [ -x "${{d:-.}}/"{name} ] && x=1; done'
    missing = f"[ -n \"$x\" ] || {{ printf '\\000{word}fail PROGRAM\\000'; exit 1; }}"
    words = _without_nul(" ".join(shlex.quote(each) for each in argv))
    started = f"{missing}; unset x d; {_ready(word, pty)}; exec {words}"
    return _encoded(f"{setup}; x=; {look}; unset IFS; {started}\n#{word}")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("A script, an argument or a variable cannot hold NUL characters.")
    return text


def _encoded(code: str) -> bytes:
    return code.encode("utf-8", "surrogateescape")


# Reads lines of shell words. `end ID MARK FIRST LAST` ends processes and answers `done ID`; `stat ID PATH` answers
# `stat ID DEVICE:INODE LINKS`, which SFTP cannot tell.
_WARDEN = r"""
trap '' HUP INT TERM QUIT PIPE
nl='
'
exec 2>/dev/null
ENDING
shell=$(command -v bash || echo sh)
printf '\000WORDhello\000%s\000%s\000%s\000%s\000%s\000%s\000\n' \
    "$HOME" "$(pwd -P)" "$shell" "$(umask)" "$(id -u)" "$(uname -s)"
while IFS= read -r line; do
    eval "set -- $line"
    case $1 in
        end) { end "$3" "$4" "$5"; printf 'done %s\n' "$2"; } & ;;
        stat) printf 'stat %s %s\n' "$2" "$(stat -c '%d:%i %h' -- "$3" || stat -f '%d:%i %l' -- "$3")" ;;
    esac
done
end CONNECTION
#WORD"""


def warden_code(word: str, connection: str) -> bytes:
    """The code of the warden of a connection."""
    code = _WARDEN.replace("ENDING", ENDING).replace("CONNECTION", ending(f"{connection}."))
    return _encoded(code.replace("WORD", word))
