"""Programs that look and print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_terminal.rules.program import Program

if TYPE_CHECKING:
    from hermes_terminal.rules.case import Case
    from hermes_terminal.rules.state import Arguments

__all__ = ["PROGRAMS"]

_RUNS = "It runs another program through an option."


def _second_is_written(case: Case, arguments: Arguments) -> None:
    if len(arguments.rest) > 1 or arguments.dynamic:
        case.write(arguments.rest[-1])


def _no_argument(case: Case, arguments: Arguments) -> None:
    if arguments.rest:
        case.ask(f"It changes a setting of the machine with {case.name!r}.")


def _man(case: Case, arguments: Arguments) -> None:
    if any(option not in ("-k", "-f", "-w", "-a") for option, _ in arguments.options) or arguments.dynamic:
        case.ask("`man` can start other programs through its options.")


def _curl_like_tree(case: Case, arguments: Arguments) -> None:
    if arguments.given("-R") and arguments.given("-o"):
        case.ask("It writes files in many folders.")


PROGRAMS: dict[str, Program] = {
    "ls ll dir vdir cat head tail wc grep egrep fgrep zgrep stat du df pwd echo true false whoami id "
    "groups uname arch nproc lscpu lsblk lsmem lspci lsusb free uptime w who last cal basename dirname "
    "realpath readlink cut tr rev tac nl paste join comm cmp md5sum sha1sum sha224sum sha256sum sha512sum "
    "b2sum cksum sum shasum md5 od hexdump strings fold fmt expand unexpand seq factor numfmt column look "
    "pr zcat bzcat xzcat zstdcat lz4cat jq gron getconf locale tty logname printenv ps pgrep pstree pidof "
    "lsof vmstat iostat sleep which whereis type wait times cloc tokei scc nm objdump readelf size tput "
    "clear uuidgen sw_vers getent colordiff exa eza lsd": Program(),
    "rg": Program(
        asks={"--pre": _RUNS, "--hostname-bin": _RUNS, "--search-zip": _RUNS, "-z": _RUNS},
        valued="-e -g -t -A -B -C -m -f -r -T -j -M",
    ),
    "ag ack": Program(
        asks={"--pager": _RUNS, "--output": "Its output option can run code.", "--ackrc": _RUNS, "--env": ""}
    ),
    "fd fdfind": Program(
        asks=dict.fromkeys(("-x", "-X", "--exec", "--exec-batch"), "It runs a program for every file it finds."),
        valued="-e -t -d -E -g -S",
    ),
    "tree": Program(writes="-o", valued="-L -P -I", then=_curl_like_tree),
    "sort": Program(
        asks={"--compress-program": _RUNS, "--files0-from": ""},
        writes="-o --output",
        valued="-k -t -S -T --key --field-separator",
    ),
    "uniq": Program(valued="-f -s -w", then=_second_is_written),
    "xxd": Program(valued="-c -g -l -s -o", then=_second_is_written),
    "base64 base32": Program(writes="-o", valued="-w -i -b"),
    "diff": Program(valued="-U -C -W -I -x -X", asks={"--output": "It writes a file."}),
    "date": Program(asks=dict.fromkeys(("-s", "--set"), "It sets the clock."), valued="-d --date -r -f -I"),
    "hostname": Program(asks=dict.fromkeys(("-F", "-b"), "It renames the machine."), then=_no_argument),
    "file": Program(
        asks=dict.fromkeys(
            ("-m", "--magic-file", "-C", "--compile", "-z", "-Z", "--uncompress"), "`file` reads its rules from a file."
        )
    ),
    "man info apropos whatis": Program(then=_man),
    "less more most pg": Program(always="A pager can start other programs and edit files."),
    "top htop btop": Program(always="It takes over the terminal until somebody leaves it."),
    "yes": Program(),
    "journalctl dmesg": Program(
        asks={
            **dict.fromkeys(
                (
                    "-C",
                    "-c",
                    "--clear",
                    "--read-clear",
                    "--rotate",
                    "--flush",
                    "--vacuum-size",
                    "--vacuum-time",
                    "--vacuum-files",
                ),
                "It deletes logs of the machine.",
            ),
            **dict.fromkeys(("--setup-keys", "--relinquish-var"), "It changes the log of the machine."),
        },
        valued="-u -n -p -S -U -l",
    ),
    "yq": Program(asks=dict.fromkeys(("-i", "--inplace", "-s", "--split-exp"), "It changes files in place.")),
    "xmllint": Program(writes="-o --output"),
}
