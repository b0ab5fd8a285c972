"""The frozen plugins on the path, as installers leave distributions, and hosts that use them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hermes_host.cli.plugins_project import lay_metadata, read_project
from hermes_host.testing import StandInHost

FROZEN = Path(__file__).parent / "frozen"
FOLDERS = sorted(path.parent for path in FROZEN.glob("*/pyproject.toml"))
NAMES = [folder.name for folder in FOLDERS]


@pytest.fixture(scope="session")
def frozen() -> Path:
    return FROZEN


@pytest.fixture(scope="session")
def names() -> list[str]:
    """The plugins' names, which are those of their folders."""
    return NAMES


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory):
    laid = tmp_path_factory.mktemp("laid")
    for folder in FOLDERS:
        lay_metadata(read_project(folder), laid)
    added = [str(laid), *(str(folder) for folder in FOLDERS)]
    sys.path[:0] = added
    yield
    for path in added:
        sys.path.remove(path)
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("frozen_")]:
        del sys.modules[name]


@pytest.fixture
def site() -> list[str]:
    """What a process of its own needs on its path."""
    return [path for path in sys.path if "laid" in path or str(FROZEN) in path]


@pytest.fixture
async def host(tmp_path: Path):
    """A host with all frozen plugins but the one whose middleware changes what others say."""
    chosen = [name for name in NAMES if name not in ("frozen-middleware", "frozen-memory")]
    environ = {"PATH": "/usr/bin:/bin", "FROZEN_KEY": "a-key-for-tests"}
    async with StandInHost(tmp_path / "home", plugins=chosen, environ=environ) as host:
        yield host
