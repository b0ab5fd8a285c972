"""The few lines of shell that run inside a sandbox: around each command, in a pseudo-terminal, and to kill a command.

An SDK can start a program in a sandbox, but not be relied on to end one with all it started, to keep the bytes of two
streams apart, or to hold a fast writer back. So one supervisor runs around each command and speaks lines with the host
over one channel, which may be a pipe or a raw terminal:

    to the sandbox     `1`, `2`   one more piece of that stream is welcome
                       `i N`      N bytes of standard input follow
                       `e`        end of standard input
                       `q`        nobody listens any more
    to the host        `1 B64`, `2 B64`   output
                       `a`        a piece of standard input was taken
                       `d N`, `p N`       errno for the directory, the program
                       `x N`      the exit code
                       `f TEXT`   nothing could be run

Everything but standard input is text, so that it does not matter how an SDK decodes it. A secret word is written into
both streams of output when the program has ended: what comes before it is all of its output, whoever still holds them.

Each process of a command has `HERMES_RUN` in its environment, by which it is found for killing: this survives `setsid`,
double forks and `nohup`. A process that clears its environment *and* leaves its parent is not found; it ends with the
sandbox.
"""

from __future__ import annotations

__all__ = ["KILL", "READY", "SUPERVISOR", "TTY", "killing"]

READY = b"\002ready\003"
"""What a program says first: from now on the channel is its own."""

_COMMON = r"""
take() {
  IFS= read -r n <&4
  [ "$n" -eq 0 ] || dd bs="$n" count=1 iflag=fullblock <&4 2>/dev/null
}
enter() {
  [ ! -d "$1" ] || { cd -- "$1" 2>/dev/null && return; say d 13; exit 1; }
  up=$1
  if ! [ -e "$up" ] && ! [ -L "$up" ]; then
    while up=${up%/*}; [ -n "$up" ] && ! [ -e "$up" ]; do :; done
    if [ -z "$up" ] || [ -d "$up" ]; then say d 2; exit 1; fi
  fi
  say d 20; exit 1
}
find() {
  found=
  case $1 in
    */*) [ ! -e "$1" ] || found=13; [ ! -x "$1" ] || [ -d "$1" ] || found=0 ;;
    *) old=$IFS; IFS=:
       for folder in $PATH; do [ -x "${folder:-.}/$1" ] && [ ! -d "${folder:-.}/$1" ] && found=0 && break; done
       IFS=$old ;;
  esac
  [ "$found" = 0 ] || { say p "${found:-2}"; exit 1; }
}
bash=$(command -v bash)
begin() {
  [ $# -eq 0 ] || exec $session "$@"
  exec 3<"$d/s"
  [ -z "$bash" ] || exec $session "$bash" -c \
    'IFS= read -rd "" -u 3 __hermes_script; exec 3<&-; eval "unset __hermes_script; $__hermes_script"' bash
  exec $session sh /dev/fd/3
}
"""

