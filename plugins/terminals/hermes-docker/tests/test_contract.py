from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hermes_docker.backend import DockerBackend
from hermes_docker.settings import Settings, TerminalSettings

from hermes_host.testing import TerminalContract

if TYPE_CHECKING:
    from hermes_host.protocols import Terminal

FEATURES = frozenset({"files", "pty", "background", "detached", "network", "reap"})


def make_backend(service: Any, image: str, shared: Path, tmp_path: Path) -> DockerBackend:
    shared.mkdir()
    return DockerBackend(
        Settings(url=service.url, network="none"),
        TerminalSettings(docker_image=image, docker_volumes=[f"{shared}:/shared"], container_memory=256),
        state=tmp_path / "state",
    )


class Containers(TerminalContract):
    features = FEATURES
    patience = 2.0

    @pytest.fixture
    def directory(self) -> str:
        """A folder that all containers of a test see: the kit looks from one terminal at what another one left."""
        return "/shared"

    async def _expect_nothing_alive(self, terminal: Terminal, place: str) -> None:
        """Process numbers of one container mean nothing in another one, so the machine itself is looked at."""
        assert await asyncio.to_thread(processes_naming, place) == []


def processes_naming(text: str) -> list[str]:
    """Every process of this machine with `text` among its arguments."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in arguments:
            found.append(f"{folder.name}: {arguments!r}")
    return found


class TestDocker(Containers):
    @pytest.fixture
    def backend(self, dockerd: Any, tmp_path: Path) -> DockerBackend:
        return make_backend(dockerd, "localhost/hermes-test-bash", tmp_path / "shared", tmp_path)


class TestPodman(Containers):
    @pytest.fixture
    def backend(self, podman: Any, tmp_path: Path) -> DockerBackend:
        return make_backend(podman, "localhost/hermes-test-busybox", tmp_path / "shared", tmp_path)
