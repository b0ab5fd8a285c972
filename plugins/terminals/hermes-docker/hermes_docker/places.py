"""A session's container while somebody has it open: kept there, entered by several, left by the last."""

from __future__ import annotations

import asyncio
import fcntl
import os
import posixpath
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_docker import containers
from hermes_docker.daemon import DaemonError, reason, sdk
from hermes_docker.processes import NotStarted, Process, has_jobs, kill, kill_all
from hermes_host.context import private_directory
from hermes_host.errors import ConfigError
from hermes_host.protocols import Command, Exited, Output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from hermes_docker.containers import Blueprint
    from hermes_docker.daemon import Daemon

__all__ = ["Inside", "Place", "hold"]

_PREPARE = r"""
cd -- "$1" || exit 1
printf '%s\0' "$HOME" "$(command -v bash || echo /bin/sh)" "$(pwd -P)"
for program in cat stat readlink find head tail mv rm rmdir mkdir chmod; do
  command -v $program >/dev/null || printf '%s ' $program
done
printf '\0'
: > /tmp/.hermes-$$ && : > /tmp/.hermes-$$-2 && mv -fT /tmp/.hermes-$$ /tmp/.hermes-$$-2 && printf T
rm -f /tmp/.hermes-$$ /tmp/.hermes-$$-2
printf '\0'
while read -r one two three mark rest; do
  [ "$one $two $three" != "Max resident set" ] || printf %s "$mark"
done < /proc/self/limits
printf '\0'
"""
_PREPARE_SECONDS = 30.0


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """What a container turned out to be like."""

    home: str
    shell: str
    workspace: str
    move: str
    """Options of `mv` that replace a file without ever moving into a directory, where there are such."""
    marked: bool
    """Whether the processes of a command can be told from others; without it they are killed with the container."""
    missing: str
    """Programs that the file methods need and the image lacks."""


