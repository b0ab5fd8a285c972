"""The few lines of shell that keep a background process on its machine, and look after it from anywhere.

Each job has a private directory there, chosen here before anything runs, so that a host that dies in between can still
find out whether it began:

    script   what it runs            out     all it wrote, up to 1 GiB
    pid      the wrapper's number, when it was started, and since which start of the machine the count runs
    code     exit code and time (seconds since the epoch), written when it has ended
    in, pipe, alive, hold, ready     named pipes

A *wrapper* in a session of its own holds `alive` open for writing and runs the script. Whoever follows the output waits
for the end of `alive`, so nothing is asked again and again. The wrapper writes an end mark behind the last byte of the
script's own output, waits until that has arrived in `out`, and only then writes `code`: where `code` is, all output is.
A directory without `code` whose wrapper does not run is a job that was lost, with its machine or by a kill.
"""

from __future__ import annotations

import shlex

from hermes_host.terminals.remote.programs import killing

__all__ = ["BUSY", "close_input", "follow", "kill", "look", "read", "remove", "start", "write"]

_FOLDERS = "/tmp/hermes-job-"

# $1: the directory, $2: the shell for the script, $3: the framing word, $4: the umask of the script.
_WRAPPER = r"""
trap '' HUP
cd / || exit
exec 8<>"$1/alive" 9<>"$1/pipe"
pump() {
  before=-1 size=0
  while [ "$size" != "$before" ] && [ "$size" -lt 1073741824 ]; do
    before=$size
    dd bs=65536 count=1024 2>/dev/null
    size=$(wc -c <"$1/out")
  done
  exec cat >/dev/null
}
( exec <"$1/pipe" >>"$1/out" 8>&- 9>&-; pump "$1" ) &
( exec 8>&- 9>&- 7>"$1/in"; read -r _ <"$1/hold" ) &
holder=$!
identity() {
  if read -r line <"/proc/$1/stat"; then
    line=${line##*) }
    set -- $line
    shift 19
    printf '%s %s' "$1" "$(cat /proc/sys/kernel/random/boot_id)"
  else
    ps -o lstart= -p "$1" | tr -s ' \n' '_'
  fi
} 2>/dev/null
echo "$$ $(identity $$)" >"$1/pid"
echo "$$" >"$1/ready"
(
  exec <"$1/in" >"$1/pipe" 2>&1 8>&- 9>&-
  cd "$PWD_OF_JOB" || exit 1
  umask "$4"
  unset PWD_OF_JOB HERMES_TERMINAL
  exec "$2" -c 'eval "set --; $(cat "$1")"' "${2##*/}" "$1/script"
)
code=$?
printf '\000%s<end\000%s>' "$3" "$3" >&9
turn=0
while [ $turn -lt 40 ] && ! tail -c 256 "$1/out" | grep -q "$3>"; do
  turn=$((turn + 1))
  sleep 0.05 || sleep 1
done
kill $holder 2>/dev/null
echo "$code $(date +%s)" >"$1/code.new" && mv "$1/code.new" "$1/code"
"""

_RUNS = r"""
runs() {
  read -r pid since <"$1/pid" || return 1
  if [ -r /proc/self/stat ]; then
    read -r line <"/proc/$pid/stat" || return 1
    line=${line##*) }
    case $line in [ZX]*) return 1 ;; esac
    set -- $line
    shift 19
    [ "$1 $(cat /proc/sys/kernel/random/boot_id)" = "$since" ]
  else
    [ "$(ps -o lstart= -p "$pid" | tr -s ' \n' '_')" = "$since" ]
  fi
} 2>/dev/null
"""

BUSY = (
    _RUNS
    + rf"""
for folder in {_FOLDERS}*/; do
  folder=${{folder%/}}
  [ -d "$folder" ] || continue
  if [ -f "$folder/code" ]; then [ "$1" = running ] || [ -n "$(find "$folder/code" -mtime +0 2>/dev/null)" ] || exit 1
  elif runs "$folder"; then exit 1; fi
done
exit 0
"""
)
"""Says (exit code 1) that a job runs, or (unless $1 is `running`) has ended within a day and nobody knows it yet."""


def start(folder: str, id: str, text: str, word: str) -> str:
    """Begin to run `text`. Run it as a detached command in the job's own directory; it ends once the job runs."""
    return f"""
folder={shlex.quote(folder)} mask=$(umask)
umask 077
mkdir "$folder" || exit 73
printf %s {shlex.quote(text)} >"$folder/script" && : >"$folder/out" || exit 74
mkfifo "$folder/in" "$folder/pipe" "$folder/alive" "$folder/hold" "$folder/ready" || exit 74
PWD_OF_JOB=$PWD HERMES_JOB={shlex.quote(id)}
export PWD_OF_JOB HERMES_JOB
if [ -n "$BASH_VERSION" ]; then shell=$BASH; set -m; else shell=sh; fi
set -- sh -c {shlex.quote(_WRAPPER)} sh "$folder" "$shell" {shlex.quote(word)} "$mask"
$(command -v setsid || command -v nohup) "$@" \\
  </dev/null >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
read -r pid <"$folder/ready" && [ -n "$pid" ]
"""


def look(folder: str) -> str:
    """Say `running`, `exited CODE TIME`, `dead` (it neither runs nor did it end by itself) or `gone`."""
    return f"""{_RUNS}
folder={shlex.quote(folder)}
said() {{ [ -f "$folder/code" ] && printf 'exited %s\\n' "$(cat "$folder/code")"; }}
if [ ! -d "$folder" ] || [ ! -O "$folder" ]; then echo gone
elif said; then :
elif runs "$folder"; then echo running
else said || echo dead; fi
"""


def follow(folder: str, offset: int) -> str:
    """Write what comes in `out` behind `offset` bytes, until the wrapper has ended."""
    return f"""
folder={shlex.quote(folder)}
[ -p "$folder/alive" ] && [ -O "$folder" ] || exit
exec 8<>"$folder/alive"
exec 9<"$folder/alive" 8>&-
tail -c +{offset + 1} -f "$folder/out" 9<&- 2>/dev/null &
read -r _ <&9
kill $!
wait $! 2>/dev/null
"""


def read(folder: str, offset: int) -> str:
    """Write what is in `out` behind `offset` bytes."""
    return f"[ ! -O {shlex.quote(folder)} ] || tail -c +{offset + 1} {shlex.quote(folder + '/out')} 2>/dev/null"


def write(folder: str) -> str:
    """Give the script what comes as standard input."""
    return f"[ -p {shlex.quote(folder + '/in')} ] && exec cat 1<>{shlex.quote(folder + '/in')}"


def close_input(folder: str) -> str:
    """End the script's standard input."""
    return f"[ -p {shlex.quote(folder + '/hold')} ] && echo 1<>{shlex.quote(folder + '/hold')}"


def remove(folder: str) -> str:
    """Remove everything about it."""
    return f"rm -rf -- {shlex.quote(folder)}"


def kill(folder: str, id: str) -> str:
    """Kill it with everything it started; exit code 1 where something is left."""
    return f"""
set -- {shlex.quote(id)} 4
if [ ! -r /proc/self/environ ]; then
  read -r pid _ <{shlex.quote(folder + "/pid")} && kill -KILL -- "-$pid" "$pid"
  exit 0
fi 2>/dev/null
{killing("HERMES_JOB")}
"""
