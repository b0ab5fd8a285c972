from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_daytona.checks import check
from hermes_daytona.settings import Settings

from hermes_host.context import PluginContext
from hermes_host.testing import PluginContract


class TestPlugin(PluginContract):
    plugin = "daytona"


def context(home: Path, secrets: Mapping[str, str]) -> PluginContext:
    return PluginContext(
        "daytona",
        home=home,
        section={"daytona": Settings()},
        secret=lambda name: secrets.get(name, ""),
        declared_secrets=frozenset({"DAYTONA_API_KEY"}),
    )


async def test_the_doctor_misses_the_key(tmp_path: Path) -> None:
    (result,) = await check(context(tmp_path, {}))
    assert (result.status, "DAYTONA_API_KEY is not set" in result.detail) == ("warning", True)


async def test_the_doctor_asks_daytona(tmp_path: Path, daytona_service: Any) -> None:
    (result,) = await check(context(tmp_path, {"DAYTONA_API_KEY": "dtn-test-secret-key"}))
    assert (result.status, "takes the key" in result.detail) == ("ok", True)
    (result,) = await check(context(tmp_path, {"DAYTONA_API_KEY": "dtn-wrong"}))
    assert (result.status, "refused" in result.detail) == ("error", True)
    assert daytona_service.sandboxes == {}


def test_the_sdk_is_imported_on_first_use() -> None:
    modules = "hermes_daytona.plugin, hermes_daytona.backend, hermes_daytona.checks"
    code = f"import sys, {modules}; sys.exit('daytona' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
