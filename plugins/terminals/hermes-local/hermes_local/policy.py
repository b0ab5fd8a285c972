"""Which paths confined commands, and the file tools beside them, may read and write."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError
from hermes_local import protected
from hermes_local.files import expand
from hermes_local.names import SECRETS

if TYPE_CHECKING:
    from hermes_local.settings import Mode, Settings

__all__ = ["Policy", "make_policy"]

_TEMPORARY = ("/tmp", "/var/tmp")
_NO_WORKSPACES = """
    / /bin /boot /dev /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /run /sbin /srv /sys /usr /usr/bin /usr/lib
    /usr/local /usr/sbin /usr/share /var /var/lib /var/run /tmp /var/tmp
"""
_NEVER = frozenset(_NO_WORKSPACES.split())
"""Directories that are no workspace, even when a session starts in one."""
_OPEN_STATE = ("skills", "workspace", "sandboxes", "worktrees", "images", "pastes")
"""Below the host's home directory: readable."""
_WORK_STATE = ("workspace", "sandboxes", "worktrees")
"""Below the host's home directory: where a workspace may lie."""


@dataclass
class Policy:
    """All paths are absolute and without links."""

    mode: Mode
    workspace: str
    """Empty when the session started in a directory that is none, such as `/`."""
    home: str
    network: bool
    writable: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """What is readable below something hidden."""
    found: protected.Found = field(default_factory=protected.Found)
    private: dict[str, str] = field(default_factory=dict)
    """Temporary folders of commands, and where they really lie."""
    homes: tuple[str, ...] = ()

    def place(self, path: str) -> str:
        """Where a path of the commands' view really lies; as it is written wherever possible, so that a link in it
        is met on the way."""
        plain = os.path.normpath(path)
        for seen, real in self.private.items():
            if _inside(plain, seen) and not any(_inside(plain, root) for root in self.writable if root != seen):
                return real + (path if _inside(path, seen) else plain)[len(seen) :]
        return path

    def seen(self, path: str) -> str:
        """The opposite of `place`."""
        for seen, real in self.private.items():
            if _inside(path, real):
                return seen + path[len(real) :]
        return path

    def check_read(self, path: str) -> None:
        """Raises `PermissionError` for what commands may not read either."""
        path = os.path.normpath(path)
        if not self.readable(path):
            raise _denied(path, "the sandbox hides it")
        parts = path.split("/")
        if parts[1] == "proc" and (parts[2:3] or [""])[0] in ("self", "thread-self", "kcore", "kmem", "keys"):
            raise _denied(path, "it shows the inside of a process")
        if parts[1] == "proc" and len(parts) > 2 and parts[2].isdigit():
            raise _denied(path, "it shows the inside of a process")
        if parts[1] == "dev" or _inside(path, "/run"):
            raise _denied(path, "the sandbox hides it")

    def check_write(self, path: str) -> None:
        """Raises `PermissionError` for what commands may not write, and for every protected name."""
        path = os.path.normpath(path)
        self.check_read(path)
        roots = [root for root in self.writable if _inside(path, root)]
        if not roots or _deepest(path, [*self.hidden, *self.shown]) > len(max(roots, key=len)):
            raise _denied(path, "the sandbox lets nothing outside the session's directory be written")
        reason = protected.is_protected(path, max(roots, key=len), self.homes)
        if reason or any(_inside(path, entry) for entry in (*self.found.there, *self.found.missing, *self.found.swept)):
            raise _denied(path, reason or "it is protected")

    def readable(self, path: str) -> bool:
        """Whether a path is not hidden."""
        return _deepest(path, self.hidden) <= _deepest(path, [*self.shown, *self.writable_below_hidden()])

    def writable_below_hidden(self) -> list[str]:
        """Writable directories that lie inside a hidden one."""
        return [root for root in self.writable if _deepest(root, self.hidden) >= 0]


def _deepest(path: str, roots: list[str]) -> int:
    return max((len(root) for root in roots if _inside(path, root)), default=-1)


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _denied(path: str, reason: str) -> PermissionError:
    return PermissionError(errno.EACCES, f"Permission denied: {reason}", path)


