"""What all commands share: the global options and the one host of this process, made when it is first asked for."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from hermes_host.visible import one_line

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable

    from hermes_host.host import Host

__all__ = ["Application", "application", "pass_host", "run_async"]

_FAULTS_SHOWN = 3

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Application:
    """The state of one run of `hermes`: what was said before the command's name, and the host."""

    model: str = ""
    provider: str = ""
    resume: str = ""
    continue_last: bool = False
    skills: tuple[str, ...] = ()
    worktree: bool = False
    yolo: bool = False
    blocked: tuple[str, ...] = ()
    verbose: bool = False
    _host: Host | None = field(default=None, repr=False)

    @property
    def host(self) -> Host:
        """The host. Making it reads nothing; plugins and configuration are read when they are first looked at."""
        if self._host is None:
            from hermes_host.host import Host

            self._host = Host(blocked=self.blocked, project=_directory(), overrides=self._overrides())
        return self._host

    def _overrides(self) -> dict[str, Any]:
        skills = [name.strip() for text in self.skills for name in text.split(",") if name.strip()]
        return {"skills.preload": skills} if skills else {}

    @property
    def has_host(self) -> bool:
        """Whether anything has needed the host so far."""
        return self._host is not None

    def report_problems(self) -> None:
        """Say on standard error, one line for each, what is wrong with plugins and settings; errors first."""
        # Plugins first: they declare their settings when they are loaded.
        lines = [problem.line() for problem in self.host.plugins.problems]
        faults = sorted(self.host.config.problems_at_hand, key=lambda fault: fault.level != "error")
        lines += [fault.line() for fault in faults[:_FAULTS_SHOWN]]
        if len(faults) > _FAULTS_SHOWN:
            lines.append(f"{len(faults) - _FAULTS_SHOWN} more problems with settings: see `hermes config check`.")
        for line in lines:
            click.echo(f"hermes: {one_line(line, 0)}", err=True)


def _directory() -> Path | None:
    """Where `hermes` was started: the project whose settings count, once the user trusts them."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def application() -> Application:
    """The state of the running command."""
    found = click.get_current_context().find_object(Application)
    if found is None:
        raise RuntimeError("No hermes command is running.")
    return found


def pass_host(function: Callable[Concatenate[Host, P], T]) -> Callable[P, T]:
    """Give a command's function the host as its first argument. For plugins' commands as well.

    ::

        @click.command()
        @click.argument("place")
        @pass_host
        def weather(host, place): ...
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return function(application().host, *args, **kwargs)

    return call


def run_async(host: Host, work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` within the host's life: its sessions, terminals and providers are closed afterwards."""
    import asyncio

    async def inside() -> Any:
        async with host:
            return await work()

    runner = asyncio.Runner()
    try:
        result: T = runner.run(inside())
        return result
    finally:
        _wind_up(runner.get_loop())


def _wind_up(loop: AbstractEventLoop) -> None:
    """End what still runs, as `asyncio.run` does, but wait for it a second at most.

    A task that ignores being cancelled must not keep the user in a process that is over.
    """
    import asyncio

    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    if all(task.done() for task in tasks):
        loop.close()
