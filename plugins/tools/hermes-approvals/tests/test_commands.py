"""`hermes approvals` and `/approvals`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from hermes_approvals.commands import approvals
from hermes_approvals.rehearsal import rehearse

from hermes_host.cli.application import Application
from hermes_host.errors import HermesError, NotFound
from hermes_host.frontends import SlashCall
from hermes_host.slash import run as run_slash
from hermes_host.testing import StandInHost


@pytest.fixture
def hermes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "work").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / "work")

    def run(*arguments, status=0, stdin=None):
        host = StandInHost(tmp_path / ".hermes", plugins=["approvals", "files", "local", "terminal"])
        result = CliRunner().invoke(approvals, arguments, obj=Application(_host=host), input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result.output

    return run


def test_rules_are_added_listed_and_removed(hermes, tmp_path):
    assert "no rules" in hermes("list")
    out = hermes(
        "add", "allow", "--command", "git push origin main", "--surface", "cron", "--expires", "7d", "--note", "n"
    )
    assert "'git-push-origin-main'" in out
    hermes("add", "deny", "--path", "~/taxes/**", "--name", "taxes")
    listed = json.loads(hermes("list", "--json"))
    assert [(rule["name"], rule["verdict"]) for rule in listed["rules"]] == [
        ("git-push-origin-main", "allow"),
        ("taxes", "deny"),
    ]
    table = hermes("list")
    assert "git push origin main" in table and "cron, until 20" in table
    hermes("remove", "taxes")
    assert "taxes" not in hermes()
    with pytest.raises(NotFound):
        hermes("remove", "taxes")


def test_a_broad_rule_is_warned_about_and_an_empty_one_refused(hermes):
    assert "whatever find can be made to run" in hermes("add", "allow", "--command", "find ...")
    assert "Say what the rule is about" in hermes("add", "deny", status=2)
    with pytest.raises(HermesError, match="more than one program"):
        hermes("add", "allow", "--command", "git push; ls")


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        (["ls -la"], "allow"),
        (["git push"], "ask"),
        (["git push; rm -rf ~"], "deny"),
        (["git push", "--surface", "cron"], "deny"),
        (["git push", "--unattended"], "deny"),
        (["git push", "--surface", "telegram"], "ask"),
        (["ls", "--directory", "/"], "allow"),
        (["--tool", "write_file", "--arguments", '{"path": "~/.bashrc", "content": ""}'], "deny"),
        (["--tool", "write_file", "--arguments", '{"path": "a.txt", "content": ""}'], "allow"),
        (["--tool", "write_file", "--arguments", '{"path": "/etc/x", "content": ""}'], "ask"),
    ],
)
def test_what_would_happen_is_said_and_nothing_runs(hermes, tmp_path, arguments, verdict):
    found = json.loads(hermes("test", *arguments, "--json"))
    assert found["verdict"] == verdict
    assert isinstance(found["reasons"], list)
    assert verdict == "allow" or found["reasons"]
    assert list((tmp_path / "work").iterdir()) == []
    assert not (tmp_path / ".hermes" / "logs" / "approvals.jsonl").exists()


def test_a_trial_goes_by_the_rules(hermes):
    hermes("add", "allow", "--command", "git push", "--surface", "cron")
    assert hermes("test", "git push", "--surface", "cron").startswith(
        "allow: git push\n  Allowed by the rule 'git-push'"
    )
    assert hermes("test", "-", "--surface", "cron", stdin="git push; sudo ls").startswith("deny:")
    assert hermes("test", "git push", "--surface", "cron", "--origin", "external").startswith("deny:")
    with pytest.raises(NotFound):
        hermes("test", "--tool", "nothing")
    assert "Give a shell command" in hermes("test", status=2)


def test_the_log_is_shown_and_verified(hermes, tmp_path):
    from hermes_approvals.audit import AuditLog

    assert "Nothing has been decided" in hermes("log")
    log = AuditLog(tmp_path / ".hermes")
    for day, tool in (("2026-01-01", "old"), ("2999-01-01", "new")):
        log.append(
            {"time": f"{day}T00:00:00.000+00:00", "tool": tool, "verdict": "allow", "by": "person", "shown": "x\x1b"}
        )
    assert "old: x\\u{1b}" in hermes("log")
    assert "old" not in hermes("log", "--since", "1d")
    assert json.loads(hermes("log", "--tool", "new", "--json"))["tool"] == "new"
    assert "2 decisions in 1 file" in hermes("log", "--verify")
    log.file.write_bytes(log.file.read_bytes().replace(b"old", b"odd"))
    assert "line 2" in hermes("log", "--verify", status=1)


def test_the_log_is_followed(tmp_path):
    from hermes_approvals.audit import AuditLog

    log = AuditLog(tmp_path)
    log.append({"tool": "first"})
    program = "import sys; from pathlib import Path; from hermes_approvals.audit import AuditLog; " + (
        "from hermes_approvals.log_command import _records\n"
        "for each in _records(AuditLog(Path(sys.argv[1])), True): print(each['tool'], flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "first\n"
        log.append({"tool": "second"})
        assert "second\n" in (follower.stdout.readline(), follower.stdout.readline())
        follower.kill()


@pytest.mark.parametrize(
    "text",
    [
        "ls",
        "deploy prod",
        "deploy prod; other",
        "rm -rf ~",
        "deploy 'unclosed",
        "git push",
        "echo x > a",
        "echo x > ~/.bashrc",
    ],
)
@pytest.mark.parametrize("source", ["cli", "cron"])
async def test_a_trial_says_what_the_gate_does(make_desk, text, source):
    rules = "rules:\n  ship: {verdict: allow, command: deploy prod, surfaces: any}\n  no: {verdict: ask, command: ls}\n"
    desk = await make_desk(rules)
    attended = source == "cli"
    outcome = await rehearse(
        desk.host, "terminal", {"command": text}, surface=source, attended=attended, directory=str(desk.work)
    )
    answer = await desk.command(text, attended=attended, source=source)
    happened = "ask" if answer.approver.requests else "deny" if "Denied" in answer.text else "allow"
    assert outcome.verdict == happened


async def test_what_was_allowed_always_counts_in_a_trial(desk):
    await desk.command("deploy prod", "always")
    options = {"directory": str(desk.work)}
    assert (await rehearse(desk.host, "terminal", {"command": "deploy prod"}, **options)).verdict == "allow"
    assert (await rehearse(desk.host, "terminal", {"command": "deploy"}, **options)).verdict == "ask"


async def slash(desk, text):
    call = SlashCall(name="approvals", arguments=text, host=desk.host, session=desk.session)
    return await run_slash(desk.host.slash_commands.get("approvals"), call)


async def test_a_rule_is_made_from_the_last_question(desk):
    await desk.start()
    assert "Nothing has been asked" in await slash(desk, "add")
    await desk.command("cd sub; deploy 'a b' '*' && other --x", "once")
    assert "Added the rule" in await slash(desk, "add shipping")
    assert "`shipping`: allow terminal" in await slash(desk, "")
    again = await desk.command("deploy 'a b' '*'")
    assert again.approver.requests == []
    assert len((await desk.command("deploy 'a b' c")).approver.requests) == 1
    assert "Removed" in await slash(desk, "remove shipping")
    await desk.command("deploy $X", "once")
    assert "no rule is made of it" in await slash(desk, "add")
    assert "Use `/approvals`" in await slash(desk, "what")
