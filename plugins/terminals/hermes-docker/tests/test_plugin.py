from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from hermes_docker.backend import DockerBackend
from hermes_docker.checks import check
from hermes_docker.daemon import address
from hermes_docker.settings import Settings, TerminalSettings

from hermes_host.context import PluginContext
from hermes_host.testing import PluginContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.protocols import CheckResult

HERMES = str(Path(sys.executable).with_name("hermes"))


class TestPlugin(PluginContract):
    plugin = "docker"


async def doctor(home: Path, settings: Settings, terminal: TerminalSettings) -> dict[str, CheckResult]:
    context = PluginContext("docker", home=home, section={"docker": settings, "terminal": terminal})
    return {result.name: result for result in await check(context)}


async def test_the_doctor_says_what_there_is(dockerd: Any, podman: Any, tmp_path: Path) -> None:
    for service, name in ((dockerd, "Docker"), (podman, "Podman")):
        results = await doctor(
            tmp_path, Settings(url=service.url), TerminalSettings(docker_image="localhost/hermes-test-bash")
        )
        assert {result.status for result in results.values()} == {"ok"}, results
        assert results["docker service"].detail.startswith(f"{name} ")
        assert "with root's rights" in results["docker service"].detail


async def test_the_doctor_warns_of_what_is_missing_and_of_ways_out(dockerd: Any, tmp_path: Path) -> None:
    results = await doctor(
        tmp_path,
        Settings(url=dockerd.url, capabilities=["CAP_SYS_ADMIN"]),
        TerminalSettings(docker_image="localhost/none", docker_volumes=["/:/host", "/var/run/docker.sock:/s"]),
    )
    assert (results["docker image"].status, results["docker image"].remedy) == ("warning", "hermes docker pull")
    assert results["docker isolation"].status == "warning"
    for word in ("'/:/host'", "docker.sock", "SYS_ADMIN"):
        assert word in results["docker isolation"].detail


async def test_the_doctor_says_when_there_is_no_service(tmp_path: Path) -> None:
    results = await doctor(tmp_path, Settings(url=f"unix://{tmp_path}/none"), TerminalSettings())
    assert results["docker service"].status == "warning"
    assert "systemctl" in results["docker service"].remedy


def test_the_setting_comes_before_the_environment() -> None:
    environ = {"DOCKER_HOST": "unix:///a", "CONTAINER_HOST": "unix:///b"}
    assert address("unix:///c", environ) == "unix:///c"
    assert address("", environ) == "unix:///a"
    assert address("", {"CONTAINER_HOST": "unix:///b"}) == "unix:///b"


@pytest.fixture
def hermes(tmp_path: Path, dockerd: Any) -> Callable[..., subprocess.CompletedProcess[str]]:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text(
        "terminal:\n  docker_image: localhost/hermes-test-bash\n  backend: docker\n"
        f"docker:\n  url: unix://{dockerd.folder}/docker.sock\n  network: none\n",
        encoding="utf-8",
    )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HERMES_HOME": str(home)}
        return subprocess.run(
            [HERMES, *words], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_containers_can_be_listed_and_removed(hermes: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    tested = hermes("terminal", "test", "docker")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    listed = json.loads(hermes("docker", "list", "--json").stdout)
    assert [(each["state"], each["used"]) for each in listed] == [("exited", False)]
    assert listed[0]["volume"]
    session = listed[0]["session"]
    removed = hermes("docker", "remove", session)
    assert removed.returncode == 0, removed.stderr
    assert "No conversation" in hermes("docker", "list").stdout
    again = hermes("docker", "remove", session)
    assert again.returncode != 0
    assert "hermes docker list" in again.stderr


def test_fetching_what_cannot_be_fetched_is_one_clear_line(
    hermes: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    failed = hermes("docker", "pull", "127.0.0.1:9/nothing")
    assert failed.returncode != 0
    assert "cannot be fetched" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_all_who_begin_at_once_see_one_home(tmp_path: Path) -> None:
    together = Barrier(8)

    def ask(state: Path) -> str:
        together.wait()
        return DockerBackend(Settings(), TerminalSettings(), state=state).home_id()

    with ThreadPoolExecutor(8) as threads:
        for turn in range(30):
            names = set(threads.map(ask, [tmp_path / str(turn)] * 8))
            assert len(names) == 1, "containers of the other name would be nobody's"
            assert names != {""}
