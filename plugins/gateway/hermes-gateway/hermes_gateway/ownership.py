"""One gateway for each state directory, one for each account: locks that end with the process that holds them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from hermes_host.context import private_directory
from hermes_host.errors import ConfigError

__all__ = ["Ownership", "holder", "hold_account"]

NAME = "gateway.lock"


class Ownership:
    """The right to be the gateway of a state directory, held from before anything else until the process ends."""

    def __init__(self, home: Path) -> None:
        self._path = private_directory(home) / NAME
        self._descriptor = -1

    def take(self) -> None:
        """Raises `ConfigError` when another process has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            other = holder(self._path.parent)
            who = f" (process {other['pid']})" if other else ""
            raise ConfigError(
                f"A gateway runs already for {self._path.parent}{who}.",
                remedy="`hermes gateway status` shows it, `hermes gateway restart` starts it anew.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "started": process_start(os.getpid())}).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it up. May be called twice."""
        if self._descriptor != -1:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def holder(home: Path) -> dict[str, Any] | None:
    """The process that is the gateway of `home`: `pid` and `started`; None where none runs."""
    try:
        descriptor = os.open(home / NAME, os.O_RDONLY)
    except OSError:
        return None
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None  # nobody holds it, whatever it says
        found = json.loads(os.pread(descriptor, 1000, 0) or b"null")
    except ValueError:
        return None
    finally:
        os.close(descriptor)
    return found if isinstance(found, dict) and found.get("started") == process_start(found.get("pid", 0)) else None


def process_start(pid: int) -> int:
    """When a process began, in clock ticks since boot; 0 where it is not known. Tells a process from a later one of
    the same number. Source: proc(5), field 22 of stat."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])


def hold_account(platform: str, account: str) -> int:
    """Keep other gateways of this user, whatever their home, from using the same account; gives the descriptor.

    Raises `ConfigError` when one does.
    """
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    name = hashlib.sha256(f"{platform}\0{account}".encode()).hexdigest()[:16]
    path = private_directory(state / "hermes" / "gateway-locks") / f"{platform}-{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ConfigError(
            f"Another gateway on this machine uses this account of {platform}.",
            remedy="Stop it, or give this one an account of its own.",
        ) from error
    return descriptor
