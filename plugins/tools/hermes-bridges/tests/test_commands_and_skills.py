"""Slash commands, skills and MCP servers of folders."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hermes_bridges.checks import folders
from hermes_mcp.servers import Servers

from hermes_host.errors import NotFound
from hermes_host.messages import ToolCall
from hermes_host.testing import ModelServer, StandInHost
from hermes_host.testing.model_server_chat import chat


def command(text, **more):
    return {".claude-plugin/plugin.json": json.dumps({"name": "kit"}), "commands/go.md": text, **more}


async def test_a_command_is_a_message_made_of_its_file(hermes, make, talk):
    hermes("add", make("review-kit"), "--yes")
    talking = await talk()
    assert await talking.slash("/review 'my branch' high") == ""
    (message,) = talking.submitted
    assert message.said == "/review 'my branch' high"
    text = message.text
    assert "Review the branch my branch with depth high ('my branch' high)." in text
    assert "[checklist.md of the plugin]\n- Names say what they mean." in text
    assert "State: (the output of `git status --short`)" in text
    assert "No command was run for this text" in text
    assert "@src/main.py" in text
    await talking.turn(message)
    assert "Review the branch my branch" in talking.said()


async def test_its_file_references_are_not_read_by_the_host(hermes, make, talk, tmp_path):
    hermes("add", make("kit", command("Look at @canary.txt and @../canary.txt.")), "--yes")
    talking = await talk(plugins=("bridges", "context"))
    (tmp_path / "work/canary.txt").write_text("CANARY", encoding="utf-8")
    (tmp_path / "canary.txt").write_text("CANARY", encoding="utf-8")
    await talking.slash("/go")
    await talking.turn(talking.submitted[0])
    assert "CANARY" not in talking.said()
    assert "Words that begin with @ name files" in talking.said()


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/hostname", "nowhere.md", "secret/../../outside.txt"])
async def test_only_files_of_the_folder_are_attached(hermes, make, talk, tmp_path, path):
    (tmp_path / "outside.txt").write_text("OUTSIDE", encoding="utf-8")
    hermes("add", make("kit", command(f"Follow @${{CLAUDE_PLUGIN_ROOT}}/{path}")), "--yes")
    talking = await talk()
    await talking.slash("/go")
    assert "There is no file" in talking.submitted[0].text
    assert "OUTSIDE" not in talking.submitted[0].text


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("Do $ARGUMENTS now", "a b", "Do a b now"),
        ("Do $1 then $2, not $3", "'a b' c", "Do a b then c, not "),
        ("First $ARGUMENTS[0], $ARGUMENTS[1]", "x y", "First x, y"),
        ("Costs $15 and $ARGUMENTSX", "", "Costs $15 and $ARGUMENTSX"),
        ("Do it", "at once", "Do it\n\nARGUMENTS: at once"),
        ("Say $1", "$ARGUMENTS !`rm -rf /`", "Say $ARGUMENTS"),
        ("Say $1", "it's", "Say it's"),
    ],
)
async def test_arguments_are_put_in_once_and_stay_text(hermes, make, talk, text, arguments, expected):
    hermes("add", make("kit", command(text)), "--yes")
    talking = await talk()
    await talking.slash(f"/go {arguments}")
    body = talking.submitted[0].text.partition("do this.]\n\n")[2]
    assert body == expected


async def test_a_command_whose_name_is_taken_has_its_folders_name_before_it(hermes, make, talk):
    hermes("add", make("kit", {**command("x"), "commands/model.md": "Mine."}), "--yes")
    hermes("add", make("second", {"commands/go.md": "Second."}), "--yes")
    talking = await talk()
    await talking.slash("/kit.model")
    assert "Mine." in talking.submitted[-1].text
    await talking.slash("/second.go")
    assert "Second." in talking.submitted[-1].text
    await talking.slash("/kit:go")
    assert "The user invoked the command /go" in talking.submitted[-1].text
    assert "no model" not in (await talking.slash("/model"))
    assert len(talking.submitted) == 3


async def test_after_a_change_its_commands_are_gone(hermes, make, talk):
    folder = make("kit", command("x"))
    hermes("add", folder, "--yes")
    talking = await talk()
    (folder / "commands/go.md").write_text("Now something else.", encoding="utf-8")
    with pytest.raises(NotFound):
        await talking.slash("/go")


async def test_its_skills_are_skills_until_it_changes(hermes, make, talk, monkeypatch, tmp_path):
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("HERMES_BUNDLED_SKILLS", str(tmp_path / "none"))
    folder = make("review-kit")
    hermes("add", folder, "--yes")
    talking = await talk(plugins=("bridges", "skills"))
    await talking.turn("hello")
    assert "reading-diffs: Use when a diff is reviewed." in talking.session.system
    assert await talking.slash("/reading-diffs this one") == ""
    assert "1. Read it." in talking.submitted[0].text
    (folder / "more.md").write_text("x", encoding="utf-8")
    later = await talk(plugins=("bridges", "skills"))
    await later.turn("hello")
    assert "reading-diffs" not in later.session.system


def launch(home, *arguments):
    line = [sys.executable, "-P", "-m", "hermes_bridges.launch", str(home / "plugins/bridges"), *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, cwd=home, encoding="utf-8")


def test_mcp_servers_are_set_up_and_start_only_while_nothing_changed(hermes, make, home):
    folder = make("review-kit")
    both = ("bridges", "mcp")
    assert "mcp_servers.review-kit-notes" in hermes("add", folder, "--yes", plugins=both).output
    document = yaml.safe_load((home / "config.yaml").read_text(encoding="utf-8"))
    entry = document["mcp_servers"]["review-kit-notes"]
    assert list(document["mcp_servers"]) == ["review-kit-notes"]
    assert entry["command"] == sys.executable
    assert entry["args"][-2:] == ["review-kit", "notes"]
    started = subprocess.run(
        [entry["command"], *entry["args"]], capture_output=True, text=True, timeout=60, encoding="utf-8", check=True
    )
    assert started.stdout.split() == [str(folder), str(folder)]
    (folder / "server.py").write_text("print('other')", encoding="utf-8")
    refused = launch(home, "review-kit", "notes")
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert "was changed since it was accepted" in refused.stderr
    hermes("accept", "review-kit", "--yes", plugins=both)
    assert launch(home, "review-kit", "notes").stdout == "other\n"
    hermes("remove", "review-kit", plugins=both)
    assert not (yaml.safe_load((home / "config.yaml").read_text(encoding="utf-8")) or {}).get("mcp_servers")
    assert "There is no bridge" in launch(home, "review-kit", "notes").stderr


def test_without_hermes_mcp_the_block_for_the_configuration_is_shown(hermes, make, home):
    shown = hermes("add", make("review-kit"), "--yes").output
    assert "hermes-mcp is not installed" in shown
    block = yaml.safe_load(shown.partition("put this into config.yaml:\n")[2])
    assert list(block["mcp_servers"]) == ["review-kit-notes"]
    assert not (home / "config.yaml").exists()


def test_servers_can_be_left_out(hermes, make, home):
    hermes("add", make("review-kit"), "--yes", "--no-servers", plugins=("bridges", "mcp"))
    assert not (home / "config.yaml").exists()


async def test_a_tool_of_such_a_server_is_called_through_hermes_mcp(hermes, make, talk, words, home):
    program = """\
