from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_modal.checks import check
from hermes_modal.settings import Settings

from hermes_host.context import PluginContext
from hermes_host.testing import PluginContract


class TestPlugin(PluginContract):
    plugin = "modal"


def context(home: Path, secrets: Mapping[str, str]) -> PluginContext:
    return PluginContext(
        "modal",
        home=home,
        section={"modal": Settings()},
        secret=lambda name: secrets.get(name, ""),
        declared_secrets=frozenset({"MODAL_TOKEN_ID", "MODAL_TOKEN_SECRET"}),
    )


async def test_the_doctor_misses_the_token(tmp_path: Path) -> None:
    (result,) = await check(context(tmp_path, {"MODAL_TOKEN_ID": "ak-test"}))
    assert (result.status, "MODAL_TOKEN_SECRET is not set" in result.detail) == ("warning", True)


async def test_the_doctor_asks_modal(tmp_path: Path, modal_service: Any) -> None:
    token = {"MODAL_TOKEN_ID": "ak-test", "MODAL_TOKEN_SECRET": "as-test-secret"}
    (result,) = await check(context(tmp_path, token))
    assert (result.status, "takes the token" in result.detail) == ("ok", True)
    (result,) = await check(context(tmp_path, {**token, "MODAL_TOKEN_SECRET": "as-wrong"}))
    assert (result.status, "refused" in result.detail) == ("error", True)
    assert modal_service.sandboxes == {}


def test_the_sdk_is_imported_on_first_use() -> None:
    code = (
        "import sys, hermes_modal.plugin, hermes_modal.backend, hermes_modal.checks; sys.exit('modal' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
