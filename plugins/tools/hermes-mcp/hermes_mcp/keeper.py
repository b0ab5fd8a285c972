"""The keeper: a small process around one server that ends with the host, however the host ends.

It runs on its own (`python -I -S keeper.py FD PID`, standard library only). Over the socket FD the host sends what to
run (4 bytes length, then `marshal`); the keeper answers `S`, or `E` and an errno, and then waits. It is the *subreaper*
of what it started (Linux), so that whatever the server starts stays below it. Everything below it is killed when the
server has ended, when the socket closes, and when the host's process is gone.

Without a subreaper (macOS) the server's process group is killed instead.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

GRACE = 0.4
"""Seconds between asking and killing."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main() -> None:
    """Start what the host asks for, and see it through."""
    control = socket.socket(fileno=int(sys.argv[1]))
    host = _watch(int(sys.argv[2]))
    prctl = _prctl()
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    argv = _receive(control)
    failure, failing = os.pipe()
    server = os.fork()
    if server == 0:
        _become(argv, failing, prctl)
    os.close(failing)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    reason = os.read(failure, 4)
    control.sendall(b"E" + reason if reason else b"S\0\0\0\0")
    poll = select.poll()
    for descriptor in (control.fileno(), woken, host):
        if descriptor >= 0:
            poll.register(descriptor, select.POLLIN)
    code: int | None = None
    while code is None:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if control.fileno() in ready or host in ready:
            _ask_to_end(server)
            code = _reap(server, woken, GRACE)
            break
        code = _reap(server, woken, 0)
    _kill_all(server)
    os._exit(code if code is not None else 137)


def _become(argv: list[str], failing: int, prctl: Callable[[int, int], object]) -> None:
    try:
        os.setsid()
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(argv[0], argv, os.environ)
    except OSError as error:
        os.write(failing, (error.errno or 1).to_bytes(4, "big"))
    finally:
        os._exit(127)


def _receive(control: socket.socket) -> list[str]:
    data = b""
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
        more = control.recv(1 << 16)
        if not more:
            os._exit(0)
        data += more
    argv: list[str] = marshal.loads(data[4:])
    return argv


def _reap(server: int, woken: int, seconds: float) -> int | None:
    """Take in what has ended within that time; the server's exit code when it is among them."""
    until = time.monotonic() + seconds
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    while True:
        try:
            os.read(woken, 4096)
        except BlockingIOError:
            pass
        found: int | None = None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return found if found is not None else 0
            if pid == 0:
                break
            if pid == server:
                found = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        left = until - time.monotonic()
        if found is not None or left <= 0:
            return found
        poll.poll(left * 1000)


def _ask_to_end(server: int) -> None:
    for pid in {server, *_descendants()}:
        _signal(pid, signal.SIGTERM)


def _kill_all(server: int) -> None:
    """Kill what is below this process until nothing is."""
    while True:
        if not os.path.isdir("/proc/self"):
            try:
                os.killpg(server, signal.SIGKILL)
            except OSError:
                return
        for pid in _descendants():
            _signal(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib would double the time this takes to start
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass


def _watch(host: int) -> int:
    """A descriptor that becomes readable when the host's process ends; -1 where the system has none."""
    try:
        return os.pidfd_open(host)
    except (AttributeError, OSError):
        return -1


def _prctl() -> Callable[[int, int], object]:
    import ctypes

    call = getattr(ctypes.CDLL(None), "prctl", None)
    return (lambda option, value: call(option, value, 0, 0, 0)) if call is not None else (lambda option, value: 0)


if __name__ == "__main__":
    main()
