"""Memory and processor time of a process and all below it, from `/proc`."""

from __future__ import annotations

import os
from pathlib import Path

from hermes_local.killing import descendants

__all__ = ["begun", "memory_bytes", "processor_seconds", "tree"]

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def tree(root: int) -> list[int]:
    """A process and what lies below it; empty where it is gone."""
    return [root, *(pid for pid, _ in descendants(root))] if root and begun(root) else []


def begun(pid: int) -> int:
    """When the process was started, in clock ticks since the machine was; 0 where there is none. With the number it
    names a process: numbers are used again."""
    fields = _fields(pid)
    return int(fields[19]) if fields else 0


def processor_seconds(root: int) -> float:
    """What the process and all below it have used; that of children that have ended is in it once they were waited
    for. 0 where it is gone, or the system does not tell."""
    return sum(sum(map(int, fields[11:15])) for pid in tree(root) if (fields := _fields(pid))) / _TICK


def memory_bytes(root: int) -> int:
    """Resident memory."""
    return sum(int(fields[21]) for pid in tree(root) if (fields := _fields(pid))) * _PAGE


def _fields(pid: int) -> list[bytes]:
    """Those of `stat` after the program's name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []
