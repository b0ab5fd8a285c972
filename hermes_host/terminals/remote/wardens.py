"""How processes of a command are found and ended where all there is is a shell and `/proc`.

A process is found by what it inherits and cannot easily lose: the variable `HERMES_TERMINAL` with the *mark* of its
command, and a number far beyond any memory as the hard limit of its resident set (`ulimit -m`, RLIMIT_RSS), which has
had no effect since Linux 2.4.30 (getrlimit(2)) and which everybody can read in `/proc/PID/limits`. The limit stays when
a program clears its environment, starts a session of its own and loses its parent. With both come its descendants and
what shares its session.

A mark is `LINK.TERMINAL.COMMAND.`, each a hexadecimal number; a part of it from the left stands for all that begin so.
"""

from __future__ import annotations

__all__ = ["ENDING", "ending", "limits_of"]

_BITS = (26, 10, 16)
_ALL_BITS = sum(_BITS)


def limits_of(mark: str) -> tuple[int, int]:
    """The first and the last number of commands whose mark begins with `mark`, in KiB as `ulimit -m` has them."""
    number, left = 1, _ALL_BITS
    for part, bits in zip(filter(None, mark.split(".")), _BITS, strict=False):
        number = number << bits | int(part, 16) & ((1 << bits) - 1)
        left -= bits
    return number << left, ((number + 1) << left) - 1


def ending(mark: str) -> str:
    """The arguments of `end` in `ENDING` for all commands whose mark begins with `mark`."""
    first, last = limits_of(mark)
    return f"{mark or chr(39) * 2} {first << 10} {last << 10}"


# `end MARK FIRST LAST` ends processes, the numbers in bytes. They are asked first and killed after some 0.4 s. There is
# nothing to wait on in a POSIX shell for the end of processes that are not its children, hence the short sleeps.
# Parents come first, or a shell would have time to report the end of its child. Without `/proc`, `ps` shows the
# environment.
ENDING = r"""
processes() {
    if [ -r /proc/self/environ ]; then
        cat /proc/[0-9]*/stat | sed 's/^\([0-9]*\) (.*) \([A-Za-z]\) \([0-9]*\) [0-9]* \([0-9]*\) .*/\1 \2 \3 \4/'
    else
        ps -axo pid=,stat=,ppid=,pgid=
    fi
}
marked() {
    if [ -r /proc/self/environ ]; then
        grep -slzF "HERMES_TERMINAL=$1" /proc/[0-9]*/environ
        grep -s '^Max resident set' /proc/[0-9]*/limits | awk -v first="$2" -v last="$3" '
            $(NF - 1) + 0 >= first + 0 && $(NF - 1) + 0 <= last + 0 { split($1, part, "/"); print part[3] }'
    else ps -axEww -o pid=,command= | grep -F "HERMES_TERMINAL=$1" | grep -v grep | sed 's/^ *\([0-9]*\).*/\1/'; fi
}
members() {
    seeds=$(marked "$@" | tr -c '0-9\n' ' ' | tr '\n' ' ')
    case $seeds in *[0-9]*) ;; *) return ;; esac
    processes | awk -v seeds="$seeds" '
        BEGIN { n = split(seeds, s, " "); for (i = 1; i <= n; i++) ours[s[i]] = 1 }
        NF == 4 { parent[$1] = $3; session[$1] = $4; if ($2 ~ /^Z/) gone[$1] = 1 }
        END {
            do {
                more = 0
                for (p in ours) { l = session[p]; if (l != 0 && ((l in ours) || !(l in parent))) led[l] = 1 }
                for (p in parent)
                    if (!(p in ours) && ((parent[p] in ours) || (session[p] in led))) { ours[p] = 1; more = 1 }
            } while (more)
            for (p in ours) if ((p in parent) && !(p in gone)) print p
        }' | sort -n
}
end() {
    round=0
    while [ $round -lt 80 ]; do
        pids=$(members "$@")
        [ -n "$pids" ] || return
        if [ $round -eq 0 ]; then kill -TERM $pids; kill -CONT $pids
        elif [ $round -gt 8 ]; then kill -KILL $pids; fi
        round=$((round + 1))
        sleep 0.05 || sleep 1
    done
}
"""
