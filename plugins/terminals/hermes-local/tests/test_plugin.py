from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_local.checks import check
from hermes_local.settings import Settings, TerminalSettings

from hermes_host.context import PluginContext
from hermes_host.testing import PluginContract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hermes_local.settings import Mode

    from hermes_host.protocols import CheckResult


class TestPlugin(PluginContract):
    plugin = "local"


def context_with(home: Path, settings: Settings, sandbox: Mode = "off") -> PluginContext:
    return PluginContext("local", home=home, section={"local": settings, "terminal": TerminalSettings(sandbox=sandbox)})


async def test_the_doctor_names_the_shell(tmp_path: Path) -> None:
    context = context_with(tmp_path, Settings())
    results = {result.name: result for result in await check(context)}
    assert results["local shell"].status == "ok"
    assert "bash" in results["local shell"].detail
    assert results["local pseudo-terminals"].status == "ok"


async def test_the_doctor_says_what_a_poorer_shell_lacks(tmp_path: Path) -> None:
    context = context_with(tmp_path, Settings(shell="/bin/sh"))
    results = {result.name: result for result in await check(context)}
    assert results["local shell"].status in ("warning", "ok"), "on some systems sh is bash"
    context = context_with(tmp_path, Settings(shell="/no/shell"))
    results = {result.name: result for result in await check(context)}
    assert (results["local shell"].status, results["local shell"].remedy != "") == ("error", True)


async def test_the_doctor_says_how_commands_are_confined(tmp_path: Path) -> None:
    def of(results: Iterable[CheckResult]) -> dict[str, CheckResult]:
        return {result.name: result for result in results}

    off = of(await check(context_with(tmp_path, Settings())))["local sandbox"]
    assert (off.status, "not confined" in off.detail, "possible here: strict" in off.detail) == ("ok", True, True)
    strict = of(await check(context_with(tmp_path, Settings(), "strict")))["local sandbox"]
    assert strict.detail.startswith("strict, by ")
    assert strict.status in ("ok", "warning")
