"""The whole way: a person in Telegram, the gateway as a process, and a model without a network."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

HERMES = (sys.executable, "-c", "from hermes_host.cli import main; main()")


class Machine:
    """A home with the gateway and this plugin."""

    def __init__(self, root: Path, api: Any) -> None:
        home = root / "home"
        home.mkdir()
        settings = {"telegram": {"base_url": api.url}, "server": {"listen": "127.0.0.1:0"}}
        (home / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "HERMES_HOME": str(home),
            "HERMES_PLUGINS": "gateway,offline,telegram,sessions",
            "TELEGRAM_BOT_TOKEN": api.token,
        }
        self.running: list[asyncio.subprocess.Process] = []

    async def hermes(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *HERMES, *arguments, env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def run(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *HERMES, "gateway", "run", env=self.environment, stderr=asyncio.subprocess.DEVNULL
        )
        self.running.append(process)
        return process

    async def close(self) -> None:
        for process in self.running:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.fixture
async def machine(tmp_path: Path, api: Any) -> AsyncIterator[Machine]:
    made = Machine(tmp_path, api)
    yield made
    await made.close()


async def test_a_person_is_let_in_answered_and_answered_after_a_crash(api: Any, machine: Machine):
    process = await machine.run()
    await api.say("hello")
    await api.until_called("sendMessage", times=1)
    found = re.search(r"\b[A-Z2-9]{8}\b", api.texts()[0])
    assert found is not None
    await machine.hermes("pairing", "approve", "telegram", found.group(), "--owner")
    question = await api.say("Say hello to me.")
    await api.until_called("sendMessage", times=2)
    assert "let in" in api.texts()[1]
    await api.until_called("sendMessage", times=3)
    answer = api.made("sendMessage")[2]
    assert answer["reply_parameters"]["message_id"] == question["message"]["message_id"]
    assert api.made("setMyCommands"), "the menu is shown"
    process.kill()
    await process.wait()
    await api.say("Are you there?")
    await machine.run()
    await api.until_called("sendMessage", times=4)
    await api.until_polled(question["update_id"] + 2)
    assert len(api.made("sendMessage")) == 4, "what came before the crash is not answered again"
    await machine.hermes("gateway", "send", "telegram:4242", "A **word** from outside.")
    await api.until_called("sendMessage", times=5)
    assert api.texts()[-1] == "A word from outside."
    assert "hermes_test_bot" in await machine.hermes("gateway", "status")
