"""The warden: a small process beside the host that starts every command and never lets one outlive the host.

This file runs on its own (`python -I -S`, standard library only, and of that as little as possible: it starts in a few
milliseconds and every command is a fork of it). The host passes it, for each command, one message with file descriptors
(control socket, standard input, output, error, and the script where there is one). The warden forks a *keeper* for the
command, and the keeper starts the program in a session of its own.

A keeper is the *subreaper* of its command (Linux, `prctl(2)` PR_SET_CHILD_SUBREAPER): whatever the command starts stays
a descendant of the keeper, also after `setsid`, `nohup` or a double fork, and however its environment was changed. So
"kill the command" has an exact meaning: freeze and kill every descendant until `waitpid` says there is none. It happens
when the host asks for it, when the control socket closes, and when the host's process ends, however it ends. A keeper
that was itself killed leaves its command to the warden, which is a subreaper too and kills it.

Where there is no subreaper (macOS) the same is done for the descendants `ps` shows and for the command's session; a
process that has both left the session and lost its parent before it is looked for escapes there.

Control socket, host to keeper: one request (4 bytes length, then `marshal`), later `K` to kill, or end of file, which
means the same. Keeper to host, 5 bytes each: `S` + process id, `E` + errno of the program, `D` + errno of the
directory, `X` + exit code; end of file means that nothing of the command is left.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import select
import sys
import time

from hermes_local.killing import descendants, kill, kill_tree, processes

TYPE_CHECKING = False  # not from typing, which would take longer than all the rest
if TYPE_CHECKING:
    import signal
    import socket
else:  # the C modules: the public ones import enum, which doubles the time this takes to start
    import _signal as signal
    import _socket as socket

SCRIPT_FD = 3
"""Where a command finds its script (`sh /dev/fd/3`)."""

_MAX_DESCRIPTORS = 6
_GRACE_SECONDS = 0.4
"""Between asking a command to end and killing it: an interrupt must take effect within a second."""
_PR_SET_CHILD_SUBREAPER = 36
_prctl = getattr(ctypes.CDLL(None), "prctl", None)


def main() -> None:
    """Serve the host on the socket that is standard input, until it closes or the host's process is gone."""
    requests = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, os.dup(0))
    host = _watch_host(int(sys.argv[2]))
    if len(sys.argv) > 3:
        _enter_sandbox(requests, int(sys.argv[3]))
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    _become_subreaper()
    _prefer_to_be_killed_when_memory_is_short()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        # `pkill python` in a command must not take the guard away. Its end is the host's end.
        signal.signal(number, signal.SIG_IGN)
    _Warden(requests, host).serve()


def _enter_sandbox(requests: socket.socket, plan: int) -> None:
    """Confine this process, and say `R` when that is done. At any failure it ends: nothing runs unconfined."""
    try:
        from hermes_local.confine import become_unreadable, confine

        _prefer_to_be_killed_when_memory_is_short()
        parts = []
        while part := os.read(plan, 1 << 20):
            parts.append(part)
        os.close(plan)
        confine(marshal.loads(b"".join(parts)))
        become_unreadable()
    except OSError as error:
        os.write(2, f"{error}\n".encode())
        os._exit(1)
    requests.sendall(b"R")


