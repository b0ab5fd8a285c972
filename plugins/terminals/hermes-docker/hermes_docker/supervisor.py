"""The few lines of shell that run inside a container: one process that keeps it up, one around each command, and one
that kills a command with everything it started.

A container service can start a program in a running container but not end one, and nothing in a container is sure to
exist but a POSIX shell. What is needed is a mark that a process cannot lose: it must survive `setsid`, double forks,
`nohup` and a cleared environment. Linux keeps such a thing for every process and hands it down to its children: its
resource limits. The limit of the resident set (`ulimit -m`, RLIMIT_RSS) has had no effect since Linux 2.4.30
(getrlimit(2)), every shell can set it, and everybody can read it in `/proc/PID/limits`. So each command gets a number
of its own there, far beyond any memory there is. The hard limit is set too: a process could lower its number on purpose
but not take it off.

The supervisor itself bears the next higher number. It tells the end of a command in the stream of its output, because
the service tells it only when nobody holds the pipes any more (Docker), or cuts the pipes off at once (Podman).
"""

from __future__ import annotations

__all__ = ["END", "KEEPER", "KILL", "SUPERVISOR", "TAG_UNIT"]

TAG_UNIT = 1024
"""`ulimit -m` counts in kibibytes, `/proc/PID/limits` in bytes."""

KEEPER = """\
trap 'exit 0' TERM INT
command -v sleep >/dev/null || exit 127
while :; do sleep 2147483 & wait $!; done
"""
"""The first process of a container: does nothing, and as its shell waits it reaps the orphans of all commands."""

END = b"\0hermes-%s:"
"""What stands before a message of the supervisor in the output, with the command's secret word. A letter, a number and
a NUL follow: `s` it has begun, `x` exit code, `d` and `p` errno of directory and program, `z` nobody holds the output
any more."""

# Descriptor 7 is a pipe that every process of the command holds: its end is theirs. The left half of the pipeline is
# the command, the right half waits, first for the exit code and then for the end of the pipe. At last it takes in input
# that nobody has read: Podman drops the rest of the output when it cannot get rid of input.
SUPERVISOR = r"""
ulimit -m "$HERMES_TAG" 2>/dev/null
word=$HERMES_END mode=$HERMES_MODE shell=$HERMES_SHELL start=$HERMES_DIR tag=$((HERMES_TAG - 1))
unset HERMES_RUN HERMES_TAG HERMES_END HERMES_MODE HERMES_SHELL HERMES_DIR
leave() { [ "$mode" != input ] || cat <&5 >/dev/null; exit 1; }
say() { printf '\0hermes-%s:%s\0' "$word" "$1" >&3; [ "$mode" = pty ] || printf '\0hermes-%s:%s\0' "$word" "$1" >&4; }
exec 3>&1 4>&2 5<&0
[ "$mode" != pty ] || stty rows 50 cols 120 -echo 2>/dev/null
if ! cd -- "$start" 2>/dev/null; then
  if [ -d "$start" ]; then say d13; elif [ -e "$start" ] || [ -L "$start" ]; then say d20
  else
    up=$start
    while up=${up%/*}; [ -n "$up" ] && ! [ -e "$up" ]; do :; done
    if [ -z "$up" ] || [ -d "$up" ]; then say d2; else say d20; fi
  fi
  leave
fi
if [ $# -gt 0 ]; then
  found=
  case $1 in
    */*) [ -e "$1" ] && found=13; [ -x "$1" ] && [ ! -d "$1" ] && found=0 ;;
    *) IFS=:; for folder in $PATH; do [ -x "${folder:-.}/$1" ] && [ ! -d "${folder:-.}/$1" ] && found=0 && break; done
       unset IFS ;;
  esac
  [ "$found" = 0 ] || { say "p${found:-2}"; leave; }
fi
say s
{
  (
    exec 7>&1 1>&3 2>&4 3>&- 4>&- 5<&-
    ulimit -m "$tag" 2>/dev/null
    export PWD
    [ $# -eq 0 ] || exec "$@"
    exec "$shell" -c 'eval "unset HERMES_0 HERMES_1 HERMES_2 HERMES_3 HERMES_4 HERMES_5 HERMES_6 HERMES_7;\
 $HERMES_0$HERMES_1$HERMES_2$HERMES_3$HERMES_4$HERMES_5$HERMES_6$HERMES_7"' "${shell##*/}"
  )
  echo $?
} 2>/dev/null | {
  read -r code
  say "x${code:-137}"
  while read -r rest; do :; done
  say z
  [ "$mode" != input ] || cat <&5 >/dev/null
}
"""

# $1 and $2: the first and the last number of commands as /proc shows them, $3: tenths of a second between asking and
# killing, $4: the supervisor's number. Only what the shell does itself, but for `sleep`: where no process can be
# started any more it must still kill. First everything is frozen until no new process appears, so that none forks away
# between being seen and being killed.
KILL = r"""
search() {
  found=
  for folder in /proc/[0-9]*; do
    while read -r one two three soft hard rest; do
      case "$one $two $three" in
        "Max resident set")
          [ "$hard" -ge "$1" ] && [ "$hard" -le "$2" ] && found="$found ${folder#/proc/}"
          break ;;
      esac
    done < "$folder/limits"
  done
} 2>/dev/null
search "$1" "$2"
if [ -n "$found" ] && [ "$3" -gt 0 ]; then
  kill -TERM $found; kill -HUP $found; kill -CONT $found
  turn=0
  while [ $turn -lt "$3" ]; do
    turn=$((turn + 1))
    sleep 0.1 || break
    search "$1" "$2"
    [ -n "$found" ] || break
  done
fi 2>/dev/null
turn=0 empty=0
while [ $turn -lt 100 ] && [ $empty -lt 2 ]; do
  turn=$((turn + 1))
  before=
  search "$1" "$2"
  while [ "$found" != "$before" ] && [ $turn -lt 100 ]; do
    turn=$((turn + 1))
    before=$found
    [ -z "$found" ] || kill -STOP $found
    search "$1" "$2"
  done
  if [ -z "$found" ]; then empty=$((empty + 1)); else empty=0; kill -KILL $found; fi
done 2>/dev/null
[ $empty -ge 2 ] || exit 1
search "$4" "$4"
[ -z "$found" ] || { sleep 0.1; search "$4" "$4"; [ -z "$found" ] || kill -KILL $found; } 2>/dev/null
exit 0
"""
