"""Plugins in environments of their own, and hosts that use them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import hermes_host
from hermes_host.context import SessionContext, ToolContext
from hermes_host.testing import StandInHost

PROGRAMS = Path(__file__).with_name("programs")
SOURCES = str(Path(hermes_host.__file__).parent.parent)
LIBRARIES = sysconfig.get_path("purelib")


@dataclass
class Environment:
    """A virtual environment with one plugin in it."""

    folder: Path
    root: Path
    name: str
    files: dict[str, str] = field(default_factory=dict)

    def add_plugin(self, name: str, module: str, **files: str) -> None:
        """Put modules of these names and texts there, the first of which is the plugin `name`."""
        self.name = name
        for file, text in files.items():
            (self.root / f"{file}.py").write_text(text, encoding="utf-8")
            self.files[f"{file}.py"] = "sha256=" + hashlib.sha256(text.encode()).hexdigest()
        info = self.root / f"hermes_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: hermes-{name}\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[hermes.v1]\n{name} = {module}\n", encoding="utf-8")

    def entry(self, description: dict[str, Any], **capabilities: Any) -> dict[str, Any]:
        """Its entry of the lock file."""
        return {
            "distribution": f"hermes-{self.name}",
            "version": "1.0",
            "requirement": f"hermes-{self.name}",
            "source": "wheel",
            "module": f"{self.name}_plugin",
            "isolated": True,
            "environment": str(self.folder),
            "root": str(self.root),
            "files": self.files,
            "capabilities": capabilities,
            "description": description,
        }


def make_environment(folder: Path) -> Environment:
    """An environment with what this one has, and room for more."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    root = next(folder.glob("lib/python*/site-packages"))
    (root / "sources.pth").write_text(f"{SOURCES}\n", encoding="utf-8")
    # The libraries, but not the plugins: an environment of its own has none but its own either.
    for path in Path(LIBRARIES).iterdir():
        if path.suffix not in (".dist-info", ".pth"):
            (root / path.name).symlink_to(path)
    return Environment(folder, root, "")


@pytest.fixture(scope="session")
def environment_maker() -> Callable[[Path], Environment]:
    """A function that makes an environment in a folder."""
    return make_environment


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The environment of the plugin `sample`."""
    environment = make_environment(tmp_path_factory.mktemp("sample") / "environment")
    environment.add_plugin(
        "sample",
        "sample_plugin",
        sample_plugin=(PROGRAMS / "sample_plugin.py").read_text(encoding="utf-8"),
        sample_tools=(PROGRAMS / "sample_tools.py").read_text(encoding="utf-8"),
    )
    return environment


def described(*tools: str, **more: Any) -> dict[str, Any]:
    """A description with these tools."""
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    return {
        "tools": [
            {"name": name, "summary": name, "parameters": schema, "effects": ["read"], "parallel": True, **more}
            for name in tools
        ],
        "providers": [{"name": "sampled", "summary": "Plays a script", "secrets": ["SAMPLE_KEY"]}],
    }


Use = Callable[..., Awaitable[Any]]


@dataclass
class Home:
    """A home directory with isolated plugins."""

    path: Path
    settings: dict[str, Any]
    plugins: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, Any] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/bin:/bin"})

    def write(self) -> None:
        """Write `config.yaml` and `plugins.lock`."""
        config = {"isolated": {"read": [SOURCES], **self.settings}, **self.sections}
        (self.path / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        lock = self.path / "plugins.lock"
        lock.write_text(json.dumps({"version": 1, "plugins": self.plugins}), encoding="utf-8")
        lock.chmod(0o600)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty one, which `HERMES_HOME` names."""
    path = tmp_path / "home"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("HERMES_HOME", str(path))
    return Home(path, {})


class User:
    """Calls tools as a conversation does."""

    def __init__(self, host: StandInHost, directory: Path) -> None:
        self.host = host
        self.notices: list[Any] = []
        self.shown: list[str] = []
        self.records: dict[str, dict[str, Any]] = {}
        self.questioner: Any = None
        self.session = SessionContext(
            "session-1",
            directory=str(directory),
            announce=self.notices.append,
            record_state=lambda name, data: self.records.__setitem__(name, data),
        )

    async def __call__(self, tool: str, text: str = "", *, limit: float = 25.0) -> Any:
        """What the tool `sample_…` gives, as text."""
        name = tool if "_" in tool and tool.split("_")[0] in ("sample", "one", "two") else f"sample_{tool}"
        contribution = self.host.tools.get(name)
        handler = self.host.target(contribution, contribution.spec.target)
        context = ToolContext(
            self.host.context(contribution.plugin),
            self.session,
            call_id="call-1",
            tool=name,
            progress=self.shown.append,
            questioner=self.questioner,
            effects=contribution.spec.effects,
        )
        async with asyncio.timeout(limit):
            output = await handler({"text": text}, context)
        return "".join(part.text for part in output.content)

    @property
    def runtime(self) -> Any:
        """The runtime of the host; there is one after the first call."""
        from hermes_isolated.runtime import Runtime

        return next(part for part in self.host._parts.values() if isinstance(part, Runtime))

    def resident(self, name: str) -> Any:
        """A plugin there."""
        return self.runtime.resident(name)


@pytest.fixture
async def start(home: Home, tmp_path: Path):
    """A function that starts a host with what `home` says; gives its user."""
    async with AsyncExitStack() as stack:

        async def begin() -> User:
            home.write()
            host = await stack.enter_async_context(StandInHost(home.path, plugins=["isolated"], environ=home.environ))
            await host.refresh_tools()
            workspace = tmp_path / "work"
            workspace.mkdir(exist_ok=True)
            return User(host, workspace)

        yield begin


@pytest.fixture
def use_sample(home: Home, sample: Environment) -> Callable[..., None]:
    """Install the sample in `home`, with capabilities and with what is to be said of every tool."""

    def install(*, tools: dict[str, Any] | None = None, **capabilities: Any) -> None:
        text = (PROGRAMS / "sample_tools.py").read_text(encoding="utf-8")
        names = [f"sample_{name}" for name in re.findall(r"^async def (\w+)\(arguments, call\)", text, re.MULTILINE)]
        home.plugins["sample"] = sample.entry(described(*names, **(tools or {})), **capabilities)

    return install


@pytest.fixture
async def user(use_sample, start) -> User:
    """A user of the sample with no capabilities."""
    use_sample()
    return await start()