class Place:
    """One session's container. `enter` and `leave` are counted; the last to leave stops it or removes it."""

    def __init__(self, daemon: Daemon, plan: Blueprint, locks: Path, *, pull: bool) -> None:
        self.daemon = daemon
        self.plan = plan
        self._locks = locks
        self._pull = pull
        self._changing = asyncio.Lock()
        self._users = 0
        self._lock = -1
        self._id = ""
        self._processes: set[Process] = set()
        self._notes: list[str] = []
        self.inside = Inside(home="/", shell="/bin/sh", workspace=plan.workspace, move="-f", marked=True, missing="")

    async def enter(self) -> None:
        """Have the container running. Raises `HermesError`."""
        self._users += 1
        try:
            async with self._changing:
                if not self._id:
                    await self._begin()
        except BaseException:
            await self.leave()
            raise

    async def leave(self) -> bool:
        """Leave it; the last one ends everything in it. Whether that was so."""
        self._users -= 1
        if self._users:
            return False
        ending = asyncio.ensure_future(self._end())
        cancelled = False
        while not ending.done():
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError
        ending.result()
        return not self._users

    async def _begin(self) -> None:
        if self._lock < 0:
            self._lock = await hold(self._locks, self.plan.name)
        became = await self._make()
        if became == "made again":
            self._notes.append("The settings have changed: this is a new container; only its volumes are as they were.")

    async def _make(self) -> str:
        container, became = await self.daemon.call(lambda client: containers.make(client, self.plan, pull=self._pull))
        self._id = container.id
        try:
            self.inside = await self._look()
        except BaseException:
            self._id = ""
            raise
        return became

    async def _look(self) -> Inside:
        command = Command(argv=("/bin/sh", "-c", _PREPARE, "sh", self.plan.workspace), timeout=_PREPARE_SECONDS)
        process = Process(self.daemon, self._id, command, "/bin/sh")
        code, out, err = await self._collect(process, {})
        parts = out.decode("utf-8", "surrogateescape").split("\0")
        if code != 0 or len(parts) < 6:
            raise ConfigError(
                f"No command can be run in the image {self.plan.image!r}: {err.decode('utf-8', 'replace').strip()}",
                remedy="Name another image in `terminal.docker_image`, or another user in `docker.user`.",
            )
        return Inside(
            home=parts[0] or "/",
            shell=parts[1],
            workspace=parts[2],
            missing=parts[3].strip(),
            marked=parts[5] == process.mark,
            move="-f" + parts[4],
        )

    async def _collect(self, process: Process, environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
        parts: dict[int, list[bytes]] = {1: [], 2: []}
        code = 1
        async with aclosing(process.events("/", environment, self._end_container)) as events:  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, Exited):
                    code = event.code
                else:
                    parts[event.stream].append(event.data)
        return code, b"".join(parts[1]), b"".join(parts[2])

    @property
    def detaches(self) -> bool:
        """Whether jobs can go on in the container when everybody has left it."""
        return self.plan.persistent and self.inside.marked

    async def start_directory(self, directory: str) -> str:
        """`directory` where the container has it from outside; else the workspace."""
        if directory and posixpath.isabs(directory) and not self._is_host_directory(directory):
            return posixpath.normpath(directory)
        return self.inside.workspace

    def _is_host_directory(self, directory: str) -> bool:
        wanted = posixpath.normpath(directory)
        targets = [text.split(":")[1] for text in self.plan.options["volumes"]]
        return not any(wanted == target or wanted.startswith(f"{target.rstrip('/')}/") for target in targets)

    # ---------------------------------------------------------------------------------------------------- running

    async def run(
        self, command: Command, cwd: str, environment: Mapping[str, str], *, quiet: bool = False
    ) -> AsyncIterator[Output | Exited]:
        """Run a command; where the container is gone, in a new one, saying so."""
        docker = sdk()

        begun = False
        for last in (False, True):
            if not self._id:
                await self.revive()
            process = Process(self.daemon, self._id, command, self.inside.shell, marked=self.inside.marked)
            self._processes.add(process)
            try:
                async with aclosing(process.events(cwd, environment, self._end_container)) as events:  # type: ignore[type-var]
                    async for event in events:
                        while self._notes and not quiet:
                            yield Output(f"[{self._notes.pop(0)}]\n".encode(), 1 if command.pty else 2)
                        begun = True
                        yield event
                if process.cut:
                    async for event in self._explain_the_cut(process, command):
                        yield event
                return
            except (docker.errors.APIError, NotStarted) as error:
                if begun or last or not await self._has_gone():
                    raise DaemonError(
                        f"The command cannot be started in the container: {reason(error)}",
                        remedy="Where its processes are too many, end some or raise `docker.processes`; where its "
                        "memory is full, raise `terminal.container_memory`.",
                    ) from error
                self._id = ""
            finally:
                if process.draining is None:
                    self._processes.discard(process)
                else:
                    process.draining.add_done_callback(self._forgetting(process))

    def _forgetting(self, process: Process) -> Callable[[object], None]:
        return lambda _: self._processes.discard(process)

    async def revive(self) -> None:
        """Have a running container again after it was found to be gone."""
        async with self._changing:
            if self._id:
                return
            if not self._users:
                raise RuntimeError("The terminal is closed.")
            became = await self._make()
            if became == "started":
                self._notes.append("The container had been stopped and was started again; no process of before runs.")
            elif became != "running":
                self._notes.append(
                    "The container was gone. This is a new one: what lay outside of its volumes is lost"
                    + (f", {self.plan.workspace} is as it was." if self.plan.volume else ".")
                )

    async def _explain_the_cut(self, process: Process, command: Command) -> AsyncIterator[Output | Exited]:
        stream = 1 if command.pty else 2
        if not await self._has_gone():
            # Something killed the supervisor: what it watched over is killed, too.
            await kill(self.daemon, self._id, process.tag)
            yield Exited(code=await process.code_of_the_service() or 137)
            return
        self._id = ""
        yield Output(
            b"\n[The container was stopped or removed while the command ran. The next one gets a new one.]\n", stream
        )
        yield Exited(code=137)

    async def _is_running(self) -> bool:
        def look(client: Any) -> bool:
            container = containers.find(client, self._id)
            return container is not None and container.status == "running"

        return await self.daemon.call(look)

    async def _has_gone(self) -> bool:
        """Whether the container is gone. Podman says for a moment that one runs which it has just killed."""
        for pause in (0.1, 0.2, 0.4, 0.8):
            if not await self._is_running():
                return True
            await asyncio.sleep(pause)  # there is no call that waits for it
        return not await self._is_running()

    async def _end_container(self) -> None:
        """Where one command cannot be killed alone (no process can be started in there any more), all are."""
        with suppress(DaemonError):
            await self.daemon.call(lambda client: _kill_container(client, self._id))
        self._id = ""
        self._notes.append("A command could not be killed alone: the container was stopped with all that ran in it.")

    # ----------------------------------------------------------------------------------------------------- ending

    async def _end(self) -> None:
        async with self._changing:
            if self._users:
                return
            try:
                if self._lock >= 0:
                    await self._end_in_service()
            finally:
                drains = [process.draining for process in self._processes if process.draining is not None]
                for drain in drains:
                    drain.cancel()
                if drains:
                    await asyncio.wait(drains)
                self._processes.clear()
                self._id = ""
                if self._lock >= 0:
                    os.close(self._lock)
                    self._lock = -1

    async def _end_in_service(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Another process has the same session open. What was started here still ends here.
            for process in list(self._processes):
                if not process.detached:
                    await kill(self.daemon, self._id, process.tag)
            return
        plan = self.plan
        jobs = self.detaches and self._id and await self.daemon.call(lambda client: has_jobs(client, self._id))
        if jobs and await kill_all(self.daemon, self._id):
            return

        def end(client: Any) -> None:
            if plan.persistent:
                _kill_container(client, plan.name)
            else:
                containers.remove(client, plan.name)
                if plan.volume:
                    containers.remove_volume(client, plan.volume)

        await self.daemon.call(end)


def _kill_container(client: Any, name: str) -> None:
    docker = sdk()

    try:
        client.api.kill(name)
        client.api.wait(name, timeout=30)
    except docker.errors.APIError as error:
        if not isinstance(error, docker.errors.NotFound) and client.containers.get(name).status == "running":
            raise DaemonError(f"The container {name!r} cannot be stopped: {reason(error)}") from error


async def hold(locks: Path, name: str) -> int:
    """A descriptor that says, while it is open, that a living process uses the container `name`."""
    descriptor = os.open(private_directory(locks) / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_SH)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
