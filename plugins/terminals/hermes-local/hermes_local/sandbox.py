"""Confining a session's commands: which means there are, and one sandbox for each terminal.

A sandbox is made once for a terminal, around the warden that starts its commands; a command costs nothing extra. With
bubblewrap the warden is the first process of namespaces of its own: when it ends, everything in them ends. Without
bubblewrap Landlock and a filter of system calls stand between commands and what they may not touch, which is less.
"""

from __future__ import annotations

import marshal
import os
import resource
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hermes_host.errors import ConfigError
from hermes_local import bubblewrap, cgroup, landlock, protected, seccomp
from hermes_local.plumbing import file_with
from hermes_local.policy import Policy, make_policy

if TYPE_CHECKING:
    from hermes_local.settings import Mode, Settings

__all__ = ["Level", "Sandbox", "level_of", "make"]

Means = Literal["bubblewrap", "landlock", ""]


@dataclass(frozen=True)
class Level:
    """How far commands can be confined here."""

    asked: Mode
    means: Means
    lacks: tuple[str, ...] = ()
    """What was asked for and is not given, as clauses."""
    reason: str = ""
    """Why there is no better means."""

    @property
    def full(self) -> bool:
        """Whether everything is given that was asked for."""
        return not self.lacks

    def __str__(self) -> str:
        if self.asked == "off":
            return "off: commands are not confined"
        names = {"bubblewrap": "bubblewrap and a filter of system calls", "landlock": "Landlock", "": "nothing"}
        by = names[self.means]
        text = f"{self.asked}, by {by}"
        if self.lacks:
            text += f"; lacking: {', '.join(self.lacks)}"
        return f"{text} ({self.reason})" if self.reason else text


def level_of(settings: Settings, mode: Mode, *, program: str | None = None) -> Level:
    """What `mode` comes to on this machine. May run bubblewrap once, to see whether it works."""
    if mode == "off":
        return Level("off", "")
    network = settings.sandbox_network if settings.sandbox_network is not None else mode == "workspace"
    reason = bubblewrap.trouble(bubblewrap.find_program() if program is None else program)
    lacks = [] if seccomp.SUPPORTED else ["a filter of system calls"]
    if not reason:
        if network and landlock.ABI < 6:
            lacks.append("abstract sockets of other programs are reachable")
        return Level(mode, "bubblewrap", tuple(lacks))
    if not landlock.ABI:
        return Level(mode, "", ("any confinement",), f"{reason}, and the kernel has no Landlock")
    lacks.append("protected files inside the session's directory can be written")
    lacks.append("other processes are seen" if landlock.ABI >= 6 else "other processes are seen and can be signalled")
    if mode == "strict":
        lacks.append("/tmp is shared")
    if not network and not seccomp.SUPPORTED:
        lacks.append("the network is open")
    return Level(mode, "landlock", tuple(lacks), reason)


@dataclass
class Sandbox:
    """What one terminal's warden is started with. `close` takes away what was made for it."""

    level: Level
    policy: Policy
    folder: str
    """Of this sandbox alone: its private temporary folders."""
    words: list[str] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)
    placeholders: list[protected.Placeholder] = field(default_factory=list)
    group: cgroup.ControlGroup | None = None

    def command(self, program: list[str], inherited: list[int]) -> list[str]:
        """The command line that starts `program` inside. Adds descriptors it needs to `inherited`."""
        words = list(program)
        if self.level.means == "bubblewrap":
            inherited.append(file_with("\0".join(self.words).encode("utf-8", "surrogateescape") + b"\0"))
            words = [bubblewrap.find_program(), "--args", str(inherited[-1]), "--", *words]
        if self.group is not None:
            entering = " && ".join(f'echo $$ > "${at}"' for at in range(1, len(self.group.entrances) + 1))
            shift = len(self.group.entrances)
            script = f'{entering} && shift {shift} && exec "$@"'
            words = ["/bin/sh", "-c", script, "sandbox", *self.group.entrances, *words]
        return words

    def plan_file(self) -> int:
        """A descriptor with what the warden is to lay on itself."""
        return file_with(marshal.dumps(self.plan))

    def sweep(self) -> list[str]:
        """Take away what must not be there and could not be kept from being made; says what it was."""
        gone = []
        for path in self.policy.found.swept:
            if os.path.lexists(path):
                with suppress(OSError):
                    if os.path.isdir(path) and not os.path.islink(path):
                        shutil.rmtree(path)
                    else:
                        os.unlink(path)
                    gone.append(path)
        return gone

    def close(self) -> None:
        """After everything in it has ended."""
        self.sweep()
        for placeholder in reversed(self.placeholders):
            placeholder.remove()
        if self.group is not None:
            self.group.remove()
        shutil.rmtree(self.folder, ignore_errors=True)