class _Warden:
    """Keeps one keeper waiting for the next request, so that no command waits for a fork."""

    def __init__(self, requests: socket.socket, host: int) -> None:
        self.requests = requests
        self.host = host
        self.children = _watch_children()
        self.taken, self.take = os.pipe()
        os.set_blocking(self.taken, False)
        self.waiting = 0
        self.keepers: set[int] = set()

    def serve(self) -> None:
        """Never returns."""
        poll = select.poll()
        poll.register(self.requests.fileno(), 0)  # its end only: requests are for the keeper that waits
        for descriptor in (self.taken, self.children, self.host):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        self.prepare()
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self.taken in ready:
                _drain(self.taken)
                self.prepare()
            if self.children in ready:
                self.reap()
            if self.host in ready or self.requests.fileno() in ready:
                break
        os.close(self.requests.detach())
        # The keepers see the same end and clear up; wait for them, and for what a killed keeper left.
        while True:
            try:
                pid, _ = os.waitpid(-1, 0)
            except ChildProcessError:
                break
            self.keepers.discard(pid)
            self.kill_strays()
        os._exit(0)

    def prepare(self) -> None:
        """Fork the keeper that takes the next request."""
        self.waiting = os.fork()
        if self.waiting == 0:
            try:
                _Keeper(self.host).keep(self.requests, self.take)
            finally:
                os._exit(0)
        self.keepers.add(self.waiting)

    def reap(self) -> None:
        _drain(self.children)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.keepers.discard(pid)
            if os.WIFSIGNALED(status):
                self.kill_strays()
            if pid == self.waiting:
                self.prepare()

    def kill_strays(self) -> None:
        """Kill the children that are no keepers: what is left of commands whose keeper was killed."""
        me = os.getpid()
        for pid, parent in processes():
            if parent == me and pid not in self.keepers:
                kill_tree(pid)
                kill(pid, me, signal.SIGKILL)


class _Keeper:
    """Starts one command, reports its end, and kills what is left of it when told."""

    control: socket.socket

    def __init__(self, host: int) -> None:
        _become_subreaper()
        self.host = host
        self.children = _watch_children()
        self.descriptors: list[int] = []
        self.command = 0

    def keep(self, requests: socket.socket, take: int) -> None:
        """Wait for a request and see it through."""
        poll = select.poll()
        for descriptor in (requests.fileno(), self.host):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        if any(descriptor == self.host for descriptor, _ in poll.poll()):
            return
        descriptors = _receive(requests)
        os.close(requests.detach())
        if not descriptors:
            return
        os.write(take, b"t")
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, descriptors.pop(0))
        self.descriptors = descriptors
        try:
            self._start(*self._request())
        finally:
            for descriptor in self.descriptors:
                os.close(descriptor)
        self._watch()

    def _request(self) -> tuple[bytes, list[bytes], dict[bytes, bytes], bool]:
        """The directory, the arguments, the environment, and whether the first descriptor is a terminal."""
        data = b""
        while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "big"):
            more = self.control.recv(1 << 20)
            if not more:
                os._exit(0)
            data += more
        directory, argv, env, in_terminal = marshal.loads(data[4:])
        # The shell's `cd`, and programs that print where they are, go by PWD.
        return directory, argv, {**env, b"PWD": directory}, in_terminal

    def _start(self, directory: bytes, argv: list[bytes], env: dict[bytes, bytes], in_terminal: bool) -> None:
        try:
            os.chdir(directory)
        except OSError as error:
            self._say(b"D", error.errno or 0)
            os._exit(0)
        try:
            program = _find(argv[0], env.get(b"PATH", os.defpath.encode()))
            if in_terminal:
                self.command = _start_in_terminal(program, argv, env, self.descriptors)
            else:
                self.command = _start(program, argv, env, self.descriptors)
        except OSError as error:
            self._say(b"E", error.errno or 0)
            os._exit(0)
        self._say(b"S", self.command)

    def _say(self, kind: bytes, number: int) -> None:
        try:
            self.control.sendall(kind + number.to_bytes(4, "big"))
        except OSError:
            pass  # the host is gone, which the watch below sees

    def _watch(self) -> None:
        poll = select.poll()
        for descriptor in (self.control.fileno(), self.children, self.host):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        if self._reap():
            return
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self.children in ready and self._reap():
                return
            if self.host in ready or self.control.fileno() in ready:
                self._kill()

    def _reap(self) -> bool:
        """Take in what has ended; true when nothing is left."""
        _drain(self.children)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.command:
                self.command = 0
                code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
                self._say(b"X", code)

    def _kill(self) -> None:
        """Ask everything to end, wait a little, then kill. Never returns: at the end nothing is left."""
        for pid, parent in descendants(os.getpid()):
            # A stopped process cannot answer; an interactive shell heeds only the hang-up.
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
                kill(pid, parent, number)
        patience = _GRACE_SECONDS
        while not self._all_ended(patience):
            kill_tree(os.getpid(), self.command)
            patience = 1.0
        os._exit(0)

    def _all_ended(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.children, select.POLLIN)
        until = time.monotonic() + seconds
        while not self._reap():
            left = until - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                return self._reap()
        return True


