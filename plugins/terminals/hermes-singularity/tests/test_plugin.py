from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hermes_singularity.backend import SingularityBackend
from hermes_singularity.checks import check
from hermes_singularity.settings import DEFAULT_IMAGE, Settings, TerminalSettings, combined

from hermes_host.context import PluginContext
from hermes_host.errors import ConfigError
from hermes_host.testing import PluginContract

if TYPE_CHECKING:
    from pathlib import Path


class TestPlugin(PluginContract):
    plugin = "singularity"


def context(home: Path, settings: Settings) -> PluginContext:
    return PluginContext("singularity", home=home, section={"singularity": settings, "terminal": TerminalSettings()})


async def test_the_doctor_names_the_program_and_a_missing_image(tmp_path: Path, stand_in: Any) -> None:
    settings = Settings(program=str(stand_in.program), image="/no/such.sif")
    found = {result.name: result for result in await check(context(tmp_path, settings))}
    assert found["singularity"].status == "ok"
    assert "apptainer version" in found["singularity"].detail
    assert found["singularity image"].status == "error"


async def test_the_doctor_is_silent_where_nothing_is_configured_and_clear_where_something_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await check(context(tmp_path, Settings())) == []
    (result,) = await check(context(tmp_path, Settings(program="no-such-program")))
    assert (result.status, "singularity.program" in result.remedy) == ("error", True)


async def test_without_the_program_the_error_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Install Apptainer"):
        async with SingularityBackend(Settings(program="no-such-program"), tmp_path).open("x", ""):
            pass


def test_the_settings_of_the_original_hold_where_the_section_says_nothing() -> None:
    found = combined(Settings(), TerminalSettings(singularity_image="a.sif", container_persistent=False))
    assert (found.image, found.persistent) == ("a.sif", False)
    found = combined(Settings(image="b.sif", persistent=True), TerminalSettings(container_persistent=False))
    assert (found.image, found.persistent) == ("b.sif", True)
    assert combined(Settings(), TerminalSettings()).image == DEFAULT_IMAGE
