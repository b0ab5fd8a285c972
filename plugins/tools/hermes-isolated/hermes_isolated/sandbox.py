"""The view of the machine that an isolated plugin's process gets, as arguments of `bwrap(1)`.

Nothing is there but what is named here: the system's programs and libraries, the plugin's environment and its Python,
this package, the plugin's own two folders, and the folders the user agreed to. The host's home directory is hidden even
where a folder above it is shown.
"""

from __future__ import annotations

import os
import platform
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_local import bubblewrap, seccomp

from hermes_host.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hermes_isolated.lock import LockedPlugin

__all__ = ["PACKAGE", "arguments", "expanded", "no_programs", "python_folders", "system_calls", "trouble"]

PACKAGE = str(Path(__file__).parent)

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_SETTINGS = (
    *("alternatives", "ca-certificates", "crypto-policies", "group", "hosts", "ld.so.cache", "ld.so.conf"),
    *("ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "passwd", "pki", "protocols", "resolv.conf"),
    *("services", "ssl"),
)
_NEVER = (".env", "config.yaml", "plugins", "plugins.lock", "cache", "sessions", "sessions.db")
"""What is not shown of the host's home directory, whatever was agreed to."""
_SHARED_MEMORY = 64 << 20

_EXECUTE = {"x86_64": (0xC000003E, 59, 322), "aarch64": (0xC00000B7, 221, 281)}


def trouble() -> str:
    """Why plugins cannot be confined here; empty when they can."""
    return bubblewrap.trouble(bubblewrap.find_program())


def python_folders(environment: Path) -> list[str]:
    """The folders that the Python of an environment is made of. Raises `PluginError` where it is no environment."""
    program = environment / "bin" / "python"
    found = [os.path.realpath(environment)]
    try:
        lines = (environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PluginError(f"Its environment {str(environment)!r} is not there.", remedy="Install it again.") from error
    if not os.access(program, os.X_OK):
        raise PluginError(f"Its environment {str(environment)!r} has no Python.", remedy="Install it again.")
    homes = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "home"]
    for folder in (*homes, os.path.dirname(os.path.realpath(program))):
        prefix = os.path.dirname(folder)
        # A Python of the system lies in what is shown anyway, and `/` must not be shown for it.
        if prefix not in ("", "/", "/usr"):
            found += [prefix, os.path.realpath(prefix)]
    return list(dict.fromkeys([str(environment), *found]))


def expanded(paths: Iterable[str], *, home: Path, workspace: str) -> list[str]:
    """The folders that a declaration means. Those the host keeps to itself are left out."""
    found = []
    hidden = os.path.realpath(home)
    for path in paths:
        if path.startswith("$WORKSPACE"):
            if not workspace:
                continue
            path = workspace + path.removeprefix("$WORKSPACE")
        path = path.replace("$HERMES_HOME", str(home), 1) if path.startswith("$HERMES_HOME") else path
        real = os.path.realpath(os.path.expanduser(path))
        if not os.path.isabs(os.path.expanduser(path)) or real in (hidden, "/"):
            continue
        if real.startswith(hidden + "/") and real.removeprefix(hidden + "/").partition("/")[0] in _NEVER:
            continue
        found.append(real)
    return found


def arguments(
    plugin: LockedPlugin, *, home: Path, own: Sequence[Path], workspace: str, readable: Sequence[str]
) -> list[str]:
    """Everything up to the program. `own` are the plugin's folders, `readable` those that every plugin may read."""
    words = ["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    words += ["--cap-drop", "ALL", "--hostname", "isolated"]
    if not plugin.capabilities.network:
        words.append("--unshare-net")
    words += _system()
    allowed = plugin.capabilities
    read = [*python_folders(Path(plugin.environment)), PACKAGE, *readable]
    read += expanded(allowed.read, home=home, workspace=workspace)
    write = expanded(allowed.write, home=home, workspace=workspace)
    steps = [(path, ["--ro-bind-try", path, path]) for path in dict.fromkeys(read)]
    steps += [(path, ["--bind-try", path, path]) for path in dict.fromkeys(write)]
    hidden = os.path.realpath(home)
    if any((hidden + "/").startswith(path.rstrip("/") + "/") for path, _ in steps):
        steps.append((hidden, ["--perms", "0700", "--tmpfs", hidden]))
    steps += [(os.path.realpath(path), ["--bind", str(path), str(path)]) for path in own]
    # From the top downwards: what lies deeper is mounted later, over what lies around it.
    steps.sort(key=lambda step: step[0].rstrip("/").count("/"))
    words += [word for _, step in steps for word in step]
    return [*words, "--remount-ro", "/", "--chdir", str(own[0])]


def _system() -> list[str]:
    words = []
    for path in _SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        else:
            words += ["--ro-bind-try", path, path]
    for name in _SETTINGS:
        words += ["--ro-bind-try", os.path.realpath(f"/etc/{name}"), f"/etc/{name}"]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    return [*words, "--size", str(_SHARED_MEMORY), "--perms", "1777", "--tmpfs", "/dev/shm"]


def system_calls() -> bytes:
    """The filter of system calls for all of a sandbox; empty for a processor it is not known for."""
    return seccomp.program(tracing=False, inet=True, unix=False) if seccomp.SUPPORTED else b""


def no_programs() -> bytes:
    """A filter that refuses to start programs (`execve(2)`); empty for a processor it is not known for."""
    known = _EXECUTE.get(platform.machine())
    if known is None:
        return b""
    architecture, execve, execveat = known
    load, equal, give = 0x20, 0x15, 0x06
    code = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (give, 0, 0, 0x80000000),
        (load, 0, 0, 0),
        (equal, 1, 0, execve),
        (equal, 0, 1, execveat),
        (give, 0, 0, 0x50000 | 13),
        (give, 0, 0, 0x7FFF0000),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