def make_policy(
    settings: Settings, mode: Mode, directory: str, *, home: str, state: str, key: str, private: str
) -> Policy:
    """What the session `key` may do that starts in `directory`. `state` is the host's home directory; `private` a
    folder of this session for what it must not share, empty where commands see the machine's own directories.

    Raises `ConfigError` for a directory in which nothing may be written because it holds secrets.
    """
    network = settings.sandbox_network if settings.sandbox_network is not None else mode == "workspace"
    home = os.path.realpath(home)
    policy = Policy(mode, "" if directory in _NEVER else directory, home, network)
    policy.homes = tuple(dict.fromkeys((home, os.path.realpath(os.path.expanduser("~")))))
    _hide(policy, settings, state, key)
    if mode == "strict" and private:
        for folder in _TEMPORARY:
            policy.private[folder] = f"{private}{folder}"
            os.makedirs(policy.private[folder], mode=0o700)
    if policy.workspace:
        _check_workspace(policy, state)
        policy.writable.append(policy.workspace)
    policy.writable += list(_TEMPORARY)
    temporary = os.path.realpath(tempfile.gettempdir())
    if not policy.private and temporary not in _NEVER:
        policy.writable.append(temporary)
    policy.writable += [path for name in settings.sandbox_write if os.path.isdir(path := _real(name, home))]
    if policy.workspace:
        policy.found = protected.find(policy.workspace, policy.homes)
        repository = protected.repository_of(policy.workspace)
        if repository and not _inside(repository, policy.workspace):
            policy.writable.append(repository)
            protected.protect_repository(repository, policy.found)
    if mode == "workspace" and network and private:
        policy.hidden += _sockets(_TEMPORARY[0])
    policy.writable = list(dict.fromkeys(policy.writable))
    return policy


def _hide(policy: Policy, settings: Settings, state: str, key: str) -> None:
    shown = {_real(name, policy.home) for name in settings.sandbox_show}
    names = [*SECRETS, *settings.sandbox_hide]
    for home in policy.homes:
        policy.hidden += [path for name in names if os.path.exists(path := _real(name, home)) and path not in shown]
    if state:
        state = os.path.realpath(state)
        policy.hidden.append(state)
        policy.shown += [path for name in _OPEN_STATE if os.path.isdir(path := f"{state}/{name}")]
        policy.shown.append(f"{state}/cache/results/{key}")
    policy.shown += [path for path in shown if _deepest(path, policy.hidden) >= 0]
    policy.hidden = list(dict.fromkeys(policy.hidden))


def _check_workspace(policy: Policy, state: str) -> None:
    state = os.path.realpath(state) if state else ""
    allowed = [f"{state}/{name}" for name in _WORK_STATE] if state else []
    for hidden in policy.hidden:
        if _inside(policy.workspace, hidden) and not any(_inside(policy.workspace, each) for each in allowed):
            raise ConfigError(
                f"The directory {policy.workspace} lies in {hidden}, which confined commands may not see.",
                remedy="Start in another directory, or name it in `local.sandbox_show`.",
            )


def _real(name: str, home: str) -> str:
    return os.path.realpath(os.path.join(home, expand(name, home)))


_OF_AGENTS = ("tmux-", "ssh-", ".X11-unix", ".ICE-unix", "dbus-", "screens")
"""Beginnings of the names of directories in which other programs keep sockets."""


def _sockets(folder: str) -> list[str]:
    """Sockets of other programs (agents, terminals, displays): through one of them a command could act outside."""
    folders = _folders(folder)
    found = [path for path in folders if os.path.basename(path).startswith(_OF_AGENTS)]
    for directory in (folder, *(path for path in folders if path not in found)):
        try:
            with os.scandir(directory) as entries:
                for _, entry in zip(range(2000), entries, strict=False):
                    if stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode):
                        found.append(entry.path)
        except OSError:
            continue
    return found


def _folders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            some = zip(range(2000), entries, strict=False)
            return [entry.path for _, entry in some if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
