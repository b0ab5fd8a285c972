from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_local.checks import check
from hermes_local.settings import Settings, TerminalSettings

from hermes_host.context import PluginContext
from hermes_host.testing import PluginContract

if TYPE_CHECKING:
    from pathlib import Path


class TestPlugin(PluginContract):
    plugin = "local"


async def test_the_doctor_names_the_shell(tmp_path: Path) -> None:
    context = PluginContext("local", home=tmp_path, section={"local": Settings(), "terminal": TerminalSettings()})
    results = {result.name: result for result in await check(context)}
    assert results["local shell"].status == "ok"
    assert "bash" in results["local shell"].detail
    assert results["local pseudo-terminals"].status == "ok"


async def test_the_doctor_says_what_a_poorer_shell_lacks(tmp_path: Path) -> None:
    context = PluginContext("local", home=tmp_path, section={"local": Settings(shell="/bin/sh"), "terminal": TerminalSettings()})
    results = {result.name: result for result in await check(context)}
    assert results["local shell"].status in ("warning", "ok"), "on some systems sh is bash"
    context = PluginContext("local", home=tmp_path, section={"local": Settings(shell="/no/shell"), "terminal": TerminalSettings()})
    results = {result.name: result for result in await check(context)}
    assert (results["local shell"].status, results["local shell"].remedy != "") == ("error", True)
