"""What the rule tests look at: the repository's files and syntax trees."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Module:
    """A Python file with its dotted name."""

    path: Path
    name: str

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=str(self.path))

    @property
    def shown(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every imported module's dotted name with its line, also those inside functions."""
        package = self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, node.lineno
            elif isinstance(node, ast.ImportFrom):
                parents = package.split(".")
                base = parents[: len(parents) - node.level + 1] if node.level else []
                yield ".".join([*base, *([node.module] if node.module else [])]), node.lineno


@dataclass(frozen=True)
class PluginFolder:
    """One folder below `plugins/`: one distribution."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def package(self) -> str:
        return self.name.replace("-", "_")

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        return tomllib.loads((self.path / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def dependencies(self) -> list[str]:
        """Distribution names this plugin declares, optional ones too; not what only its tests need."""
        project = self.pyproject["project"]
        extras = {name: texts for name, texts in project.get("optional-dependencies", {}).items() if name != "testing"}
        texts = [*project.get("dependencies", ()), *sum(extras.values(), [])]
        return [re.split(r"[\s\[<>=!~;]", text, maxsplit=1)[0] for text in texts]

    @property
    def modules(self) -> list[Module]:
        return modules_below(self.path / self.package, self.package)


def modules_below(folder: Path, package: str) -> list[Module]:
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = [package, *path.relative_to(folder).with_suffix("").parts]
        found.append(Module(path, ".".join(part for part in parts if part != "__init__")))
    return found


PLUGINS = [PluginFolder(path.parent) for path in sorted(ROOT.glob("plugins/*/*/pyproject.toml"))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "plugin" in metafunc.fixturenames:
        metafunc.parametrize("plugin", PLUGINS, ids=[folder.name for folder in PLUGINS])


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def project(root: Path) -> dict[str, Any]:
    """The root pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def plugins() -> list[PluginFolder]:
    return PLUGINS


@pytest.fixture(scope="session")
def host_modules() -> list[Module]:
    """Every module of the host; `template` holds files for authors to copy, not code of the host."""
    modules = modules_below(ROOT / "hermes_host", "hermes_host")
    return [module for module in modules if not module.name.startswith("hermes_host.template")]


@pytest.fixture(scope="session")
def shipped_modules(host_modules: list[Module]) -> list[Module]:
    """Every module that is installed on a user's machine."""
    return [*host_modules, *(module for folder in PLUGINS for module in folder.modules)]


@pytest.fixture(scope="session")
def tracked_files() -> list[Path]:
    """Text files under version control, or in the folder where there is no git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]


@pytest.fixture(scope="session")
def python() -> str:
    return sys.executable
