"""A host with this plugin, a scripted model, and skills in a home of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hermes_skills.library import Collection, Library

from hermes_host.context import SessionContext, ToolContext
from hermes_host.messages import ToolCall
from hermes_host.testing import ScriptedQuestioner, StandInHost

SKILL = "---\nname: {name}\ndescription: {description}\n{more}---\n\n{body}\n"


def write_skill(
    root: Path, place: str, description: str = "Use when it is needed.", body: str = "1. Do it.", more: str = ""
) -> Path:
    folder = root / place
    folder.mkdir(parents=True, exist_ok=True)
    text = SKILL.format(name=folder.name, description=description, body=body, more=more)
    (folder / "SKILL.md").write_text(text, encoding="utf-8")
    return folder


def text_of(name: str = "deploy", description: str = "Use when it is deployed.", body: str = "1. Deploy.") -> str:
    return SKILL.format(name=name, description=description, body=body, more="")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def skills(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's folder, without the bundled skills."""
    (tmp_path / "no-bundled").mkdir()
    monkeypatch.setenv("HERMES_BUNDLED_SKILLS", str(tmp_path / "no-bundled"))
    (home / "skills").mkdir(parents=True)
    return home / "skills"


@pytest.fixture
async def host(home: Path, skills: Path) -> AsyncIterator[StandInHost]:
    async with StandInHost(home, plugins=["skills"]) as host:
        yield host


@pytest.fixture
def load(host: StandInHost) -> Callable[[], Any]:
    async def load() -> Collection:
        return await (await host.services.get(Library)).load()

    return load


@pytest.fixture
def use(host: StandInHost) -> Callable[..., Any]:
    """Call a tool as a turn would, after its assessment; gives the verdict and the output (None after a denial)."""

    async def use(
        tool: str,
        arguments: dict[str, Any],
        *,
        origin: str = "owner",
        answers: tuple[str | None, ...] | None = (),
        source: str = "cli",
        session: SessionContext | None = None,
    ) -> tuple[str, Any]:
        contribution = host.tools.get(tool)
        call = ToolContext(
            host.context("skills"),
            session or SessionContext("20260101_000000_abcdef", source=source),
            tool=tool,
            questioner=None if answers is None else ScriptedQuestioner(*answers),
            can_approve=answers is not None,
            origin=lambda: origin,
        )
        checked = host.parameters(contribution).check(arguments)
        verdict = "allow"
        if contribution.spec.assess:
            verdict = (await host.target(contribution, contribution.spec.assess)(checked, call)).verdict
        if verdict == "deny":
            return verdict, None
        return verdict, await host.target(contribution, contribution.spec.target)(checked, call)

    return use


def tool_call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(id="1", name=name, arguments=arguments)


@pytest.fixture
def make(skills: Path) -> Callable[..., Path]:
    def make(place: str, *arguments: str, root: Path | None = None, **options: str) -> Path:
        return write_skill(root or skills, place, *arguments, **options)

    return make


@pytest.fixture
def skill_text() -> Callable[..., str]:
    return text_of
