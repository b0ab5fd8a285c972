"""When the tools are looked at again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from hermes_mcp_server import watching

from hermes_host.specs import ToolSourceSpec
from hermes_host.testing import StandInHost


class Silent:
    async def tools(self):
        return []


class Telling(Silent):
    def __init__(self):
        self.news = asyncio.Queue()

    async def changed(self):
        error = await self.news.get()
        if error is not None:
            raise error


@pytest.fixture
def watched(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "SHORTEST", 0.01)

    @asynccontextmanager
    async def watched(*sources):
        """Looks, as they happen, and the task that makes them."""
        looks = asyncio.Queue()

        async def look():
            await looks.put("look")

        async with StandInHost(tmp_path / "home", plugins=[]) as host:
            for number, source in enumerate(sources):
                spec = ToolSourceSpec(name=f"source{number}", summary="For tests", target="nowhere:made")
                host.use_part("tool_sources", spec, source)
            task = asyncio.create_task(watching.watch(host.context("host"), look))
            async with asyncio.timeout(10):
                yield looks, task
            task.cancel()
            await asyncio.wait([task])

    return watched


async def test_where_every_source_tells_only_changes_are_looked_at(watched, monkeypatch):
    monkeypatch.setattr(watching, "PAUSE", 0.01)
    source, other = Telling(), Telling()
    async with watched(source, other) as (looks, task):
        await looks.get()
        for changing in (source, other, source):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(looks.get(), 0.1)
            changing.news.put_nowait(None)
            await looks.get()
        assert not task.done()


async def test_a_source_that_says_nothing_is_looked_at_once_in_a_while(watched, monkeypatch):
    monkeypatch.setattr(watching, "PAUSE", 0.01)
    async with watched(Silent(), Telling()) as (looks, _):
        for _ in range(5):
            await looks.get()


async def test_a_source_that_cannot_tell_any_more_counts_as_one_that_says_nothing(watched, monkeypatch):
    monkeypatch.setattr(watching, "PAUSE", 0.01)
    source = Telling()
    async with watched(source) as (looks, _):
        await looks.get()
        source.news.put_nowait(OSError("no more"))
        for _ in range(5):
            await looks.get()


async def test_where_nothing_brings_tools_nobody_looks(watched):
    async with watched() as (looks, task):
        await task
        assert looks.empty()
