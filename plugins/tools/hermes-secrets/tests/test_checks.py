"""What `hermes doctor` says about the stores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.backends.fail
import keyring.backends.null
import pytest

from hermes_host.testing import StandInHost


@pytest.fixture(autouse=True)
def the_keyring_of_before() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


async def found(home: Path, settings: dict[str, Any]) -> list[tuple[str, str]]:
    async with StandInHost(home, plugins=["secrets"], overrides=settings) as host:
        check = host.registry("checks").get("secret-stores")
        results = await host.target(check, check.spec.target)(host.context("secrets"))
        assert all(result.remedy for result in results if result.status != "ok")
        return [(result.status, result.detail) for result in results]


async def test_without_a_store_all_is_well(tmp_path: Path) -> None:
    assert [status for status, _ in await found(tmp_path, {})] == ["ok"]


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        (keyring.backends.fail.Keyring(), "no keyring is running"),
        (keyring.backends.null.Keyring(), "it is switched off"),
    ],
)
async def test_a_keyring_that_keeps_nothing_is_an_error(tmp_path: Path, backend: Any, said: str) -> None:
    keyring.set_keyring(backend)
    ((status, detail),) = await found(tmp_path, {"secrets": {"stores": ["keyring"]}})
    assert status == "error"
    assert said in detail


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ({}, "error", "has no command"),
        ({"get": ["no-such-manager", "{name}"]}, "error", "needs the program 'no-such-manager'"),
        ({"get": [sys.executable, "{name}"]}, "ok", "is there"),
    ],
)
async def test_the_program_is_looked_for(tmp_path: Path, command: dict[str, Any], status: str, said: str) -> None:
    settings = {"secrets": {"stores": ["command"]}, "secret_command": command}
    ((found_status, detail),) = await found(tmp_path, settings)
    assert found_status == status
    assert said in detail
