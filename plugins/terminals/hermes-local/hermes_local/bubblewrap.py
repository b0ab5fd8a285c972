"""The view of the machine that confined commands get, as arguments of `bwrap(1)`."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_local.policy import Policy

__all__ = ["arguments", "find_program", "trouble"]

_OF_THE_KERNEL = ("sys", "irq", "bus", "sysrq-trigger")
_TALKATIVE = ("kcore", "keys", "kmsg", "timer_list", "sched_debug")


def find_program() -> str:
    """The path of bubblewrap; empty where it is not installed."""
    return shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin") or ""


@lru_cache(maxsize=4)
def trouble(program: str) -> str:
    """Why bubblewrap cannot be used here; empty when it can. Tried once: it may be installed and yet not permitted."""
    if not program:
        return "bubblewrap is not installed"
    words = [program, "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
    try:
        tried = subprocess.run(
            [*words, "--", "/bin/sh", "-c", ":"], capture_output=True, timeout=20, env={}, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"bubblewrap cannot be run: {error}"
    if tried.returncode:
        said = tried.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        return f"bubblewrap does not work here: {said[-1]}"
    return ""


def arguments(
    policy: Policy, *, readable: Sequence[str], empty: str, placeholders: Sequence[str], shared_memory: int
) -> list[str]:
    """Everything up to the program. `readable` must be visible whatever lies around it; `empty` is a file that nobody
    may read, put in the place of hidden ones; `placeholders` are directories made for what must not come into being;
    `shared_memory` is the size of /dev/shm in bytes."""
    words = ["--die-with-parent", "--as-pid-1", "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
    words += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
    if not policy.network:
        words.append("--unshare-net")
    return words + ["--ro-bind", "/", "/"] + _system(shared_memory) + _places(policy, readable, empty, placeholders)


def _system(shared_memory: int) -> list[str]:
    words = ["--dev", "/dev", "--size", str(shared_memory), "--perms", "1777", "--tmpfs", "/dev/shm"]
    words += ["--proc", "/proc"]
    for name in _OF_THE_KERNEL:
        words += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    for name in _TALKATIVE:
        if os.path.exists(f"/proc/{name}"):
            words += ["--ro-bind", "/dev/null", f"/proc/{name}"]
    words += ["--tmpfs", "/run"]
    # Names are looked up as this file says, and it often lies in /run.
    names = os.path.realpath("/etc/resolv.conf")
    if names.startswith("/run/") and os.path.isfile(names):
        words += ["--ro-bind", names, names]
    return [*words, "--remount-ro", "/run"]


def _places(policy: Policy, readable: Sequence[str], empty: str, placeholders: Sequence[str]) -> list[str]:
    """From the top downwards: what lies deeper is mounted later, over what lies around it."""
    steps: list[tuple[str, list[str]]] = []
    closed = []
    for path in policy.hidden:
        if os.path.isdir(path):
            steps.append((path, ["--perms", "0111", "--tmpfs", path]))
            closed.append(path)
        else:
            steps.append((path, ["--ro-bind-try", empty, path]))
    steps += [(path, ["--ro-bind-try", path, path]) for path in policy.shown]
    for path in policy.writable:
        steps.append((path, ["--bind", policy.private.get(path, path), path]))
    # What is hidden is protected by that; mounted once more, it would be seen again.
    kept = [path for path in (*policy.found.there, *placeholders) if policy.readable(path)]
    for path in _above([*kept, *policy.hidden], policy.writable):
        if policy.readable(path):
            steps.append((path, ["--bind", path, path]))
    steps += [(path, ["--ro-bind", path, path]) for path in kept]
    steps += [(path, ["--ro-bind", path, path]) for path in readable if _covered(path, policy)]
    steps.sort(key=lambda step: step[0].rstrip("/").count("/"))
    words = [word for _, step in steps for word in step]
    for path in closed:
        if path not in policy.writable:
            words += ["--remount-ro", path]
    return words


def _above(paths: Sequence[str], writable: Sequence[str]) -> list[str]:
    """The directories between what is protected and the writable directory around it: each becomes a mount of its own,
    so that it cannot be renamed and another put in its place."""
    found: dict[str, None] = {}
    for path in paths:
        directory = os.path.dirname(path)
        while directory not in writable and any(directory.startswith(root + "/") for root in writable):
            found[directory] = None
            directory = os.path.dirname(directory)
    return list(found)


def _covered(path: str, policy: Policy) -> bool:
    covering = [*policy.hidden, *policy.private]
    return any(path == root or path.startswith(root + "/") for root in covering)
