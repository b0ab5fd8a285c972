"""Finding and killing every descendant of a process; part of the warden, so with as few imports as possible."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as in the warden
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable
else:
    import _signal as signal

__all__ = ["descendants", "kill", "kill_tree", "processes"]


def processes() -> list[tuple[int, int]]:
    """Every process with its parent."""
    found = []
    try:
        names = os.listdir("/proc")
    except OSError:
        return _listed_by_ps()
    for name in names:
        if name.isdigit():
            parent = _parent(int(name))
            if parent >= 0:
                found.append((int(name), parent))
    return found


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123, pathlib would triple the start-up time
            # The program's name stands in parentheses and may hold anything.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return -1


def _listed_by_ps() -> list[tuple[int, int]]:
    with os.popen("ps -Ao pid=,ppid=") as listing:
        return [(int(pid), int(parent)) for pid, parent in (line.split() for line in listing)]


def descendants(root: int) -> list[tuple[int, int]]:
    """The descendants of `root`, each with its parent and after it."""
    children_of = _children if _children(root) is not None else _children_by_scanning()
    found: list[tuple[int, int]] = []
    level = [root]
    while level:
        parent = level.pop(0)
        for pid in children_of(parent) or ():
            found.append((pid, parent))
            level.append(pid)
    return found


def _children(pid: int) -> list[int] | None:
    """The children of one process; None where it is gone or the system does not tell."""
    # Much faster than looking at every process there is: what keeps forking and ending must be caught in between.
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123, as above
                children += [int(child) for child in file.read().split()]
    except OSError:
        return None
    return children


def _children_by_scanning() -> Callable[[int], list[int] | None]:
    by_parent: dict[int, list[int]] = {}
    for pid, parent in processes():
        by_parent.setdefault(parent, []).append(pid)
    return by_parent.get


def kill_tree(root: int, session: int = 0) -> None:
    """Kill every descendant of `root`: first freeze them until no new one appears, so that none can fork away."""
    frozen: set[int] = set()
    tree = descendants(root)
    while any(pid not in frozen for pid, _ in tree):
        for pid, parent in tree:
            if pid not in frozen:
                kill(pid, parent, signal.SIGSTOP)
                frozen.add(pid)
        tree = descendants(root)
    for pid, parent in tree:
        kill(pid, parent, signal.SIGKILL)
    if session:
        try:
            os.killpg(session, signal.SIGKILL)
        except OSError:
            pass


def kill(pid: int, parent: int, number: int) -> None:
    """Send a signal to exactly the process that was seen: its number may belong to another one by now."""
    try:
        descriptor = os.pidfd_open(pid)
    except AttributeError:
        try:
            os.kill(pid, number)
        except OSError:
            pass
        return
    except OSError:
        return
    try:
        # An orphan is this process's child by now.
        if _parent(pid) in (parent, os.getpid()):
            signal.pidfd_send_signal(descriptor, number)
    except OSError:
        pass
    finally:
        os.close(descriptor)
