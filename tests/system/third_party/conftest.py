"""Clean environments, made from wheels: what users have who never saw this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

collect_ignore = ["hermes-example-greeter"]
"""Its tests are run where it is installed."""

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Installation:
    """An environment of its own and a home of its own. Commands see nothing of the developer's environment."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def run(self, *command: str, cwd: Path | None = None, code: int = 0) -> str:
        """Run a program of the environment; standard output. The test fails when its exit code is another."""
        environ = {
            "PATH": os.pathsep.join([str(self.folder / "venv" / "bin"), os.defpath]),
            "HOME": str(self.folder),
            "HERMES_HOME": str(self.home),
            "LANG": "C.UTF-8",
        }
        program = str(self.folder / "venv" / "bin" / command[0])
        outcome = subprocess.run(
            [program, *command[1:]],
            env=environ,
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=50,
        )
        assert outcome.returncode == code, f"{command} gave {outcome.returncode}:\n{outcome.stdout}{outcome.stderr}"
        return outcome.stdout

    def uninstall(self, distribution: str) -> None:
        _uv("pip", "uninstall", "--quiet", "--python", str(self.folder / "venv"), distribution)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Builds a wheel of a project folder, once."""
    built: dict[Path, Path] = {}

    def build(project: Path) -> Path:
        if project not in built:
            output = tmp_path_factory.mktemp("wheels")
            command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(output)]
            subprocess.run(command, cwd=project, check=True, capture_output=True)
            (built[project],) = output.glob("*.whl")
        return built[project]

    return build


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory, wheel: Callable[[Path], Path]) -> Callable[..., Installation]:
    """Makes an environment with wheels of the host and of the named project folders, and the locked dependencies."""

    def make(*projects: Path, extras: tuple[str, ...] = ()) -> Installation:
        folder = tmp_path_factory.mktemp("installation")
        venv.create(folder / "venv", symlinks=True)
        members = [project.name for project in projects if ROOT in project.parents]
        export = [
            "export",
            "--quiet",
            "--frozen",
            "--no-default-groups",
            "--no-emit-workspace",
            "--format",
            "pylock.toml",
        ]
        for number, package in enumerate(["hermes-host", *members]):
            wanted = [flag for extra in extras for flag in ("--extra", extra)] if package == "hermes-host" else []
            lock = folder / f"pylock.part{number}.toml"
            _uv(*export, "--package", package, *wanted, "--output-file", str(lock))
            _uv("pip", "install", "--quiet", "--python", str(folder / "venv"), "--requirement", str(lock))
        wheels = [str(wheel(project)) for project in (ROOT, *projects)]
        _uv("pip", "install", "--quiet", "--no-deps", "--python", str(folder / "venv"), *wheels)
        return Installation(folder)

    return make


@pytest.fixture(scope="session")
def greeter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example distribution, copied to where its author would have it: outside the repository."""
    target = tmp_path_factory.mktemp("author") / "hermes-example-greeter"
    shutil.copytree(Path(__file__).parent / "hermes-example-greeter", target)
    return target


def _uv(*arguments: str) -> None:
    program = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert program, "these tests need uv: `python3 -m pip install uv`"
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    outcome = subprocess.run([program, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert outcome.returncode == 0, f"uv {' '.join(arguments)}:\n{outcome.stderr}"
