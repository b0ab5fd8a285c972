"""The commands, and the API in a gateway's own process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hermes_api.checks import check

from hermes_host.testing import ModelServer, StandInHost
from hermes_host.testing.model_server_chat import echo

COMMAND = [sys.executable, "-c", "from hermes_host.cli import main; main()"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home.parent),
        "HERMES_HOME": str(home),
        "HERMES_PLUGINS": "api,gateway,compatible",
    }


def hermes(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environment(home), capture_output=True, text=True, timeout=30, check=False
    )


def test_keys_are_made_listed_and_revoked(home: Path):
    made = hermes(home, "api", "key", "create", "phone", "--scopes", "chat,approvals")
    assert made.returncode == 0, made.stderr
    plain = made.stdout.strip()
    assert plain.startswith("hermes-") and len(plain) > 40
    listed = json.loads(hermes(home, "api", "key", "list", "--json").stdout)
    assert [(key["name"], key["scopes"]) for key in listed] == [("phone", ["chat", "approvals"])]
    assert plain not in "".join(
        path.read_text(encoding="utf-8", errors="replace") for path in home.rglob("*") if path.is_file()
    )
    assert json.loads(hermes(home, "api", "status", "--json").stdout)["keys"] == 1
    assert hermes(home, "api", "key", "create", "phone").returncode != 0
    assert hermes(home, "api", "key", "create", "x", "--scopes", "root").returncode != 0
    assert hermes(home, "api", "key", "revoke", "phone").returncode == 0
    assert hermes(home, "api", "key", "revoke", "phone").returncode != 0
    assert "no key" in hermes(home, "api", "status").stdout


async def test_a_gateway_serves_it_and_says_so(home: Path):
    async with ModelServer(echo) as vendor:
        entry = f"{{name: office, base_url: '{vendor.url}', api_key: sk-office-1234, model: test-model}}"
        config = (
            f"server: {{listen: '127.0.0.1:0'}}\ncustom_providers: [{entry}]\napi: {{model: 'office:test-model'}}\n"
        )
        (home / "config.yaml").write_text(config, encoding="utf-8")
        key = hermes(home, "api", "key", "create", "phone").stdout.strip()
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "gateway", "run", env=environment(home), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            found = await until_served(home)
            body = {"model": "hermes-agent", "messages": [{"role": "user", "content": "Hello"}]}
            async with (
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http,
                http.post(f"{found['url']}/chat/completions", json=body) as answer,
            ):
                assert (await answer.json())["choices"][0]["message"]["content"] == "Hello"
        finally:
            process.terminate()
            async with asyncio.timeout(20):
                assert await process.wait() == 0
    assert not json.loads(hermes(home, "api", "status", "--json").stdout)["running"]


async def until_served(home: Path) -> Any:
    async with asyncio.timeout(20):
        while True:
            found = json.loads((await asyncio.to_thread(hermes, home, "api", "status", "--json")).stdout)
            if found["running"] and found["url"]:
                return found


async def test_doctor_knows_a_bad_key_and_open_origins(home: Path):
    async def said(**overrides: Any) -> list[tuple[str, str]]:
        async with StandInHost(home, plugins=["api", "gateway"], overrides=overrides) as host:
            return [(found.name, found.status) for found in await check(host.context("api"))]

    assert await said() == [("api", "ok")]
    assert await said(**{"api.key": "undefined"}) == [("api", "error")]
    good = {"api.key": "a-good-key-of-some-length", "api.cors_origins": ["*"]}
    assert await said(**good) == [("api", "ok"), ("api origins", "warning")]
