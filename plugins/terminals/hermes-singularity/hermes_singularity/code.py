"""The shell code that runs in containers; POSIX, so that an image with busybox will do.

Code for a command comes over standard input, so neither a script nor a variable is ever in an argument list, and is run
only when it has arrived whole. What the command line runs is always one of the fixed texts below.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from hermes_host.terminals.remote import ENDING, ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["AGENT", "READER", "WARDEN", "command_code", "quoted"]

READER = 'ulimit -m "$3" 2>/dev/null; x=$(head -c "$1"); case $x in *"$2") eval "$x";; esac'
"""Reads `$1` bytes of code that end with `$2`, and runs them, with the number `$3` as their mark."""

# Answers `hello` with what there is. Then `end NUMBER MARK FIRST LAST` ends processes, and answers `done NUMBER`.
# When its input ends, the host is gone, and it ends them all.
WARDEN = r"""
trap '' HUP INT TERM QUIT PIPE
exec 2>/dev/null
mkdir -p -- "$HOME"
ENDING
printf 'hello\000%s\000%s\000%s\n' "$HOME" "$(command -v bash || echo sh)" "$(umask)"
while read -r verb number mark first last; do
    { eval "end $mark $first $last"; echo "done $number"; } &
done
end EVERYTHING
""".replace("ENDING", ENDING).replace("EVERYTHING", ending(""))

# `enter` goes to a directory part by part. That the name it is then in is the one that was asked for proves that no
# link was followed, whatever was swapped meanwhile: the shell stands in that directory itself.
AGENT = r"""
trap '' HUP INT TERM QUIT PIPE
exec 2>/dev/null
nl='
'
bad() { printf '\000%s%s\000' "$word" "$1"; exit 0; }
enter() {
    cd / || bad EACCES
    rest=$1/ at=
    while [ -n "$rest" ]; do
        part=${rest%%/*} rest=${rest#*/}
        case $part in ''|.) continue ;; esac
        [ -h "./$part" ] && bad ELOOP
        if [ ! -e "./$part" ]; then
            [ "$2" = make ] || bad ENOENT
            mkdir "./$part" || [ -d "./$part" ] || bad EACCES
        fi
        [ -d "./$part" ] || bad ENOTDIR
        cd -P "./$part" || bad EACCES
        if [ "$part" = .. ]; then at=${at%/*}; else at=$at/$part; fi
    done
    [ "$(pwd -P; echo .)" = "${at:-/}$nl." ] || bad ELOOP
}
regular() {
    [ -h "$1" ] && bad ELOOP
    [ -e "$1" ] || bad ENOENT
    [ -d "$1" ] && bad EISDIR
    [ -f "$1" ] || bad EINVAL
}
look() { stat -c '%f %s %Y %h %d:%i' -- "$@"; }
say_stat() { enter "$1"; [ -h "$2" ] || [ -e "$2" ] || bad ENOENT; look "$2" || bad EACCES; }
say_links() { for each; do if [ -h "$each" ]; then printf L; readlink -n -- "$each"; fi; printf '\000'; done; }
say_file() {
    enter "$1"
    regular "$2"
    exec 3<"$2" || bad EACCES
    case $(readlink /proc/self/fd/3; echo .) in
        "${at%/}/${2#./}$nl." | "${at%/}/${2#./} (deleted)$nl.") ;;
        *) bad ELOOP ;;
    esac
    if [ "$3" -gt 0 ]; then tail -c "+$(($3 + 1))" <&3; else cat <&3; fi |
    if [ -n "$4" ]; then head -c "$4"; else cat; fi
}
take_file() {
    enter "$1" make
    mode=$5
    if [ -h "$2" ] || [ -e "$2" ]; then
        regular "$2"
        [ -w "$2" ] || bad EACCES
        owner=$(stat -c %u:%g -- "$2")
        [ -n "$mode" ] || mode=$(stat -c %a -- "$2")
    fi
    new=./.hermes-$4.tmp
    trap 'rm -f -- "$new"' EXIT
    (umask 077; set -C; : > "$new") || bad EACCES
    echo go
    head -c "$3" > "$new"
    [ "$(stat -c %s -- "$new")" = "$3" ] || bad ENOSPC
    [ -z "$owner" ] || [ "$(stat -c %u:%g -- "$new")" = "$owner" ] || chown "$owner" "$new"
    chmod "${mode:-$(printf %o $((0666 & ~0$(umask))))}" "$new" || bad EPERM
    regular "$new"
    [ -d "$2" ] && bad EISDIR
    mv -f $into -- "$new" "$2" || bad EACCES
    look "$2"
}
drop() {
    enter "$1"
    if [ -h "$2" ] || { [ -e "$2" ] && [ ! -d "$2" ]; }; then rm -f -- "$2" || bad EACCES
    elif [ -d "$2" ]; then
        rmdir -- "$2" || { [ -z "$(ls -A -- "$2")" ] || bad ENOTEMPTY; bad EACCES; }
    else bad ENOENT; fi
}
say_directory() {
    enter "$1"
    names
    printf '\000'
    names | xargs -0 -r stat -c '%f %s %Y %h %d:%i' --
}
names() {
    for each in * .[!.]* ..?*; do if [ -h "./$each" ] || [ -e "./$each" ]; then printf './%s\000' "$each"; fi; done
}
into=-T
: > "/tmp/.hermes-$$" && mv -T "/tmp/.hermes-$$" "/tmp/.hermes-$$-" || into=
rm -f "/tmp/.hermes-$$" "/tmp/.hermes-$$-"
echo ready
while IFS= read -r line; do
    (eval "$line"; bad ok)
done
"""


def quoted(text: str) -> str:
    """`text` as one word of shell code on one line; needs the variable `nl`."""
    if "\0" in text:
        raise ValueError("A path cannot hold NUL characters.")
    return shlex.quote(text).replace("\n", "'\"$nl\"'")


def command_code(
    word: str, *, cwd: str, env: Mapping[str, str], argv: Sequence[str], script: str, end: bool, pty: bool
) -> bytes:
    """Code for `READER` that sets everything up, says so, and becomes the program or runs the script.

    It says `ready`, or an error by name. With `end` standard input is closed. Raises `ValueError` for what a shell
    cannot be given.
    """
    place = shlex.quote(cwd)
    tag = f"printf '\\000{word}%s\\000'"
    parts = [
        f"unset x; cd {place} 2>/dev/null || {{ if [ -d {place} ]; then x=EACCES; elif [ -e {place} ]; then x=ENOTDIR;"
        f" else x=ENOENT; fi; {tag} $x; exit 1; }}"
    ]
    for name, value in env.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"{name!r} cannot be the name of a variable.")
        parts.append(f"export {name}={shlex.quote(value)}")
    if pty:
        parts.append("stty icanon isig icrnl ixon iexten 2>/dev/null")
    elif end:
        parts.append("exec </dev/null")
    if argv:
        name = shlex.quote(argv[0])
        places = "''" if "/" in argv[0] else '"${d:-.}/"'
        paths = "x" if "/" in argv[0] else "$PATH"
        look = f"x=; IFS=:; for d in {paths}; do [ -f {places}{name} ] && [ -x {places}{name} ] && x=1; done; unset IFS"
        parts += [look, f'[ -n "$x" ] || {{ {tag} PROGRAM; exit 1; }}', "unset x d"]
        last = "exec " + " ".join(shlex.quote(each) for each in argv)
    else:
        last = f"eval {shlex.quote(script)}"
    ready = f"{tag} ready" if pty else f"{tag} ready; {tag} ready >&2"
    code = "; ".join([*parts, ready, last])
    if "\0" in code:
        raise ValueError("A script, an argument or a variable cannot hold NUL characters.")
    return f"{code}\n#{word}".encode("utf-8", "surrogateescape")
