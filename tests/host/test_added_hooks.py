"""Hooks that plugins bring for other plugins, skill sources, and work beside conversations."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hermes_host import hookimpl
from hermes_host.protocols import SessionStore, SkillFolder
from hermes_host.services import Credentials
from hermes_host.specs import HookSpec, SkillSourceSpec
from hermes_host.testing import StandInHost


class ForecasterSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the weather plugin of these tests asks other plugins for."""

    name: str
    summary: str
    target: str
    priority: int = 0


class Weather:
    @hookimpl
    def hermes_addhooks(self) -> list[HookSpec]:
        return [HookSpec(name="forecasters", summary="s", spec=f"{__name__}:ForecasterSpec", word="forecaster")]


class Frog:
    @hookimpl(optionalhook=True)
    def hermes_forecasters(self) -> list[Any]:
        return [
            ForecasterSpec(name="frog", summary="A frog on a ladder", target=f"{__name__}:make_frog"),
            "not a spec",
        ]


def make_frog(context: Any, spec: ForecasterSpec) -> str:
    return f"{spec.name} says rain"


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[StandInHost]:
    async with StandInHost(tmp_path / "home") as host:
        yield host


@pytest.mark.parametrize("first", ["weather", "frog"])
async def test_hermes_addhooks_lets_other_plugins_contribute(host: StandInHost, first: str) -> None:
    both = {"weather": Weather(), "frog": Frog()}
    host.add_plugin(first, both.pop(first))
    for name, plugin in both.items():
        host.add_plugin(name, plugin)
    context = host.context("weather")
    (forecaster,) = context.registry("forecasters")
    assert (forecaster.name, forecaster.plugin, forecaster.title) == ("frog", "frog", "forecaster 'frog'")
    assert await context.part(forecaster) == "frog says rain"
    (problem,) = host.plugins.problems
    assert (problem.plugin, problem.where) == ("frog", "hermes_forecasters")
    assert "not ForecasterSpec" in problem.message


async def test_an_implementation_does_no_harm_where_the_hook_is_missing(host: StandInHost) -> None:
    host.add_plugin("frog", Frog())
    assert list(host.context("frog").registry("forecasters")) == []
    assert host.plugins.problems == []


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (HookSpec(name="tools", summary="s", spec="a:b", word="w"), "already"),
        (HookSpec(name="Bad Name", summary="s", spec="a:b", word="w"), "no usable HookSpec"),
        ("nonsense", "no usable HookSpec"),
    ],
)
async def test_a_hook_that_cannot_be_brought_is_reported(host: StandInHost, spec: Any, complaint: str) -> None:
    class Plugin:
        @hookimpl
        def hermes_addhooks(self) -> list[Any]:
            return [spec]

    host.add_plugin("odd", Plugin())
    (problem,) = host.plugins.problems
    assert complaint in problem.message


async def test_hermes_skill_sources_give_folders(host: StandInHost, tmp_path: Path) -> None:
    class Source:
        def folders(self) -> list[SkillFolder]:
            return [SkillFolder(path=str(tmp_path / "brew-tea"), category="kitchen")]

    host.use_part("skill_sources", SkillSourceSpec(name="acme", summary="s", target="a:b"), Source())
    context = host.context("host")
    (contribution,) = context.registry("skill_sources")
    source = await context.part(contribution)
    assert [folder.category for folder in source.folders()] == ["kitchen"]


async def test_work_beside_conversations_ends_with_the_host(
    host: StandInHost, caplog: pytest.LogCaptureFixture
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def for_ever() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def broken() -> None:
        raise ValueError("out of ink")

    context = host.context("host")
    context.spawn(for_ever(), name="waiting")
    with caplog.at_level(logging.WARNING):
        await asyncio.wait({context.spawn(broken(), name="printing")})
        await began.wait()
    await host.aclose()
    assert ended.is_set()
    assert "host: printing failed: ValueError: out of ink" in caplog.text


async def test_the_host_offers_its_store_and_its_secrets(host: StandInHost) -> None:
    assert await host.services.get(SessionStore) is host.sessions
    credentials = await host.services.get(Credentials)
    assert not credentials.known("TEA_KEY")
    credentials.set("TEA_KEY", "earl-grey-123")
    assert credentials.known("TEA_KEY")
    assert "earl-grey-123" in (host.home / ".env").read_text(encoding="utf-8")
