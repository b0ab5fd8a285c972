"""`hermes mcp`, `/mcp` and the check."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner
from hermes_mcp.checks import servers as check
from hermes_mcp.commands import mcp as command
from hermes_mcp.configuring import add_server
from hermes_mcp.slash import mcp as slash

from hermes_host.cli.application import Application
from hermes_host.errors import ConfigError
from hermes_host.frontends import SlashCall
from hermes_host.testing import StandInHost


@pytest.fixture
def hermes(tmp_path):
    def run(*arguments, **more):
        application = Application()
        application._host = StandInHost(tmp_path / "home", plugins=["mcp"])
        return CliRunner().invoke(command, arguments, obj=application, **more)

    (tmp_path / "home").mkdir()
    return run


def config(tmp_path):
    file = tmp_path / "home/config.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))["mcp_servers"] if file.exists() else None


def test_a_server_is_added_shown_listed_and_removed(hermes, entry, tmp_path):
    made = entry("by_hand", "poisoned")
    added = hermes("add", "it", "--env", "API_KEY=abcdefghij", "--", made["command"], *made["args"])
    assert added.exit_code == 0, added.output
    assert "Added it. hostile 0 speaks protocol 2025-06-18." in added.output
    assert "plain (reads) Does something." in added.output
    assert "! Its description is suspicious" in added.output
    assert config(tmp_path)["it"]["env"] == {"API_KEY": "${MCP_IT_API_KEY}"}
    assert "MCP_IT_API_KEY=abcdefghij" in (tmp_path / "home/.env").read_text(encoding="utf-8")
    assert "abcdefghij" not in (tmp_path / "home/config.yaml").read_text(encoding="utf-8")
    again = hermes("add", "it", "--", "other")
    assert again.exit_code != 0
    (row,) = json.loads(hermes("list", "--json").output)
    assert (row["name"], row["tools"], row["waiting"]) == ("it", 4, 3)
    assert "it" in hermes("list").output
    refused = hermes("accept", "it")
    assert refused.exit_code != 0
    assert "nobody can be asked here" in refused.output
    assert "Accepted: weather" in hermes("accept", "it", "weather", "--yes").output
    assert json.loads(hermes("list", "--json").output)[0]["waiting"] == 2
    tested = json.loads(hermes("test", "it", "--json").output)
    assert [tool["name"] for tool in tested["tools"]] == ["weather", "unseen", "quiet", "plain"]
    assert "connected: hostile 0" in hermes("logs", "it").output
    assert "Removed it" in hermes("remove", "it").output
    assert not config(tmp_path)
    assert not list((tmp_path / "home/plugins/mcp").glob("*.json"))
    assert hermes("remove", "it").exit_code != 0


def test_servers_of_other_programs_are_taken_over(hermes, tmp_path):
    file = tmp_path / "mcp.json"
    file.write_text(
        """{
  // the way VS Code writes it
  "servers": {
    "git hub": {"type": "http", "url": "https://example.com/mcp", "headers": {"Authorization": "Bearer abcdefgh"}},
    "files": {"command": "npx", "args": ["-y", "x"], "env": {"TOKEN": "${env:MY_TOKEN}"}},
    "old": {"type": "sse", "url": "https://example.com/sse"},
    "here": {"command": "${workspaceFolder}/run"},
  }
}""",
        encoding="utf-8",
    )
    planned = json.loads(hermes("import", str(file), "--dry-run", "--json").output)
    assert [row["outcome"].partition(":")[0] for row in planned] == ["imported", "imported", "left out", "left out"]
    assert config(tmp_path) is None
    assert hermes("import", str(file)).exit_code == 0
    found = config(tmp_path)
    assert set(found) == {"git-hub", "files"}
    assert found["git-hub"]["headers"] == {"Authorization": "Bearer ${MCP_GIT_HUB_AUTHORIZATION}"}
    assert found["files"]["env"] == {"TOKEN": "${MY_TOKEN}"}
    assert "MCP_GIT_HUB_AUTHORIZATION=abcdefgh" in (tmp_path / "home/.env").read_text(encoding="utf-8")
    repeated = json.loads(hermes("import", str(file), "--json").output)
    assert "already" in repeated[0]["outcome"]


def test_what_cannot_be_added_changes_nothing(hermes, tmp_path):
    assert hermes("add", "it").exit_code != 0
    assert hermes("add", "bad name", "--", "x").exit_code != 0
    assert hermes("add", "it", "--url", "ftp://example.com").exit_code != 0
    assert hermes("add", "it", "--url", "https://example.com", "--header", "no colon").exit_code != 0
    assert config(tmp_path) is None


async def test_mcp_in_a_conversation_shows_stops_and_refreshes(bench, entry):
    host = await bench.open(it=entry("by_hand", "process"))
    session = await host.start()
    assert not (await bench.call(host, "mcp_it_go")).is_error

    async def say(words):
        return await slash(SlashCall(name="mcp", arguments=words, host=host, session=session))

    assert await say("") == "- **it** running, 1 tool"
    assert "Stopped" in await say("stop it")
    assert "was not running" in await say("stop it")
    assert "offers 1 tool." in await say("refresh it")
    assert "Usage" in await say("what")


async def test_the_check_names_what_is_missing(bench, entry):
    host = await bench.open(
        it=entry("by_hand", "poisoned"),
        lost={"command": "no-such-program-here"},
        open={"url": "http://203.0.113.9/mcp", "headers": {"Authorization": "Bearer x"}, "enabled": False},
        wiki={"url": "http://127.0.0.1:9/mcp", "auth": "oauth", "connect_timeout": 5},
    )
    found = {result.name: result for result in await check(host.context("mcp"))}
    assert "3 tools wait for your consent" in found["mcp it"].detail
    assert "no program 'no-such-program-here'" in found["mcp lost"].detail
    assert found["mcp wiki"].remedy == "hermes mcp auth wiki"
    assert "mcp open" not in found


def test_a_log_of_a_server_that_is_not_configured_is_shown_too(hermes, tmp_path):
    (tmp_path / "home/logs").mkdir()
    (tmp_path / "home/logs/mcp-handed.log").write_text("2026-01-01 00:00:00 stderr out of cheese\n", encoding="utf-8")
    assert "out of cheese" in hermes("logs", "handed").output
    assert "There is no MCP server 'nobody'" in str(hermes("logs", "nobody").exception)


def test_other_plugins_add_servers_by_a_function(tmp_path):
    (tmp_path / "home").mkdir()
    host = StandInHost(tmp_path / "home", plugins=["mcp"])
    entry = {"url": "https://tickets.example/mcp", "headers": {"Authorization": "Bearer abcdefghij"}}
    add_server(host, "tickets", entry)
    assert config(tmp_path) == {
        "tickets": {**entry, "headers": {"Authorization": "Bearer ${MCP_TICKETS_AUTHORIZATION}"}}
    }
    assert "MCP_TICKETS_AUTHORIZATION=abcdefghij" in (tmp_path / "home/.env").read_text(encoding="utf-8")
    for name, other in (("tickets", entry), ("no name", entry), ("empty", {"args": ["x"]})):
        with pytest.raises(ConfigError):
            add_server(host, name, other)
    assert list(config(tmp_path)) == ["tickets"]
    add_server(host, "tickets", {"command": "x"}, replace=True)
    assert config(tmp_path) == {"tickets": {"command": "x"}}
