"""A child process that may run a plugin's `plugin.py` and do nothing else: no network, no keys, no file of the user's,
little time. Where bubblewrap is missing, only keys and time are withheld. Memory is limited by the child itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["has_sandbox", "run_confined"]

_SECONDS = 20.0
_OUTPUT = 4_000_000
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")


@cache
def has_sandbox() -> bool:
    """Whether bubblewrap is there and works: some systems forbid it to make name spaces."""
    program = shutil.which("bwrap")
    if not program:
        return False
    command = [program, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def run_confined(command: Sequence[str], *, readable: Sequence[Path], folder: Path, seconds: float = _SECONDS) -> bytes:
    """What a command writes to standard output. It sees the system, the folders of `readable`, and may write to
    `folder`, where it runs. Raises `HermesError` when it fails, takes too long or writes too much."""
    if has_sandbox():
        command = [*_sandbox(readable, folder), *command]
    output, errors = folder / "output", folder / "errors"
    with output.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise HermesError(f"It did not describe itself within {seconds:g} s.") from None
        finally:
            _end(process)
    if code:
        tail = errors.read_bytes()[-2000:].decode("utf-8", "replace").strip().splitlines()
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with {code}"
        raise HermesError(f"Describing it ended {how}: {one_line(tail[-1], 200) if tail else 'it said nothing'}.")
    if output.stat().st_size > _OUTPUT:
        raise HermesError("What it says of itself is too long.")
    return output.read_bytes()


def _sandbox(readable: Sequence[Path], folder: Path) -> list[str]:
    command = [str(shutil.which("bwrap")), "--unshare-all", "--die-with-parent", "--new-session"]
    for path in _SYSTEM:
        command += ["--ro-bind-try", path, path]
    command += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    places = {Path(sys.prefix), Path(sys.base_prefix), *(Path(path) for path in sys.path if path), *readable}
    for place in sorted({*places, *(place.resolve() for place in places)}):
        if place != Path("/"):
            command += ["--ro-bind-try", str(place), str(place)]
    return [*command, "--bind", str(folder), str(folder), "--chdir", str(folder), "--"]


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group, children it left behind included."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