SUPERVISOR = (
    r"""
printf '\002ready\003'
exec 3>&1 4<&0 </dev/null >/dev/null 2>&1
d=$(mktemp -d "${TMPDIR:-/tmp}/.hermes-XXXXXX") && mkfifo "$d/o" "$d/e" "$d/i" "$d/f" "$d/1" "$d/2" "$d/l" ||
  { echo 'f the sandbox has no room for pipes in /tmp' >&3; exit 1; }
exec 5<>"$d/1" 6<>"$d/2" 7<>"$d/l"
echo >&7
say() { read -r _ <&7; printf '%s\n' "$*" >&3; echo >&7; }
"""
    + _COMMON
    + r"""
session=$(command -v setsid)
pump() {
  while read -r go <&"$2" && [ "$go" = g ]; do
    data=$(dd bs=49152 count=1 2>/dev/null | base64 | tr -d '\n')
    [ -n "$data" ] || break
    say "$1 $data"
  done
  exec 3>&- 4<&- 5<&- 6<&- 7>&-
  exec cat
}
feed() {
  while read -r n <&8 && [ "$n" != 0 ]; do
    dd bs="$n" count=1 iflag=fullblock <&8 2>/dev/null
    say a
  done
}
orders() {
  while IFS=' ' read -r op n <&4; do
    case $op in
      1) echo g >&5 ;;
      2) echo g >&6 ;;
      i) echo "$n" >&8; dd bs="$n" count=1 iflag=fullblock <&4 >&8 2>/dev/null ;;
      e) echo 0 >&8 ;;
      q) break ;;
    esac
  done
  echo q >&5; echo q >&6; echo 0 >&8
}
IFS=' ' read -r word input <&4
setup=$(take; printf x)
take > "$d/s"
exec 8<>"$d/o" 9<>"$d/e"
( exec <"$d/o" 8>&- 9>&- 4<&-; pump 1 5 ) &
( exec <"$d/e" 8>&- 9>&- 4<&-; pump 2 6 ) &
[ "$input" = no ] || ( exec 8<>"$d/f" 9>&- 4<&- 5<&- 6<&-; exec >"$d/i"; feed ) &
( exec 8<>"$d/f" 9>&-; orders ) &
orders=$!
(
  exec 4<&- 5<&- 6<&- 8>&- 9>&-
  [ "$input" = no ] || exec <"$d/i"
  exec >"$d/o" 2>"$d/e"
  eval "${setup%x}"
  exec 3>&- 7>&-
  begin "$@"
) &
wait $!
code=$?
printf '\002%s\003' "$word" >&8
printf '\002%s\003' "$word" >&9
say x $code
exec 8>&- 9>&-
wait $orders
rm -rf "$d"
"""
)
"""Runs one command with its streams in pipes."""

TTY = (
    r"""
stty raw -echo
printf '\002ready\003'
exec 4<&0
d=$(mktemp -d "${TMPDIR:-/tmp}/.hermes-XXXXXX") || { printf '\002f no room in /tmp\003'; exit 1; }
exec 3>&1
say() { printf '\002%s %s\003' "$word" "$*" >&3; }
"""
    + _COMMON
    + r"""
session=
IFS=' ' read -r word input <&4
setup=$(take; printf x)
take > "$d/s"
stty sane -echo rows 50 cols 120 2>/dev/null
exec 6>&2 2>/dev/null
(
  exec 4<&- 2>&6 6>&-
  eval "${setup%x}"
  say g
  exec 3>&-
  begin "$@"
)
code=$?
say x $code
IFS= read -r _ <&4
rm -rf "$d"
"""
)
"""Runs one command in the pseudo-terminal the channel is: after `g` its output comes as it is, then `x N`."""

# $1: what the variable begins with, $2: tenths of a second between asking and killing. `$1` is in the arguments of this
# shell and of grep, never in their environment. First everything is frozen until no new process appears, so that none
# forks away between being seen and being killed.
_KILL = r"""
find() {
  found=
  for each in $(grep -lzF "VARIABLE=$1" /proc/[0-9]*/environ 2>/dev/null); do
    each=${each#/proc/}
    found="$found ${each%/environ}"
  done
}
find "$1"
[ "$2" != look ] || { [ -z "$found" ]; exit; }
if [ -n "$found" ] && [ "$2" -gt 0 ]; then
  kill -TERM $found; kill -HUP $found; kill -CONT $found
  turn=0
  while [ $turn -lt "$2" ]; do
    turn=$((turn + 1))
    sleep 0.1 || break
    find "$1"
    [ -n "$found" ] || break
  done
fi 2>/dev/null
turn=0 empty=0
while [ $turn -lt 50 ] && [ $empty -lt 2 ]; do
  turn=$((turn + 1))
  before=
  find "$1"
  while [ "$found" != "$before" ] && [ $turn -lt 50 ]; do
    turn=$((turn + 1))
    before=$found
    [ -z "$found" ] || kill -STOP $found
    find "$1"
  done
  if [ -z "$found" ]; then empty=$((empty + 1)); else empty=0; kill -KILL $found; fi
done 2>/dev/null
[ $empty -ge 2 ]
"""


def killing(variable: str) -> str:
    """Code that kills all processes that have `variable` in their environment, with a value that begins with `$1`."""
    return _KILL.replace("VARIABLE", variable)


KILL = killing("HERMES_RUN")
"""Kills the processes of a command, or of a terminal. With `look` for $2 it only says (exit code 1) that some run."""
