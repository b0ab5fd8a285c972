"""What many conversations of one process share instead of doing it each for itself."""

from __future__ import annotations

import sys
import threading
import types
from pathlib import Path

import pytest

from hermes_host import hookimpl
from hermes_host.specs import ToolSpec
from hermes_host.testing import StandInHost, events_of


class Observer:
    """Told in a thread, as functions that are no coroutines are."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    @hookimpl
    def hermes_session_started(self, session: object) -> None:
        """Note the thread."""
        self.threads.append(threading.get_ident())


async def test_observers_that_are_told_one_after_another_are_told_in_one_thread(tmp_path: Path) -> None:
    observer = Observer()
    async with StandInHost(tmp_path) as host:
        host.add_plugin("observer", observer)
        host.script()
        for _ in range(5):
            await host.start()
    assert len(observer.threads) == 5
    assert len(set(observer.threads)) == 1
    assert observer.threads[0] != threading.get_ident()


async def test_tools_that_share_a_check_are_checked_once_for_a_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    module = types.ModuleType("zz_checked")

    def check(name: str, reason: str) -> object:
        return lambda context: asked.append(name) or reason

    def hermes_tools() -> list[ToolSpec]:
        return [
            ToolSpec(
                name=f"{name}{number}",
                summary="s",
                parameters={"type": "object"},
                target="zz_checked:work",
                effects=frozenset({"read"}),
                available=f"zz_checked:{name}",
            )
            for name in ("here", "gone")
            for number in range(3)
        ]

    module.here, module.gone = check("here", ""), check("gone", "It is gone.")  # type: ignore[attr-defined]
    module.hermes_tools = hookimpl(hermes_tools)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "zz_checked", module)
    async with StandInHost(tmp_path) as host:
        host.add_plugin("checked", module)
        host.script("ok")
        session = await host.start()
        names = [spec.name for spec in session.tools() if spec.name[:4] in ("here", "gone")]
        await events_of(session.run("go"))
    assert names == ["here0", "here1", "here2"]
    assert sorted(asked) == ["gone", "here"]
