"""Where settings come from, and what holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hermes_honcho.configuration import HonchoFile, configuration_of, find_file, tools_unavailable
from hermes_honcho.names import names_of, plain_name, unmistakable_name

from hermes_host.errors import ConfigError
from hermes_host.testing import PluginContract, StandInHost


class TestPlugin(PluginContract):
    plugin = "honcho"


def settled(home: Path, **environ: str) -> Any:
    host = StandInHost(home, plugins=["honcho"], environ={"PATH": "/usr/bin:/bin", **environ})
    return configuration_of(host.context("honcho"))


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def test_with_nothing_configured_it_is_off_and_says_how_to_begin(home: Path) -> None:
    found = settled(home)
    assert not found.active and "hermes honcho setup" in found.reason


def test_the_host_block_counts_over_the_root_and_both_over_the_defaults(home: Path) -> None:
    block = {"workspace": "w", "recallMode": "auto"}
    write(home / "honcho.json", {"apiKey": "k", "workspace": "root", "peerName": "r", "hosts": {"hermes": block}})
    found = settled(home)
    assert found.active
    assert (found.workspace, found.peer_name, found.ai_peer, found.recall_mode) == ("w", "r", "hermes", "hybrid")


def test_the_local_file_counts_before_the_shared_one(home: Path, own_home: Path) -> None:
    shared = own_home / ".honcho" / "config.json"
    write(shared, {"apiKey": "k", "workspace": "shared"})
    assert settled(home).workspace == "shared" and find_file(home) == shared
    write(home / "honcho.json", {"apiKey": "k", "workspace": "local"})
    assert settled(home).workspace == "local" and find_file(home) == home / "honcho.json"


def test_the_environment_gives_what_no_file_gives(home: Path) -> None:
    found = settled(home, HONCHO_API_KEY="from-environment", HONCHO_BASE_URL="https://honcho.example")
    assert found.active and (found.api_key, found.base_url) == ("from-environment", "https://honcho.example")
    write(home / "honcho.json", {"apiKey": "from-file"})
    assert settled(home, HONCHO_API_KEY="from-environment").api_key == "from-file"


def test_an_address_on_this_machine_needs_no_key(home: Path) -> None:
    write(home / "config.yaml", "honcho: {base_url: 'http://localhost:8000'}")
    found = settled(home)
    assert found.active and found.api_key == "local"
    write(home / "config.yaml", "honcho: {base_url: 'http://localhost:8000', enabled: false}")
    assert not settled(home).active


def test_switched_off_in_the_file_is_off(home: Path) -> None:
    write(home / "honcho.json", {"apiKey": "k", "enabled": True, "hosts": {"hermes": {"enabled": False}}})
    assert not settled(home).active


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no JSON"),
        ({"apiKey": "k", "recallMode": "maybe"}, "maybe"),
        ({"apiKey": "k", "writeFrequency": "weekly"}, "weekly"),
        ({"apiKey": "k", "writeFrequency": 0}, "0"),
        ({"apiKey": "k", "environment": "demo"}, "demo"),
        ({"apiKey": "k", "baseUrl": "localhost:8000"}, "http"),
        ({"hosts": []}, "no file of Honcho"),
    ],
)
def test_a_damaged_file_switches_it_off_and_is_explained(home: Path, content: Any, words: str) -> None:
    write(home / "honcho.json", content)
    found = settled(home)
    assert not found.active and words in found.problem


def test_memory_modes_can_differ_by_peer(home: Path) -> None:
    write(home / "honcho.json", {"apiKey": "k", "memoryMode": {"default": "honcho", "hermes": "hybrid"}})
    found = settled(home)
    assert (found.memory_mode("alice"), found.memory_mode("hermes")) == ("honcho", "hybrid")


def test_the_key_is_in_no_text_of_the_settings(home: Path) -> None:
    write(home / "honcho.json", {"apiKey": "very-secret"})
    assert "very-secret" not in repr(settled(home))


def test_rewriting_keeps_unknown_keys_and_is_private(home: Path) -> None:
    path = home / "honcho.json"
    write(path, {"apiKey": "k", "future": [1], "hosts": {"other": {"a": 1}, "hermes": {"odd": True}}})
    HonchoFile(path).change(lambda root, block: block.update(peerName="alice"))
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "apiKey": "k",
        "future": [1],
        "hosts": {"other": {"a": 1}, "hermes": {"odd": True, "peerName": "alice"}},
    }
    assert oct(path.stat().st_mode)[-3:] == "600"


def test_a_damaged_file_is_never_rewritten(home: Path) -> None:
    write(home / "honcho.json", "{")
    with pytest.raises(ConfigError):
        HonchoFile(home / "honcho.json").change(lambda root, block: block.update(peerName="alice"))
    assert (home / "honcho.json").read_text(encoding="utf-8") == "{"


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("per-session", "s1"), ("per-repo", "repo"), ("per-directory", "inner-x"), ("global", "w")],
)
def test_sessions_are_named_by_the_strategy(
    home: Path, tmp_path: Path, conversation: Any, strategy: str, expected: str
) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    (tmp_path / "repo" / "inner x").mkdir()
    write(home / "honcho.json", {"apiKey": "k", "workspace": "w", "sessionStrategy": strategy})
    session = conversation("s1", directory=str(tmp_path / "repo" / "inner x"))
    assert names_of(settled(home), session).session == expected


def test_the_map_counts_before_the_title_and_the_title_before_the_strategy(
    home: Path, tmp_path: Path, conversation: Any
) -> None:
    session = conversation("s1")
    write(home / "honcho.json", {"apiKey": "k", "peerName": "al", "sessionPeerPrefix": True})
    assert names_of(settled(home), session, title="My title!").session == "al-My-title-"
    write(home / "honcho.json", {"apiKey": "k", "sessions": {str(tmp_path): "mapped"}})
    assert names_of(settled(home), session, title="My title!").session == "mapped"


def test_names_are_what_honcho_allows_and_unmistakable_where_it_matters() -> None:
    assert plain_name("a b/c") == "a-b-c"
    assert unmistakable_name("alice_1-x") == "alice_1-x"
    assert unmistakable_name("a.b") != unmistakable_name("a:b")


def test_tools_are_hidden_when_inactive_and_in_recall_mode_context(home: Path, configure: Any) -> None:
    def names() -> list[str]:
        host = StandInHost(home, plugins=["honcho"])
        return [tool.name for tool in host.tools if not tools_unavailable(host.context(tool.plugin))]

    assert names() == []
    configure(recallMode="context")
    assert names() == []
    configure(recallMode="tools")
    assert sorted(names()) == ["honcho_conclude", "honcho_context", "honcho_profile", "honcho_search"]


UNUSED = """
import asyncio, sys
from pathlib import Path
from hermes_host.testing import StandInHost, events_of
from hermes_host.stream import MessageEnded, Usage
from hermes_host.messages import assistant_message

async def main():
    async with StandInHost(Path(sys.argv[1]), plugins=["honcho"]) as host:
        host.script(MessageEnded(assistant_message("Hi"), "end", Usage()))
        session = await host.start()
        await events_of(session.run("Hello"))
        assert not [tool for tool in session.tools() if tool.name.startswith("honcho")]
        assert "Honcho" not in session.system
    print(",".join(sorted({"honcho", "httpx", "pydantic"} & set(sys.modules))))

asyncio.run(main())
"""


def test_unconfigured_nothing_happens_and_the_sdk_is_not_imported(home: Path) -> None:
    run = subprocess.run([sys.executable, "-c", UNUSED, str(home)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == ""
    assert not (home / "plugins" / "honcho").exists()
