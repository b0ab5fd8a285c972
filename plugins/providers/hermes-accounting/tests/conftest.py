"""Hosts with a ledger, and a way to look into it from outside."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_host.messages import assistant_message
from hermes_host.stream import MessageEnded, Usage
from hermes_host.testing import StandInHost

PRICES = 'catalog: {models: {"scripted:scripted": {input_price: 10, output_price: 20, cached_price: 1}}}\n'


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    """What stands in the ledger, oldest first, read by a connection of its own."""

    def read() -> list[dict[str, Any]]:
        connection = sqlite3.connect(tmp_path / "plugins" / "accounting" / "ledger.db")
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM calls ORDER BY id")]
        finally:
            connection.close()

    return read


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Callable[..., StandInHost]]:
    """Make a host with accounting and prices; `budget` is the section as YAML."""
    made: list[StandInHost] = []

    def make(*steps: Any, budget: str = "{}", plugins: tuple[str, ...] = ("accounting", "catalog")) -> StandInHost:
        (tmp_path / "config.yaml").write_text(f"{PRICES}budget: {budget}\n", encoding="utf-8")
        host = StandInHost(tmp_path, plugins=plugins)
        host.script(*steps)
        made.append(host)
        return host

    yield make
    for host in made:
        await host.aclose()


@pytest.fixture
def answer() -> Callable[..., MessageEnded]:
    """An answer with the given tokens."""

    def answer(text: str = "Hello", **tokens: int) -> MessageEnded:
        return MessageEnded(assistant_message(text), "end", Usage(**{"input": 1000, "output": 100, **tokens}))

    return answer


@pytest.fixture
def slash() -> Callable[..., Awaitable[str]]:
    """Use a slash command as a front end does."""

    async def slash(host: StandInHost, session: Any, text: str) -> str:
        from hermes_host.frontends import SlashCall, split_slash_command
        from hermes_host.slash import find, run

        split = split_slash_command(text)
        assert split is not None
        name, arguments = split
        call = SlashCall(name=name, arguments=arguments, host=host, session=session)
        return await run(await find(host, session, name), call)

    return slash
