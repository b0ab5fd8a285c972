"""An isolated plugin's process: started confined, connected, ended with all it has started."""

from __future__ import annotations

import asyncio
import marshal
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hermes_local import bubblewrap, cgroup
from hermes_local.plumbing import file_with

from hermes_host.errors import PluginError
from hermes_isolated import sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_isolated.lock import LockedPlugin
    from hermes_isolated.settings import Settings

__all__ = ["Process", "Surroundings"]


@dataclass(frozen=True)
class Surroundings:
    """Where a plugin's process runs, and how far it is confined."""

    state: Path
    cache: Path
    view: Sequence[str]
    """The arguments of bubblewrap; empty where it is not confined."""

    @property
    def confined(self) -> bool:
        """Whether it runs in a sandbox."""
        return bool(self.view)


class Process:
    """A running process and the host's end of the socket that leads to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        channel: socket.socket,
        watch: socket.socket,
        group: cgroup.ControlGroup | None,
        *,
        confined: bool,
    ) -> None:
        """`watch` is what the keeper of an unconfined process listens to."""
        self._process = process
        self._watch = watch
        self._group = group
        self._confined = confined
        self.channel = channel
        self.connected = False
        """Whether somebody has taken over the channel, and will close it."""

    @classmethod
    async def start(cls, plugin: LockedPlugin, settings: Settings, around: Surroundings) -> Process:
        """Start it. Raises `PluginError` when there is nothing to start."""
        group = await asyncio.to_thread(cgroup.create, settings.processes, settings.memory << 20)
        channel, theirs = socket.socketpair()
        watch, watched = socket.socketpair()
        inherited = [theirs.fileno()]
        try:
            with theirs, watched:
                words = _command(plugin, around, theirs.fileno(), watched.fileno(), inherited)
                process = await asyncio.create_subprocess_exec(
                    *_entering(group, words),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=inherited,
                    env=_environment(around),
                    cwd=around.state,
                    start_new_session=True,
                )
        except BaseException as error:
            channel.close()
            watch.close()
            await asyncio.to_thread(_remove, group)
            if isinstance(error, OSError):
                raise PluginError(f"Its process cannot be started: {error.strerror or error}.") from error
            raise
        finally:
            for descriptor in inherited[1:] if around.confined else ():
                os.close(descriptor)
        started = cls(process, channel, watch, group, confined=around.confined)
        plan = marshal.dumps(_plan(plugin, settings, around))
        channel.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_sendall(channel, len(plan).to_bytes(4, "big") + plan)
        except OSError:
            pass  # it ended at once, which whoever reads from it sees
        except BaseException:
            channel.close()
            started.kill()
            raise
        return started

    @property
    def pid(self) -> int:
        """Of the outermost process: what the plugin runs lies below it."""
        return self._process.pid

    @property
    def output(self) -> asyncio.StreamReader:
        """What it writes to its standard output and error."""
        assert self._process.stdout is not None
        return self._process.stdout

    def kill(self) -> None:
        """End it and all it started, at once. An unconfined one is ended by its keeper, which sees the socket close."""
        self._watch.close()
        if self._confined and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def ends_within(self, seconds: float) -> None:
        """Wait for its end, at most that long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()

    async def ended(self) -> str:
        """Wait until it is gone; says how it ended."""
        code = await self._process.wait()
        self._watch.close()
        if not self.connected:
            self.channel.close()
        await asyncio.shield(asyncio.to_thread(_remove, self._group))
        return _described(code)


def _command(plugin: LockedPlugin, around: Surroundings, channel: int, watch: int, inherited: list[int]) -> list[str]:
    """The command line. Adds descriptors it needs to `inherited`; those it opens are to be closed."""
    program = [f"{plugin.environment}/bin/python", "-I", f"{sandbox.PACKAGE}/runner/start.py", str(channel)]
    if not around.confined:
        inherited.append(watch)
        folder = str(Path(cgroup.__file__).parent.parent)
        keeper = str(Path(__file__).with_name("keeper.py"))
        return [sys.executable, "-I", "-S", keeper, folder, str(os.getpid()), str(watch), "--", *program]
    words = list(around.view)
    code = sandbox.system_calls()
    if code:
        inherited.append(file_with(code))
        words += ["--seccomp", str(inherited[-1])]
    inherited.append(file_with("\0".join(words).encode("utf-8", "surrogateescape") + b"\0"))
    return [bubblewrap.find_program(), "--args", str(inherited[-1]), "--", *program]


def _entering(group: cgroup.ControlGroup | None, words: list[str]) -> list[str]:
    if group is None:
        return words
    entering = " && ".join(f'echo $$ > "${at}"' for at in range(1, len(group.entrances) + 1))
    script = f'{entering} && shift {len(group.entrances)} && exec "$@"'
    return ["/bin/sh", "-c", script, "isolated", *group.entrances, *words]


def _environment(around: Surroundings) -> dict[str, str]:
    """What it sees of the environment: nothing of the host's but the language."""
    passed = {name: os.environ[name] for name in ("LANG", "LC_ALL", "LC_CTYPE", "TZ") if name in os.environ}
    temporary = "/tmp" if around.confined else str(around.cache)
    return {**passed, "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(around.state), "TMPDIR": temporary}


def _plan(plugin: LockedPlugin, settings: Settings, around: Surroundings) -> dict[str, Any]:
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_DATA, settings.memory << 20),
        (resource.RLIMIT_FSIZE, 4 << 30),
        (resource.RLIMIT_NOFILE, 1024),
    ]
    forbid = around.confined and not plugin.capabilities.programs
    return {
        "limits": limits,
        "filter": sandbox.no_programs() if forbid else b"",
        "package": sandbox.PACKAGE,
        "message": settings.message << 20,
    }


def _remove(group: cgroup.ControlGroup | None) -> None:
    if group is not None:
        group.remove()


def _described(code: int) -> str:
    # bwrap and the keeper tell of a signal as a shell does.
    number = -code if code < 0 else code - 128 if code > 128 else 0
    if not number:
        return f"it ended with exit code {code}"
    try:
        return f"it was ended by {signal.Signals(number).name}"
    except ValueError:
        return f"it ended with exit code {code}"
