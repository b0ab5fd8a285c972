"""The backend `docker`: a container for each session."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hermes_docker.containers import blueprint
from hermes_docker.daemon import Daemon
from hermes_docker.places import Place
from hermes_docker.reaping import reap
from hermes_docker.settings import Settings, TerminalSettings
from hermes_docker.terminal import DockerTerminal
from hermes_host.context import private_directory
from hermes_host.terminals.remote import home_name, is_gone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from hermes_docker.containers import Blueprint
    from hermes_host.context import PluginContext, Services
    from hermes_host.specs import TerminalSpec

__all__ = ["DockerBackend", "backend_of", "connect"]


def connect(context: PluginContext, spec: TerminalSpec) -> DockerBackend:
    """The target of the spec: reaches for nothing yet."""
    return backend_of(context)


def backend_of(context: PluginContext) -> DockerBackend:
    """The backend as it is configured."""
    return DockerBackend(
        context.section(Settings, "docker"),
        context.section(TerminalSettings, "terminal"),
        state=context.state_directory,
        home_path=str(context.home),
        services=context.services,
    )


class DockerBackend:
    """Terminals in containers of Docker or Podman, one container for each key."""

    def __init__(
        self,
        settings: Settings,
        terminal: TerminalSettings,
        *,
        state: Path,
        home_path: str = "",
        environ: Mapping[str, str] | None = None,
        services: Services | None = None,
    ) -> None:
        """`state` is a folder for locks and for the number that tells this home's containers from others'; `environ`
        is where variables to pass on and DOCKER_HOST are looked up, by default this process's environment."""
        self.settings = settings
        self.terminal = terminal
        self.state = state
        self._home_path = home_path or str(state)
        self._environ = environ if environ is not None else os.environ
        self.daemon = Daemon(settings.url, self._environ)
        self._services = services
        self._places: dict[str, Place] = {}

    @asynccontextmanager
    async def open(self, key: str, directory: str) -> AsyncIterator[DockerTerminal]:
        """A terminal in the session's container, which is made, started again or found running.

        `directory` is where it starts if it lies in the workspace or a mounted volume; else it is taken for one of the
        host's, which the container does not have, and the terminal starts in the workspace. Raises `HermesError` where
        there is no container to be had.
        """
        plan = self.plan(key, directory)
        place = self._places.get(plan.name)
        if place is None:
            place = self._places[plan.name] = Place(
                self.daemon, plan, self.state / "locks", pull=self.settings.pull == "missing"
            )
        await place.enter()
        try:
            forwarded = {
                name: self._environ[name] for name in self.terminal.docker_forward_env if name in self._environ
            }
            terminal = DockerTerminal(place, await place.start_directory(directory), forwarded)
            try:
                yield terminal
            finally:
                terminal.close()
        finally:
            if await place.leave() and self._places.get(plan.name) is place:
                del self._places[plan.name]
            if not self._places:
                await self.daemon.close()

    async def reap(self) -> Sequence[str]:
        """Remove containers of this home that nobody uses: those whose hermes was killed, and stopped ones older than
        `terminal.lifetime_seconds`. Workspaces that are to be kept stay, and containers with background jobs of
        conversations that can be resumed."""
        lifetime = self.terminal.lifetime_seconds
        try:
            return await reap(self.daemon, self.home_id(), self.state / "locks", lifetime, self._is_gone)
        finally:
            if not self._places:
                await self.daemon.close()

    async def _is_gone(self, session: str) -> bool:
        return self._services is not None and await is_gone(self._services, session)

    def plan(self, key: str, directory: str) -> Blueprint:
        """What the container of session `key` is to be like. Raises `ConfigError`."""
        return blueprint(
            self.settings,
            self.terminal,
            home=self.home_id(),
            home_path=self._home_path,
            key=key,
            directory=directory,
        )

    def home_id(self) -> str:
        """The number of this home: random, made once. Another machine's home of the same path has another one."""
        return home_name(private_directory(self.state))
