from __future__ import annotations

import os
from pathlib import Path

import pytest
from hermes_local.backend import LocalBackend
from hermes_local.sandbox import level_of
from hermes_local.settings import Settings

from hermes_host.testing import TerminalContract
from hermes_host.testing.terminals import run


class TestLocal(TerminalContract):
    features = frozenset({"files", "pty", "background", "network"})

    @pytest.fixture
    def backend(self) -> LocalBackend:
        return LocalBackend()

    @pytest.fixture
    def directory(self, tmp_path: Path) -> str:
        return str(tmp_path)


def full(mode: str) -> LocalBackend:
    level = level_of(Settings(), mode)
    if level.means != "bubblewrap":
        pytest.skip(f"no bubblewrap: {level.reason}")
    return LocalBackend(sandbox=mode)


class Confined(TestLocal):
    __test__ = False

    async def test_seen_from_outside_nothing_is_left_when_the_terminal_is_closed(
        self, backend: LocalBackend, directory: str, place: str
    ) -> None:
        script = f"nohup setsid sh -c \"trap '' TERM HUP INT; : {place}; echo up; while :; do sleep 1000; done\" & "
        async with backend.open("second", directory) as second:
            await run(second, f"exec 3>&1; {{ {script} }} | read up; echo ready")
            assert running(place), "the background child ended with the command"
        assert not running(place)


def running(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "cmdline").read_bytes() and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class TestWorkspace(Confined):
    __test__ = True

    @pytest.fixture
    def backend(self) -> LocalBackend:
        return full("workspace")


class TestStrict(Confined):
    __test__ = True

    @pytest.fixture
    def backend(self) -> LocalBackend:
        return full("strict")


def by_landlock(mode: str) -> LocalBackend:
    level = level_of(Settings(), mode, program="")
    if level.means != "landlock":
        pytest.skip("the kernel has no Landlock")
    return LocalBackend(sandbox=mode, level=level)


class TestStrictWithoutBubblewrap(TestLocal):
    @pytest.fixture
    def backend(self) -> LocalBackend:
        return by_landlock("strict")
