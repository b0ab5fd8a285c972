"""Removing what nobody uses any more: containers of this home alone, and only those no living process holds."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hermes_docker.containers import Labels
from hermes_docker.daemon import sdk
from hermes_docker.processes import has_jobs
from hermes_host.context import private_directory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from hermes_docker.daemon import Daemon

__all__ = ["nobody_uses", "of_this_home", "reap"]


async def reap(
    daemon: Daemon, home: str, locks: Path, lifetime: float, is_gone: Callable[[str], Awaitable[bool]]
) -> list[str]:
    """Remove containers left behind, and workspaces that were not to be kept; what was done, a line each.

    Those in which jobs run stay, unless `is_gone` says that nobody can come back to their session.
    """
    sessions = await daemon.call(lambda client: _sessions(client, home))
    gone = {session for session in sessions if await is_gone(session)}
    return await daemon.call(lambda client: _reap(client, home, locks, lifetime, gone))


def _sessions(client: Any, home: str) -> set[str]:
    found = client.containers.list(filters=of_this_home(home), ignore_removed=True)
    return {container.labels.get(Labels.SESSION, "") for container in found}


def of_this_home(home: str) -> dict[str, Any]:
    """The filter for containers and volumes that hermes made for this home."""
    return {"label": [f"{Labels.PLUGIN}=docker", f"{Labels.HOME}={home}"]}


@contextmanager
def nobody_uses(locks: Path, name: str) -> Iterator[bool]:
    """Whether no process has the container open; while the context lasts nobody can open it then."""
    descriptor = os.open(private_directory(locks) / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


def _reap(client: Any, home: str, locks: Path, lifetime: float, gone: set[str]) -> list[str]:
    docker = sdk()

    lines = []
    for container in client.containers.list(all=True, filters=of_this_home(home), ignore_removed=True):
        session = container.labels.get(Labels.SESSION, "")
        with nobody_uses(locks, container.name) as free:
            if not free:
                continue
            idle = time.time() - _ended(container)
            if container.status == "running" and session not in gone and has_jobs(client, container.id):
                continue
            if container.status == "running":
                why = "its hermes has ended"
            elif idle >= lifetime:
                why = f"idle for {idle / 60:,.0f} minutes"
            else:
                continue
            try:
                container.remove(force=True, v=True)
            except docker.errors.APIError:
                continue
            lines.append(f"container {container.name} of session {session}: removed, {why}")
    for volume in client.volumes.list(filters=of_this_home(home)):
        labels = volume.attrs.get("Labels") or {}
        if labels.get(Labels.PERSISTENT) == "1":
            continue
        with nobody_uses(locks, volume.name.removesuffix("-workspace")) as free:
            if not free:
                continue
            try:
                volume.remove()
            except docker.errors.APIError:
                continue  # a container has it
            lines.append(f"volume {volume.name} of session {labels.get(Labels.SESSION, '')}: removed")
    return lines


def _ended(container: Any) -> float:
    """When it stopped, or was made where it never ran, in seconds since the epoch."""
    for text in (container.attrs["State"].get("FinishedAt"), container.attrs.get("Created")):
        if text and not text.startswith("0001"):
            # Nanoseconds are more than Python reads.
            moment, _, _ = text.partition(".")
            try:
                return datetime.fromisoformat(moment.rstrip("Z")[:19] + "+00:00").timestamp() - _offset(text)
            except ValueError:
                continue
    return time.time()


def _offset(text: str) -> float:
    """Seconds east of UTC in a time as RFC 3339 has it: Podman writes local time."""
    zone = text[-6:]
    if zone[:1] in "+-" and zone[3:4] == ":":
        return (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60) * (-1 if zone[0] == "-" else 1)
    return 0.0
