"""Instances: started for a session, named after the process they belong to, ended with it or after it."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError, HermesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hermes_singularity.settings import Settings

__all__ = ["Instance", "client_environment", "find_program", "list_names", "ours", "run_client", "stop"]

_PREFIX = "hermes"
_STOP_SECONDS = 30.0
_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|TZ|TMPDIR|XDG_RUNTIME_DIR|DBUS_SESSION_BUS_ADDRESS|SSL_CERT_(FILE|DIR)"
    r"|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|(APPTAINER|SINGULARITY)_(CACHEDIR|TMPDIR|CONFIGDIR|LOCALCACHEDIR)"
)


def client_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The part of `environ` the command line itself needs. Nothing else, for `APPTAINERENV_*` goes into containers."""
    return {name: value for name, value in environ.items() if _PASSED.fullmatch(name)}


def find_program(settings: Settings) -> str:
    """The absolute path of the command line. Raises `ConfigError` where there is none."""
    for name in (settings.program,) if settings.program else ("apptainer", "singularity"):
        found = shutil.which(name)
        if found:
            return found
    if settings.program:
        missing = f"There is no program {settings.program!r} on this machine."
    else:
        missing = "Neither 'apptainer' nor 'singularity' is on this machine."
    raise ConfigError(
        missing,
        remedy="Install Apptainer (https://apptainer.org), or set `singularity.program` to where it is.",
    )


async def run_client(argv: Sequence[str], *, timeout: float) -> str:
    """Run the command line to its end and give what it writes. Raises `HermesError` with its own words."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=client_environment(os.environ),
        cwd="/",
        start_new_session=True,
    )
    shown = " ".join(argv[:3])
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate()
    except TimeoutError:
        raise HermesError(f"`{shown}` took longer than {timeout:g} s.", remedy="Run it by hand to see why.") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, 9)
            await process.wait()
    if process.returncode:
        said = " ".join(err.decode("utf-8", "replace").split()[-80:]) or "it gave no reason"
        raise HermesError(f"`{shown}` failed: {said}", remedy="Run `hermes terminal doctor`.")
    return out.decode("utf-8", "replace")


def _started(pid: int) -> str:
    """When a process was started, in the kernel's count; empty where it does not run. Tells a reused number apart."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = text.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]


class Instance:
    """A container that runs for one session. `folder` is where overlays and scratch space are kept."""

    def __init__(self, program: str, settings: Settings, folder: Path, key: str) -> None:
        self.program = program
        self._settings = settings
        self._folder = folder / hashlib.sha256(key.encode()).hexdigest()[:24]
        self._lock = -1
        self.name = f"{_PREFIX}-{os.getpid()}-{_started(os.getpid())}-{secrets.token_hex(5)}"

    async def start(self, directory: str) -> None:
        """Start it, with the host's `directory` in it where that is wanted and exists. Raises `HermesError`."""
        self._take_lock()
        scratch = self._scratch
        scratch.mkdir(mode=0o700)
        flags = ["--containall", "--no-home", "--workdir", str(scratch)]
        if self._settings.persistent:
            overlay = self._folder / "overlay"
            overlay.mkdir(mode=0o700, exist_ok=True)
            flags += ["--overlay", str(overlay)]
        else:
            flags.append("--writable-tmpfs")
        if directory:
            flags += ["--bind", f"{_bindable(directory)}:{directory}"]
        for each in self._settings.bind:
            flags += ["--bind", each]
        if self._settings.network == "none":
            flags += ["--net", "--network", "none"]
        if self._settings.cpus:
            flags += ["--cpus", f"{self._settings.cpus:g}"]
        if self._settings.memory:
            flags += ["--memory", self._settings.memory]
        if self._settings.nvidia:
            flags.append("--nv")
        argv = [self.program, "instance", "start", *flags, _located(self._settings.image), self.name]
        await run_client(argv, timeout=self._settings.start_timeout)

    def _take_lock(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Two containers that write to one overlay at the same time would damage it.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HermesError(
                "This session's container runs already, in this or another process.", remedy="End the other one first."
            ) from None

    @property
    def _scratch(self) -> Path:
        return self._folder / f"scratch-{self.name.rpartition('-')[2]}"

    def inside(self, *argv: str, mark: str = "") -> list[str]:
        """The command line that runs `argv` in the container, with a clean environment but for the mark."""
        marked = ["--env", f"HERMES_TERMINAL={mark}"] if mark else []
        return [self.program, "exec", "--cleanenv", *marked, "--pwd", "/", f"instance://{self.name}", *argv]

    async def end(self) -> None:
        """End it and everything in it; what it changed in the image stays in the overlay."""
        try:
            await stop(self.program, self.name)
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Remove the scratch space and free the overlay."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _located(image: str) -> str:
    return image if "://" in image else os.path.expanduser(image)


def _bindable(directory: str) -> str:
    if re.search(r"[:,\\]", directory):
        raise ConfigError(
            f"The directory {directory!r} cannot be there in a container: its name has a colon, comma or backslash.",
            remedy="Start somewhere else, or set `singularity.bind_directory` to false.",
        )
    return directory


async def stop(program: str, name: str) -> None:
    """End an instance: asked first, and killed after a second."""
    await run_client([program, "instance", "stop", "--timeout", "1", name], timeout=_STOP_SECONDS)


async def list_names(program: str) -> list[str]:
    """The names of the instances there are."""
    answer = await run_client([program, "instance", "list", "--json"], timeout=_STOP_SECONDS)
    try:
        found = json.loads(answer or "{}").get("instances") or []
        return [str(each["instance"]) for each in found]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise HermesError(f"`{program} instance list --json` answered something else: {answer[:200]!r}") from None


def ours(name: str) -> bool | None:
    """Whether the process an instance belongs to still runs; None for an instance of somebody else's."""
    found = re.fullmatch(rf"{_PREFIX}-(\d+)-(\d+)-[0-9a-f]+", name)
    return None if found is None else _started(int(found[1])) == found[2]