import json, sys
for line in sys.stdin:
    told = json.loads(line)
    if "id" not in told:
        continue
    tool = {"name": "greet", "description": "Greets.", "inputSchema": {"type": "object", "properties": {}}}
    results = {
        "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                       "serverInfo": {"name": "greeter", "version": "1"}},
        "tools/list": {"tools": [tool]},
        "tools/call": {"content": [{"type": "text", "text": "hello from the folder"}]},
    }
    print(json.dumps({"jsonrpc": "2.0", "id": told["id"], "result": results.get(told["method"], {})}), flush=True)
"""
    files = {
        ".claude-plugin/plugin.json": json.dumps({"name": "kit"}),
        ".mcp.json": json.dumps({"mcpServers": {"greeter": {
            "command": sys.executable, "args": ["${CLAUDE_PLUGIN_ROOT}/program.py"]}}}),
        "program.py": program,
    }  # fmt: skip
    hermes("add", make("kit", files), "--yes", plugins=("bridges", "mcp"))
    talking = await talk(plugins=("bridges", "mcp"), yolo=True)
    servers = await talking.host.services.get(Servers)
    servers.specs()
    await servers.first_lists()
    talking.session = await talking.host.start(yolo=True)
    assert words(await talking.call("mcp_kit_greeter_greet")) == "hello from the folder"


async def test_the_whole_program_with_a_model_over_http(make, home, tmp_path):
    environ = {**os.environ, "HERMES_HOME": str(home), "HERMES_PLUGINS": "bridges,skills,compatible,files"}

    async def hermes(*arguments):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(Path(sys.executable).with_name("hermes")), *arguments),
            env=environ,
            cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
        return output.decode()

    await hermes("bridges", "add", str(make("review-kit")), "--yes")
    call = ToolCall(id="1", name="write_file", arguments={"path": "secret.txt", "content": "x"})
    async with ModelServer([chat(call), chat("It was refused.")]) as server:
        settings = {"default": "custom:test-model", "base_url": server.url, "api_key": "sk-not-a-key"}
        (home / "config.yaml").write_text(yaml.safe_dump({"model": settings}), encoding="utf-8")
        assert "It was refused." in await hermes("chat", "--yolo", "-q", "write it")
        assert "reading-diffs" in json.dumps(server.requests[0].json)
        assert "secret.txt is nobody's business" in json.dumps(server.requests[1].json["messages"][-1])
    assert not (tmp_path / "secret.txt").exists()


async def test_doctor_names_what_is_off_and_what_waits(hermes, make, home):
    folder = make("review-kit")
    hermes("add", folder, "--yes")
    (folder / "guard.py").write_text("pass", encoding="utf-8")
    bad = {"plugin.yaml": "name: bad\n", "__init__.py": "import tools\n"}
    hermes("add", make("bad", bad), "--yes")
    make("home/hooks/journal", {"HOOK.yaml": "name: journal\n", "handler.py": ""})
    async with StandInHost(home, plugins=["bridges"]) as host:
        found = [(item.status, f"{item.detail} {item.remedy}") for item in await folders(host.context("bridges"))]
    assert found[0] == ("ok", "1 of 2 folders used ")
    assert any(status == "error" and "hermes bridges accept review-kit" in text for status, text in found)
    assert any("a module of Hermes Agent that does not exist here" in text for _, text in found)
    assert any("nobody accepted it hermes bridges add" in text for _, text in found)


def test_a_secret_that_stands_in_a_servers_entry_goes_to_env(hermes, make, home):
    server = {"type": "http", "url": "https://tickets.example/mcp", "headers": {"Authorization": "Bearer abcdefghij"}}
    folder = make("review-kit", {".mcp.json": json.dumps({"mcpServers": {"remote": server}})})
    hermes("add", folder, "--yes", plugins=("bridges", "mcp"))
    text = (home / "config.yaml").read_text(encoding="utf-8")
    assert "abcdefghij" not in text
    headers = yaml.safe_load(text)["mcp_servers"]["review-kit-remote"]["headers"]
    assert headers == {"Authorization": "Bearer ${MCP_REVIEW_KIT_REMOTE_AUTHORIZATION}"}
    assert "MCP_REVIEW_KIT_REMOTE_AUTHORIZATION=abcdefghij" in (home / ".env").read_text(encoding="utf-8")
