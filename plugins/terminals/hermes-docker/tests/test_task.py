"""The task that an agent does on every terminal, in containers of both programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hermes_docker.backend import DockerBackend
from hermes_docker.settings import Settings, TerminalSettings

from hermes_host.testing.terminal_tasks import do_the_task


@pytest.mark.parametrize(("program", "image"), [("dockerd", "bash"), ("podman", "busybox")])
async def test_an_agent_does_the_task(program: str, image: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    service: Any = request.getfixturevalue(program)
    backend = DockerBackend(
        Settings(url=service.url, network="none"),
        TerminalSettings(docker_image=f"localhost/hermes-test-{image}", container_persistent=False),
        state=tmp_path / "state",
    )
    await do_the_task(backend, tmp_path, plugins=("files", "terminal"))
