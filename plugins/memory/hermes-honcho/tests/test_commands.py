"""`hermes honcho` and `hermes doctor`, as programs without a terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hermes_honcho.testing import HonchoServer

from hermes_host.cli import entry


class Ran(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Ran]


@pytest.fixture
def hermes(
    home: Path, own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run one command line in this process, without a terminal."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HERMES_HOME", str(home))
    monkeypatch.setenv("HERMES_PLUGINS", "honcho")

    def run(*arguments: str, given: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        code = entry.run(arguments)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


def told(run: Ran) -> Any:
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_setup_asks_nothing_without_a_terminal_and_checks_before_it_writes(
    hermes: Run, server: HonchoServer, home: Path, own_home: Path
) -> None:
    nothing = hermes("honcho", "setup")
    assert nothing.returncode == 2 and "--key-stdin or --base-url" in nothing.stderr
    wrong = hermes("honcho", "setup", "--key-stdin", "--base-url", server.url, given="wrong\n")
    assert wrong.returncode == 1 and "does not accept the key" in wrong.stderr and "Nothing was changed" in wrong.stderr
    file = own_home / ".honcho" / "config.json"
    assert not file.exists()
    right = hermes(
        *("honcho", "setup", "--key-stdin", "--base-url", server.url, "--peer", "alice", "--write", "3"),
        given="right\n",
    )
    assert right.returncode == 0, right.stderr
    assert "right" not in right.stdout + right.stderr
    assert json.loads(file.read_text(encoding="utf-8")) == {
        "apiKey": "right",
        "baseUrl": server.url,
        "hosts": {"hermes": {"peerName": "alice", "writeFrequency": 3, "enabled": True}},
    }
    assert oct(file.stat().st_mode)[-3:] == "600" and not (home / "honcho.json").exists()


def test_status_says_what_holds_and_whether_honcho_answers(hermes: Run, server: HonchoServer, configure: Any) -> None:
    off = told(hermes("honcho", "status", "--json"))
    assert off["active"] is False and "setup" in off["reason"]
    configure(sessionStrategy="per-directory")
    on = told(hermes("honcho", "status", "--json"))
    assert (on["active"], on["answers"], on["user_peer"], on["session_here"]) == (True, True, "alice", "project")
    plain = hermes("honcho", "status").stdout
    assert "Honcho answers." in plain and "unsent: 0" in plain and "key: yes" in plain
    server.key = "other"
    bad = hermes("honcho", "status")
    assert bad.returncode == 1 and "does not accept the key" in bad.stdout


def test_the_map_names_this_directorys_session(hermes: Run, configure: Any, tmp_path: Path, server: Any) -> None:
    configure(sessionStrategy="per-directory")
    assert told(hermes("honcho", "map", "--json"))["session"] == "project"
    assert told(hermes("honcho", "map", "my work", "--json")) == {
        "directory": str(tmp_path / "project"),
        "session": "my-work",
        "mapped": True,
    }
    assert told(hermes("honcho", "sessions", "--json")) == {"sessions": {str(tmp_path / "project"): "my-work"}}
    assert told(hermes("honcho", "map", "--remove", "--json"))["session"] == "project"


def test_settings_are_changed_and_shown(hermes: Run, configure: Any, server: Any) -> None:
    configure()
    peer = told(hermes("honcho", "peer", "--user", "bob", "--reasoning", "high", "--json"))
    assert peer == {"user": "bob", "ai": "hermes", "reasoning": "high"}
    mode = told(hermes("honcho", "mode", "honcho", "--recall", "tools", "--write", "5", "--json"))
    assert mode == {"mode": "honcho", "recall": "tools", "write": 5}
    tokens = told(hermes("honcho", "tokens", "--context", "900", "--dialectic", "300", "--json"))
    assert tokens == {"context": 900, "dialectic": 300}
    assert told(hermes("honcho", "tokens", "--context", "0", "--json"))["context"] is None
    assert "memory.memory_enabled false" in hermes("honcho", "mode", "honcho").stdout
    assert hermes("honcho", "mode", "local").returncode == 2
    assert hermes("honcho", "mode", "--write", "weekly").returncode == 2


def test_remote_sessions_are_listed_over_all_pages(hermes: Run, configure: Any, server: HonchoServer) -> None:
    configure()
    for number in range(120):
        server.sessions[f"hermes/s{number}"] = {"peers": {}, "messages": []}
    assert len(told(hermes("honcho", "sessions", "--remote", "--json"))["sessions"]) == 120


def test_files_are_sent_only_with_consent_and_only_once(
    hermes: Run, configure: Any, server: HonchoServer, home: Path
) -> None:
    configure()
    (home / "memories").mkdir()
    (home / "memories" / "MEMORY.md").write_text("Uses vim.", encoding="utf-8")
    (home / "memories" / "USER.md").write_text("Is called Älice.", encoding="utf-8")
    (home / "SOUL.md").write_text("Be kind.", encoding="utf-8")
    assert "consolidated_memory.md" in hermes("honcho", "migrate", "--dry-run").stdout
    refused = hermes("honcho", "migrate")
    assert refused.returncode == 2 and "--yes" in refused.stderr
    assert not server.asked("upload")
    first = told(hermes("honcho", "migrate", "--yes", "--json"))
    assert [source["state"] for source in first["sources"]] == ["sent"] * 3
    assert sorted(server.said("hermes")) == [
        ("alice", "Is called Älice."),
        ("alice", "Uses vim."),
        ("hermes", "Be kind."),
    ]
    again = told(hermes("honcho", "migrate", "--yes", "--json"))
    assert [source["state"] for source in again["sources"]] == ["there"] * 3
    assert len(server.said("hermes")) == 3


def test_another_agents_folder_is_read_without_following_links_out_of_it(
    hermes: Run, configure: Any, server: HonchoServer, tmp_path: Path
) -> None:
    configure()
    folder = tmp_path / "openclaw"
    folder.mkdir()
    (folder / "IDENTITY.md").write_text("I am Claw.", encoding="utf-8")
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    (folder / "USER.md").symlink_to(tmp_path / "secret")
    done = told(hermes("honcho", "migrate", "--from", str(folder), "--yes", "--json"))
    states = {source["name"]: source["state"] for source in done["sources"]}
    assert states == {"agent_identity.md": "sent", "user_profile.md": "skipped"}
    assert server.said("hermes") == [("hermes", "I am Claw.")]
    assert hermes("honcho", "migrate", "--from", str(tmp_path / "none"), "--yes").returncode == 1


def test_the_assistants_identity_can_be_told_and_shown(
    hermes: Run, configure: Any, server: HonchoServer, tmp_path: Path
) -> None:
    configure()
    (tmp_path / "me.md").write_text("I am a helper.", encoding="utf-8")
    assert told(hermes("honcho", "identity", str(tmp_path / "me.md"), "--json"))["state"] == "sent"
    assert server.said("hermes") == [("hermes", "I am a helper.")]
    assert "(hermes)" in told(hermes("honcho", "identity", "--show", "--json"))["representation"]
    assert hermes("honcho", "identity").returncode == 2
    assert hermes("honcho", "identity", str(tmp_path / "none.md")).returncode == 1


def test_without_configuration_commands_say_what_to_do(hermes: Run, home: Path) -> None:
    (home / "SOUL.md").write_text("Be kind.", encoding="utf-8")
    for arguments in (["migrate", "--yes"], ["identity", "--show"], ["sessions", "--remote"]):
        run = hermes("honcho", *arguments)
        assert run.returncode == 1 and "hermes honcho setup" in run.stderr, arguments
        assert "Traceback" not in run.stderr


def test_the_doctor_asks_honcho(hermes: Run, configure: Any, server: HonchoServer) -> None:
    assert "not configured" in hermes("doctor", "--json").stdout
    configure()
    checks = json.loads(hermes("doctor", "--json").stdout)
    assert f"{server.url} answers" in json.dumps(checks)
    assert server.asked("workspaces")


async def test_the_check_says_whether_honcho_answers_and_what_waits(
    make: Any, configure: Any, server: HonchoServer, memory: Any, turn: Any, conversation: Any
) -> None:
    async def results() -> dict[str, Any]:
        host = make()
        check = host.checks.get("honcho.service")
        found = await host.target(check, check.spec.target)(host.context("honcho"))
        return {result.name: result for result in found}

    assert (await results())["honcho"].status == "ok", "not configured is no fault"
    live = await memory(writeFrequency="session", recallMode="tools", memoryMode="honcho")
    await live.observe(turn(), conversation())
    found = await results()
    assert found["honcho"].status == "ok" and "answers" in found["honcho"].detail
    assert "2 messages wait" in found["honcho queue"].detail
    assert found["honcho mode"].status == "warning"
    server.key = "other"
    assert (await results())["honcho"].status == "error"