def make(settings: Settings, mode: Mode, directory: str, *, home: str, state: str, key: str, level: Level) -> Sandbox:
    """Prepare a sandbox. Raises `ConfigError` where commands cannot be confined, or not as fully as they must."""
    if not level.means or (settings.sandbox_required and not level.full):
        raise ConfigError(
            f"Commands cannot be confined as asked (sandbox {level}).",
            remedy="Install bubblewrap (`apt-get install bubblewrap`), or see `hermes terminal doctor`.",
        )
    folder = tempfile.mkdtemp(prefix="hermes-sandbox-")
    try:
        private = folder if level.means == "bubblewrap" else ""
        policy = make_policy(settings, mode, directory, home=home, state=state, key=key, private=private)
        sandbox = Sandbox(level, policy, folder)
        _prepare(sandbox, settings, mode)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return sandbox


def _prepare(sandbox: Sandbox, settings: Settings, mode: Mode) -> None:
    policy = sandbox.policy
    strict = mode == "strict"
    wrapped = sandbox.level.means == "bubblewrap"
    try:
        if wrapped:
            _make_placeholders(sandbox)
            empty = f"{sandbox.folder}/empty"
            os.close(os.open(empty, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0))
            sandbox.words = bubblewrap.arguments(
                policy,
                readable=own_files(),
                empty=empty,
                placeholders=[each.path for each in sandbox.placeholders],
                shared_memory=min(256, settings.sandbox_memory // 4) << 20,
            )
        if strict:
            sandbox.group = cgroup.create(settings.sandbox_processes, settings.sandbox_memory << 20)
    except BaseException:
        sandbox.close()
        raise
    code = b""
    if seccomp.SUPPORTED:
        inet = policy.network or wrapped
        code = seccomp.program(tracing=not strict and wrapped, inet=inet, unix=policy.network)
    sandbox.plan = {
        "limits": _limits(settings) if strict else [],
        "files": not wrapped,
        "readable": [] if wrapped else [os.fsencode(path) for path in _readable(policy)],
        "writable": [] if wrapped else [os.fsencode(path) for path in [*_writable(policy), *_DEVICES]],
        "drop": not wrapped,
        "no_tcp": not policy.network and not wrapped,
        "filter": code,
    }


def _make_placeholders(sandbox: Sandbox) -> None:
    # Directories, whatever is named: git and editors take no notice of empty ones.
    for path in sandbox.policy.found.missing:
        with suppress(OSError):  # where this process can make nothing, no command can
            sandbox.placeholders.append(protected.Placeholder(path))


def _limits(settings: Settings) -> list[tuple[int, int]]:
    return [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, settings.sandbox_processes),
        (resource.RLIMIT_DATA, settings.sandbox_memory << 20),
        (resource.RLIMIT_FSIZE, settings.sandbox_file_size << 20),
        (resource.RLIMIT_NOFILE, settings.sandbox_open_files),
    ]


_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts"))


def own_files() -> list[str]:
    """What the warden itself needs to read: Python and this package."""
    return list(dict.fromkeys(os.path.realpath(path) for path in (sys.base_prefix, str(Path(__file__).parent))))


def interpreter() -> str:
    """The Python that runs the warden: not that of a virtual environment, which may lie anywhere."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _readable(policy: Policy) -> list[str]:
    """Everything but what is hidden."""
    return [*policy.shown, *own_files(), *_around("/", [*policy.hidden, "/run"])]


def _writable(policy: Policy) -> list[str]:
    return [path for root in policy.writable for path in _around(root, policy.hidden)]


def _around(root: str, hidden: list[str]) -> list[str]:
    """`root` for Landlock, which knows no exceptions below what it allows: a directory above something hidden is given
    as the list of what else lies in it."""
    if root in hidden:
        return []
    above = set()
    for path in hidden:
        if path.startswith(root.rstrip("/") + "/"):
            parents = [str(parent) for parent in Path(path).parents]
            above.update(parents[: parents.index(root) + 1])
    if not above:
        return [root]
    found = []
    for directory in above:
        with suppress(OSError), os.scandir(directory) as entries:
            found += [entry.path for entry in entries if entry.path not in above and entry.path not in hidden]
    return found
