from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hermes_ssh.backend import SshBackend
from hermes_ssh.checks import check
from hermes_ssh.settings import Settings, TerminalSettings, combined

from hermes_host.context import PluginContext
from hermes_host.errors import ConfigError
from hermes_host.testing import PluginContract

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class TestPlugin(PluginContract):
    plugin = "ssh"


def context(home: Path, settings: Settings) -> PluginContext:
    sections = {"ssh": settings, "terminal": TerminalSettings()}
    return PluginContext(
        "ssh", home=home, section=sections, secret=lambda name: "", declared_secrets=frozenset({"SSH_KEY_PASSPHRASE"})
    )


async def test_the_doctor_says_that_the_machine_answers(tmp_path: Path, make_server: Callable[..., object]) -> None:
    (result,) = await check(context(tmp_path, make_server().settings()))
    assert result.status == "ok", result
    assert "commands start in" in result.detail


async def test_the_doctor_says_what_to_do_when_it_does_not(tmp_path: Path, keys: dict[str, Path]) -> None:
    settings = Settings(host="127.0.0.1", port=1, key=str(keys["client"]), known_hosts=str(tmp_path / "known"))
    (result,) = await check(context(tmp_path, settings))
    assert (result.status, "refused" in result.detail, "sshd" in result.remedy) == ("error", True, True)


async def test_the_doctor_is_silent_where_no_machine_is_configured(tmp_path: Path) -> None:
    assert list(await check(context(tmp_path, Settings()))) == []


async def test_without_a_machine_the_error_names_the_setting() -> None:
    with pytest.raises(ConfigError, match="ssh.host"):
        async with SshBackend(Settings()).open("x", ""):
            pass


def test_the_settings_of_the_original_hold_where_the_section_says_nothing() -> None:
    terminal = TerminalSettings(ssh_host="there", ssh_user="me", ssh_port=2222, ssh_key="~/.ssh/other")
    settings = combined(Settings(user="somebody"), terminal)
    assert (settings.host, settings.user, settings.port, settings.key) == ("there", "somebody", 2222, "~/.ssh/other")


def test_the_backend_is_imported_without_the_library() -> None:
    import subprocess

    code = "import sys, hermes_ssh.backend, hermes_ssh.checks; print('asyncssh' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"
