"""Git as a store of files: run with an environment of its own, so that nobody else's settings, hooks or filters act.

The command line is used and no library: it is on every developer's machine, and it is the reference for the format.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Git", "GitProblem", "Stopped", "git_program"]

_SETTINGS = {
    "core.autocrlf": "false",
    "core.attributesFile": os.devnull,
    "core.bare": "false",
    "core.excludesFile": os.devnull,
    "core.fileMode": "true",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.longPaths": "true",
    "core.precomposeUnicode": "false",
    "core.quotePath": "false",
    "core.safecrlf": "false",
    "core.symlinks": "true",
    "diff.renames": "false",
    "gc.auto": "0",
    "gc.autoDetach": "false",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "submodule.recurse": "false",
}


class GitProblem(HermesError):
    """Git failed, is missing, or took too long."""


class Stopped(GitProblem):
    """Nobody waits for the answer any more."""


def git_program() -> str:
    """The path of git. Raises `GitProblem` where there is none."""
    found = shutil.which("git")
    if found is None:
        raise GitProblem("git is not installed.", remedy="Install it, or set checkpoints.enabled to false.")
    return found


class Git:
    """Git on one bare store and one work tree. Used by one thread; `stop` may be called from another."""

    def __init__(self, store: Path, workspace: Path, *, timeout: float) -> None:
        self._program = git_program()
        self._workspace = workspace
        self.folder = store.parent
        """Where this plugin keeps what belongs to the workspace."""
        self._until = time.monotonic() + timeout
        self._timeout = timeout
        self._stopped = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._options = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP") if name in os.environ},
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_AUTHOR_EMAIL": "checkpoints@localhost",
            "GIT_AUTHOR_NAME": "checkpoints",
            "GIT_COMMITTER_EMAIL": "checkpoints@localhost",
            "GIT_COMMITTER_NAME": "checkpoints",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_DIR": str(store),
            "GIT_INDEX_FILE": str(store / "index"),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_WORK_TREE": str(workspace),
            "HOME": str(store),
            "LC_ALL": "C",
        }

    def stop(self) -> None:
        """End what runs, and refuse all that would follow."""
        self._stopped.set()
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> bytes:
        """What git wrote. Raises `GitProblem` for exit codes other than 0 and those of `accept`."""
        process = self._start(arguments, environment, errors=subprocess.PIPE)
        try:
            output, errors = process.communicate(stdin, timeout=max(0.1, self._until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise GitProblem(f"it took longer than {self._timeout:g} s (checkpoints.timeout).") from None
        finally:
            self._process = None
        if self._stopped.is_set():
            raise Stopped("it was interrupted.")
        if process.returncode not in (0, *accept):
            said = errors.decode("utf-8", "replace").strip().splitlines()
            raise GitProblem(f"git {arguments[0]} failed: {said[-1] if said else f'code {process.returncode}'}")
        return output

    def lines(
        self, *arguments: str, environment: Mapping[str, str] | None = None, limit: int, folder: str = ""
    ) -> list[bytes]:
        """What git wrote with `-z`, as a list. Raises `GitProblem` as soon as there are more than `limit` items."""
        process = self._start(arguments, environment, folder=folder, errors=subprocess.DEVNULL)
        timer = threading.Timer(max(0.1, self._until - time.monotonic()), process.kill)
        timer.start()
        found: list[bytes] = []
        rest = b""
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.close()
            while piece := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
                *whole, rest = (rest + piece).split(b"\0")
                found += whole
                if len(found) > limit:
                    raise GitProblem(f"it has more than {limit:,} files (checkpoints.max_files).")
            code = process.wait()
        finally:
            timed_out = not timer.is_alive()
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
            self._process = None
        if self._stopped.is_set():
            raise Stopped("it was interrupted.")
        if timed_out:
            raise GitProblem(f"it took longer than {self._timeout:g} s (checkpoints.timeout).")
        if code:
            raise GitProblem(f"git {arguments[0]} failed with code {code}.")
        return found

    def _start(
        self, arguments: Sequence[str], environment: Mapping[str, str] | None, *, errors: int, folder: str = ""
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped.is_set():
                raise Stopped("it was interrupted.")
            try:
                self._process = subprocess.Popen(
                    [self._program, *self._options, *arguments],
                    cwd=folder or (self._workspace if self._workspace.is_dir() else self.folder),
                    # An empty one means that it is not set.
                    env={name: value for name, value in {**self._environment, **(environment or {})}.items() if value},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Ctrl+C is for the conversation
                )
            except OSError as error:
                raise GitProblem(f"git could not be run: {error.strerror}.") from error
            return self._process
