"""The gateway as a process: `hermes gateway` as a person uses it, on a platform over a real socket."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hermes_gateway.units import unit

from hermes_host.errors import HermesError
from hermes_host.testing import Platform

HERMES = (sys.executable, "-c", "from hermes_host.cli import main; main()")


class Machine:
    """A home with the testing platform installed, and the commands run in it."""

    def __init__(self, root: Path, platform: Platform) -> None:
        self.home = root / "home"
        self.home.mkdir()
        self.platform = platform
        metadata = root / "site" / "testplatform-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: testplatform\nVersion: 1.0\n", encoding="utf-8"
        )
        (metadata / "entry_points.txt").write_text(
            "[hermes.v1]\ntesting-platform = hermes_host.testing.platform_plugin\n", encoding="utf-8"
        )
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "HERMES_HOME": str(self.home),
            "PYTHONPATH": str(root / "site"),
            "HERMES_PLUGINS": "gateway,offline,testing-platform,sessions",
            "TESTING_PLATFORM_PORT": str(platform.port),
        }
        self.configure("server:\n  listen: 127.0.0.1:0\n")
        self.running: list[asyncio.subprocess.Process] = []

    def configure(self, text: str) -> None:
        (self.home / "config.yaml").write_text(text, encoding="utf-8")

    async def hermes(self, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *HERMES,
            *arguments,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, said = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, out.decode(), said.decode()

    async def run(self) -> asyncio.subprocess.Process:
        """`hermes gateway run`, once it runs."""
        process = await asyncio.create_subprocess_exec(
            *HERMES, "gateway", "run", env=self.environment, stderr=asyncio.subprocess.PIPE
        )
        self.running.append(process)
        assert process.stderr is not None
        async with asyncio.timeout(30):
            async for line in process.stderr:
                if b"The gateway runs" in line:
                    return process
        raise AssertionError("the gateway ended at once")

    async def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await self.hermes("gateway", "status", "--json"))[1])
        return found

    async def close(self) -> None:
        for process in self.running:
            if process.returncode is None:
                process.kill()
                await process.wait()
        status = await self.status()
        if status["running"]:
            os.kill(status["pid"], signal.SIGKILL)


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    async with Platform() as platform:
        made = Machine(tmp_path, platform)
        yield made
        await made.close()


async def let_in(machine: Machine) -> None:
    await machine.platform.say("hello")
    said = await machine.platform.until_said("code", timeout=20)
    found = re.search(r"[A-Z2-9]{8}", said.text)
    assert found is not None
    code, _, error = await machine.hermes("pairing", "approve", "testing", found.group(), "--owner")
    assert code == 0, error


async def test_the_walk_of_a_new_user(machine: Machine):
    code, out, error = await machine.hermes("gateway", "start")
    assert code == 0, error
    assert "The gateway runs" in error
    await let_in(machine)
    await machine.platform.say("Say hello to me.")
    await machine.platform.until(lambda: len(machine.platform.texts()) == 2, timeout=30)
    code, out, _ = await machine.hermes("gateway", "status")
    assert code == 0
    assert "testing" in out
    assert "running" in out
    assert (await machine.hermes("gateway", "start"))[1] == "It runs already.\n"
    code, out, _ = await machine.hermes("gateway", "stop")
    assert code == 0
    assert "Stopped" in out
    code, out, _ = await machine.hermes("gateway", "status")
    assert code == 1
    assert "does not run" in out
    assert (await machine.hermes("gateway", "logs"))[0] == 0


async def test_a_second_gateway_is_refused_and_the_first_goes_on(machine: Machine):
    first = await machine.run()
    code, _, error = await machine.hermes("gateway", "run")
    assert code == 1
    assert f"process {first.pid}" in error
    assert (await machine.status())["pid"] == first.pid


async def test_what_it_was_told_before_it_was_killed_is_answered_after(machine: Machine):
    process = await machine.run()
    await let_in(machine)
    process.kill()
    await process.wait()
    status = await machine.status()
    assert (status["running"], status["state"]) == (False, "crashed")
    await machine.platform.say("Are you there?")
    await machine.run()
    await machine.platform.until(lambda: len(machine.platform.texts()) == 2, timeout=30)


async def test_a_port_that_is_taken_is_said_and_the_rest_works(machine: Machine):
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    machine.configure(f"server:\n  listen: 127.0.0.1:{port}\n")
    await machine.run()
    await machine.platform.say("hello")
    await machine.platform.until_said("code", timeout=20)
    parts = {part["name"]: part for part in (await machine.status())["parts"]}
    assert parts["server"]["state"] == "failed"
    assert str(port) in parts["server"]["detail"]
    assert "server.listen" in parts["server"]["remedy"]
    server.close()


async def test_programs_can_see_how_it_fares(machine: Machine):
    await machine.run()
    url = (await machine.status())["address"]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}/healthz") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "ok")
        async with session.get(f"{url}/readyz") as answer:
            assert (answer.status, (await answer.json())["ready"]) == (200, True)
        async with session.get(f"{url}/metrics") as answer:
            assert 'hermes_gateway_part_running{kind="adapter",name="testing"} 1.0' in await answer.text()
        async with session.get(f"{url}/healthz", headers={"Host": "evil.test"}) as answer:
            assert answer.status == 421
        async with session.get(f"{url}/nothing") as answer:
            assert answer.status == 404
        async with session.post(f"{url}/healthz") as answer:
            assert answer.status == 405


async def test_stopping_lets_a_second_signal_end_it_at_once(machine: Machine):
    process = await machine.run()
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 30) == 0
    assert (await machine.status())["state"] == "stopped"


async def test_a_wrong_platform_in_setup_names_the_right_one(machine: Machine):
    code, _, error = await machine.hermes("gateway", "setup", "testin")
    assert code == 1
    assert "testing" in error
    code, out, _ = await machine.hermes("gateway", "setup")
    assert (code, out) == (0, "testing: is set up\n")


def test_the_units_name_this_installation_and_this_home(tmp_path: Path):
    systemd = unit(tmp_path / 'a "home" 100%', platform="linux")
    assert sys.executable in systemd.text
    assert r"HERMES_HOME=" + str(tmp_path).replace("%", "%%") in systemd.text
    assert r"\"home\" 100%%" in systemd.text
    assert "WatchdogSec" in systemd.text
    assert "User=" not in systemd.text
    assert "User=alice" in unit(tmp_path, system=True, user="alice", platform="linux").text
    with pytest.raises(HermesError):
        unit(tmp_path, system=True, user="root", platform="linux")
    launchd = unit(tmp_path / "a&b", platform="darwin")
    assert "a&amp;b" in launchd.text
    with pytest.raises(HermesError):
        unit(tmp_path, platform="win32")
