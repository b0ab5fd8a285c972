"""Around a process that cannot be confined: it and all it starts end with the host, however the host ends.

Runs on its own (`python -I -S keeper.py FOLDER HOST WATCH -- PROGRAM …`). It is the *subreaper* of what it starts
(Linux), so that whatever the program starts stays below it. Everything below it is killed when the program has ended,
when the socket WATCH closes, and when the process HOST is gone. In a sandbox this is not needed: there the end of the
outermost process is the end of everything.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

_CHILD_SUBREAPER = 36


def main() -> None:
    """Start the program and see it through."""
    folder, host, watch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.path.append(folder)
    from hermes_local.killing import kill_tree

    try:
        gone = os.pidfd_open(host)
    except (AttributeError, OSError):
        gone = -1
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    argv = sys.argv[5:]
    os.set_inheritable(watch, False)
    program = os.posix_spawn(
        argv[0], argv, os.environ, setsid=True, setsigdef=(signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    )
    # Only the program may hold the connection to the host: its end is how the host sees the program's end.
    keep = {0, 1, 2, watch, woken, wake, gone}
    for name in os.listdir("/dev/fd"):
        if int(name) not in keep:
            try:
                os.close(int(name))
            except OSError:
                pass
    code = _wait(program, woken, [watch, gone])
    while True:
        kill_tree(os.getpid(), program)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    os._exit(code)


def _wait(program: int, woken: int, ends: list[int]) -> int:
    """The program's exit code, 137 when the host is gone or hung up first."""
    poll = select.poll()
    for descriptor in (woken, *ends):
        if descriptor >= 0:
            poll.register(descriptor, select.POLLIN)
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return 0
        if pid == program:
            return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if pid:
            continue
        if {descriptor for descriptor, _ in poll.poll()} & set(ends):
            return 137
        try:
            os.read(woken, 4096)
        except BlockingIOError:
            pass


if __name__ == "__main__":
    main()