# ---------------------------------------------------------------------------------------------------- starting


def _find(program: bytes, path: bytes) -> bytes:
    if b"/" in program:
        return program
    for directory in path.split(b":"):
        candidate = os.path.join(directory or b".", program)
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):
            return candidate
    raise FileNotFoundError(2, "No such program")


_HEEDED = (
    signal.SIGPIPE,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGCHLD,
    signal.SIGXFSZ,
)
"""Signals that this process treats in its own way and a command must find as usual."""


def _start(program: bytes, argv: list[bytes], env: dict[bytes, bytes], descriptors: list[int]) -> int:
    # The targets 0 to 2 are no received descriptors (this process keeps them open), and the script's 3 comes last,
    # so no descriptor is overwritten before it is used.
    actions = [(os.POSIX_SPAWN_DUP2, source, target) for target, source in enumerate(descriptors)]
    return os.posix_spawn(program, argv, env, file_actions=actions, setsid=True, setsigmask=(), setsigdef=_HEEDED)


def _start_in_terminal(program: bytes, argv: list[bytes], env: dict[bytes, bytes], descriptors: list[int]) -> int:
    """As `_start`, with the first descriptor as the controlling terminal."""
    failed, failure = os.pipe()
    pid = os.fork()
    if pid == 0:
        number = 0
        try:
            signal.set_wakeup_fd(-1)
            os.login_tty(descriptors[0])
            if len(descriptors) > 3:
                os.dup2(descriptors[3], SCRIPT_FD)
            for heeded in _HEEDED:
                signal.signal(heeded, signal.SIG_DFL)
            os.execve(program, argv, env)
        except OSError as error:
            number = error.errno or 0
        finally:
            os.write(failure, number.to_bytes(4, "big"))
            os._exit(127)
    os.close(failure)
    reason = os.read(failed, 4)
    os.close(failed)
    if reason:
        os.waitpid(pid, 0)
        raise OSError(int.from_bytes(reason, "big"), "exec")
    return pid


# ---------------------------------------------------------------------------------------------------- watching


def _watch_children() -> int:
    """A descriptor that becomes readable when a child ends."""
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return readable


def _watch_host(number: int) -> int:
    """A descriptor that becomes readable when the host's process ends; -1 where the system has none.

    The host gives its process id, or, negated, a descriptor where that id has no meaning (in a sandbox). The closing of
    the host's sockets says the same, unless a process the host forked holds copies of them.
    """
    if number < 0:
        os.set_inheritable(-number, False)
        return -number
    try:
        return os.pidfd_open(number)
    except (AttributeError, OSError):
        return -1


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except BlockingIOError:
        pass


def _receive(requests: socket.socket) -> list[int]:
    """The descriptors of one request; empty when the host has closed."""
    size = 4
    _, ancillary, _, _ = requests.recvmsg(
        1, socket.CMSG_SPACE(_MAX_DESCRIPTORS * size), getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    )
    descriptors: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(data) - len(data) % size
            descriptors += [int.from_bytes(data[i : i + size], sys.byteorder) for i in range(0, whole, size)]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return descriptors


def _become_subreaper() -> None:
    """From now on this process inherits orphaned descendants. Not inherited by forks; Linux only."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _prefer_to_be_killed_when_memory_is_short() -> None:
    """Commands inherit this: when memory runs out the kernel ends them rather than the host."""
    try:
        descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    except OSError:
        return
    try:
        os.write(descriptor, b"500")
    except OSError:
        pass
    finally:
        os.close(descriptor)
