"""A session on the local terminal, with a home directory and a workspace of its own."""

from __future__ import annotations

import importlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hypothesis
import msgspec
import pytest
from hermes_files import plugin
from hermes_local.backend import LocalBackend

from hermes_host.context import PluginContext, SessionContext, ToolContext
from hermes_host.errors import Denied
from hermes_host.terminals import Terminals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hermes_host.protocols import Assessment, ToolOutput
    from hermes_host.specs import ToolSpec


# The first example pays for imports, and the machine may be busy: time says nothing about these properties.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@dataclass
class Session:
    """Calls the tools as the host does: decode the arguments, assess, and run what is not denied."""

    home: Path
    directory: Path
    hermes_home: Path
    context: SessionContext
    plugin: PluginContext
    terminals: Terminals
    numbers: itertools.count[int]

    @property
    def specs(self) -> dict[str, ToolSpec]:
        return {spec.name: spec for spec in plugin.hermes_tools()}

    def call(self, name: str) -> ToolContext:
        return ToolContext(
            self.plugin,
            self.context,
            call_id=f"call_{next(self.numbers)}",
            turn_id="turn",
            tool=name,
            terminals=self.terminals,
        )

    def arguments(self, name: str, values: dict[str, Any]) -> Any:
        return msgspec.convert(values, load(str(self.specs[name].parameters)))

    async def assess(self, name: str, call: ToolContext | None = None, **values: Any) -> Assessment:
        assessment: Assessment = await load(self.specs[name].assess)(
            self.arguments(name, values), call or self.call(name)
        )
        return assessment

    async def run(self, name: str, call: ToolContext, **values: Any) -> ToolOutput:
        """Run without an assessment."""
        output: ToolOutput = await load(self.specs[name].target)(self.arguments(name, values), call)
        return output

    async def use(self, name: str, **values: Any) -> ToolOutput:
        """Assess and run; what asks is consented to."""
        call = self.call(name)
        assessment = await self.assess(name, call, **values)
        if assessment.verdict == "deny":
            raise Denied(assessment.reason)
        return await self.run(name, call, **values)

    async def text(self, name: str, **values: Any) -> str:
        content = (await self.use(name, **values)).content
        assert isinstance(content, str)
        return content

    def write(self, name: str, data: bytes | str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
        return path


@pytest.fixture
async def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    home = tmp_path / "home"
    directory = home / "project"
    hermes_home = home / ".hermes"
    for folder in (directory, hermes_home):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    backend = LocalBackend()

    async def connect(_: str) -> LocalBackend:
        return backend

    terminals = Terminals(connect)
    context = SessionContext("session", directory=str(directory))
    yield Session(
        home,
        directory,
        hermes_home,
        context,
        PluginContext("files", home=hermes_home),
        terminals,
        itertools.count(1),
    )
    await terminals.aclose()
