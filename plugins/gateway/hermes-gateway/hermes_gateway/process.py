"""The gateway's process seen from outside: is it there, how does it fare, start it, end it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from hermes_gateway.ownership import holder, process_start
from hermes_host.context import private_directory
from hermes_host.errors import HermesError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LOG", "STATE_FILE", "snapshot", "start", "stop", "workspace"]

LOG = "gateway.log"
STATE_FILE = "gateway_state.json"

_START_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
"""How long to wait until it runs, and then until its platforms have connected or failed to."""


def snapshot(home: Path) -> dict[str, Any]:
    """What the running gateway last wrote about itself, with `running` said by its lock; `state` is `stopped`, or
    `failed` with what was wrong, when none runs."""
    owner = holder(home)
    try:
        found = json.loads((home / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = {}
    if owner is None:
        crashed = found.get("state") not in (None, "stopped", "failed")
        kept = {"parts": found.get("parts", [])} if found.get("state") == "failed" else {}
        return {"running": False, "state": "crashed" if crashed else found.get("state", "stopped"), **kept}
    if found.get("pid") != owner["pid"]:
        found = {"state": "starting", "parts": []}
    return {**found, "running": True, "pid": owner["pid"]}


def start(home: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Start a gateway of its own in the background and wait until it runs; gives what it says.

    Raises `HermesError` with the end of its log when it ends instead.
    """
    log = private_directory(home / "logs") / LOG
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", "from hermes_host.cli import main; main()", "gateway", "run"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            cwd=workspace(home),
        )
    finally:
        os.close(descriptor)
    deadline, patience = time.monotonic() + _START_SECONDS, 0.0
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            raise HermesError(
                f"The gateway ended at once (exit code {process.returncode}): {_last_line(log)}",
                remedy=f"`hermes gateway logs` shows {log}.",
            )
        found = snapshot(home)
        if found["running"] and found["state"] == "running":
            patience = patience or time.monotonic() + _CONNECT_SECONDS
            if time.monotonic() > patience or not any(map(_is_connecting, found["parts"])):
                return found
    raise HermesError(f"The gateway is not ready after {_START_SECONDS:.0f} s.", remedy="`hermes gateway logs`")


def stop(home: Path, *, force: bool = False, timeout: float = 60.0) -> int:
    """End the gateway of `home` and wait for that; gives its process id.

    Raises `NotFound` when none runs, `HermesError` when it does not end in time. `force` ends it without waiting for
    turns.
    """
    owner = holder(home)
    if owner is None:
        raise NotFound("No gateway runs here.", remedy="`hermes gateway start` starts one.")
    pid = int(owner["pid"])
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return pid
    try:
        # The descriptor names one process for good: a later one of the same number is not hit.
        if process_start(pid) == owner["started"]:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL if force else signal.SIGTERM)
            if not select.select([descriptor], [], [], timeout)[0]:
                raise HermesError(
                    f"The gateway (process {pid}) has not ended after {timeout:.0f} s.",
                    remedy="A turn may still run: wait, or `hermes gateway stop --force`. Nothing is lost by that.",
                )
    finally:
        os.close(descriptor)
    return pid


def workspace(home: Path) -> Path:
    """Where conversations of a gateway in the background work that no setting puts elsewhere; made if need be."""
    return private_directory(home / "workspace")


def _is_connecting(part: Mapping[str, Any]) -> bool:
    return (part["kind"], part.get("state", "starting")) == ("adapter", "starting")


def _last_line(log: Path) -> str:
    with contextlib.suppress(OSError):
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        if lines:
            return lines[-1][:500]
    return "it said nothing."
