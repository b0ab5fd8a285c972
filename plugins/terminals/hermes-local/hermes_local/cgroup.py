"""A control group for one sandbox: how many processes and how much memory all of it may have together."""

from __future__ import annotations

import os
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["ControlGroup", "create"]

_STALE_SECONDS = 600


class ControlGroup:
    """Directories of the control group file system, one or two (version 1 has one for each kind of limit)."""

    def __init__(self, directories: list[Path]) -> None:
        self.directories = directories

    @property
    def entrances(self) -> list[str]:
        """Files into which a process writes its number to come in."""
        return [str(directory / "cgroup.procs") for directory in self.directories]

    def remove(self) -> None:
        """Remove it, once nothing runs in it; takes a moment after the last process has ended."""
        for directory in self.directories:
            for _ in range(50):
                try:
                    directory.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    _NEVER.wait(0.02)  # nobody is told when the last process has left a group of version 1
                else:
                    break


_NEVER = threading.Event()


def create(processes: int, memory: int) -> ControlGroup | None:
    """A group with these limits (memory in bytes); None where this user may make none."""
    made: list[Path] = []
    name = f"hermes-{secrets.token_hex(6)}"
    try:
        own = _own()
        if "pids" in own and "memory" in own:
            made = [_make(own["pids"] / name), _make(own["memory"] / name)]
            _limit(made[0] / "pids.max", processes)
            _limit(made[1] / "memory.limit_in_bytes", memory)
            with suppress(OSError):
                _limit(made[1] / "memory.memsw.limit_in_bytes", memory)
        elif "" in own:
            # Beside the group this process is in: one that holds processes can have no limited groups below it.
            made = [_make(own[""].parent / name)]
            _limit(made[0] / "pids.max", processes)
            _limit(made[0] / "memory.max", memory)
            with suppress(OSError):
                _limit(made[0] / "memory.swap.max", 0)
        else:
            return None
        if all(os.access(entrance, os.W_OK) for entrance in ControlGroup(made).entrances):
            return ControlGroup(made)
    except OSError:
        pass
    ControlGroup(made).remove()
    return None


def _make(directory: Path) -> Path:
    for left in directory.parent.glob("hermes-*"):
        # Of a host that was killed. One in use cannot be removed, and one just made has not been entered yet.
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                left.rmdir()
    directory.mkdir()
    return directory


def _limit(file: Path, value: int) -> None:
    file.write_text(str(value), encoding="ascii")


def _own() -> dict[str, Path]:
    """Where this process's groups lie: by controller in version 1, under "" in version 2."""
    groups: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        groups.update(dict.fromkeys(controllers.split(","), path))
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        root, mounted = before.split(" ")[3:5]
        kind, _, options = after.split(" ", 2)
        names = options.split(",") if kind == "cgroup" else [""] if kind == "cgroup2" else []
        for name in names:
            if name in groups and groups[name].startswith(root.rstrip("/") or "/"):
                found.setdefault(name, Path(mounted) / groups[name][len(root.rstrip("/")) :].lstrip("/"))
    return found
