"""A host with this plugin and the local terminal, a home and a project directory of their own, and real git."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from hermes_host.messages import Message, user_message
from hermes_host.services import NOTICES, PromptExpander
from hermes_host.testing import StandInHost, events_of, finished

# The first example pays for imports, and the machine may be busy: time says nothing about these properties.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@dataclass
class Talk:
    """A conversation."""

    host: StandInHost
    session: Any
    directory: Path

    async def expand(self, message: str | Message) -> Message:
        expander = await self.host.services.get(PromptExpander)
        if isinstance(message, str):
            message = user_message(message)
        return await expander.expand(message, self.session.context)

    @staticmethod
    def notices(message: Message) -> list[str]:
        """What a person would be told about the message."""
        return message.meta.get(NOTICES, [])

    async def say(self, text: str) -> str:
        """A whole turn, as a front end has it; gives the answer."""
        end = finished(await events_of(self.session.run(text)))
        assert end.outcome == "completed", end
        return end.text

    async def slash(self, line: str, surface: str = "cli") -> str:
        """Run a slash command."""
        from hermes_host import slash
        from hermes_host.frontends import SlashCall, split_slash_command

        name, arguments = split_slash_command(line)
        call = SlashCall(name=name, arguments=arguments, host=self.host, session=self.session, surface=surface)
        return await slash.run(await slash.find(self.host, self.session, name), call)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def project(home: Path) -> Path:
    """An empty directory that is no repository."""
    folder = home / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def git(project: Path):
    """Runs git in the project, which becomes a repository by the first call."""

    def run(*arguments: str, cwd: Path = project) -> str:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
        done = subprocess.run(["git", *who, *arguments], cwd=cwd, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("init", "-q")
    return run


@pytest.fixture
async def host(home: Path):
    async with StandInHost(home / ".hermes", plugins=["context", "local"]) as host:
        yield host


@pytest.fixture
def model(host: StandInHost):
    """The scripted model; `model.steps` are its answers to come, `model.requests` what it was asked."""
    return host.script()


@pytest.fixture
async def talk(host: StandInHost, model: Any, project: Path) -> Talk:
    """A conversation in the project."""
    return Talk(host, await host.start(toolsets=[], directory=str(project)), project)


@pytest.fixture
def begin(host: StandInHost, model: Any, project: Path):
    """Begins another conversation in the project, or in a directory of it."""

    async def start(directory: Path | None = None) -> Talk:
        where = directory or project
        return Talk(host, await host.start(toolsets=[], directory=str(where)), where)

    return start


@pytest.fixture
def talk_in():
    """Makes a `Talk` of a host, a session and its directory."""
    return Talk
