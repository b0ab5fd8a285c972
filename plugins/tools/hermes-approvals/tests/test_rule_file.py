"""The file: comments stay, and what is broken allows nothing."""

from __future__ import annotations

import pytest
from hermes_approvals.rulefile import RuleFile

from hermes_host.errors import ConfigError, NotFound

HAND_WRITTEN = """\
# My rules. Do not touch.
rules:   # below
  # pushing is fine
  push:
    verdict: allow      # yes
    command: git push origin main

  never: {verdict: deny, command: "git push --force"}  # ever
# the end
"""


@pytest.fixture
def file(tmp_path):
    return RuleFile(tmp_path)


def test_adding_and_removing_leaves_every_other_byte(file):
    file.file.write_text(HAND_WRITTEN, encoding="utf-8")
    file.add("look", {"verdict": "ask", "tool": "send_*", "note": "always # look: twice"})
    text = file.file.read_text(encoding="utf-8")
    assert [line for line in HAND_WRITTEN.splitlines() if line not in text] == []
    assert [rule.name for rule in file.rules().rules] == ["push", "never", "look"]
    file.remove("look")
    assert file.file.read_text(encoding="utf-8") == HAND_WRITTEN
    file.remove("push")
    kept = file.file.read_text(encoding="utf-8")
    assert "# My rules" in kept and "# the end" in kept and "git push origin" not in kept


def test_the_first_rule_makes_a_private_file_that_explains_itself(file):
    file.add("push", {"verdict": "allow", "command": "git push"})
    assert file.file.stat().st_mode & 0o777 == 0o600
    assert file.file.read_text(encoding="utf-8").startswith("# What an agent may do")
    file.remove("push")
    assert file.rules().rules == ()
    file.add("again", {"verdict": "deny", "path": ["~/a", "~/b"]})
    assert file.rules().rules[0].path == ("~/a", "~/b")


def test_names_are_free_or_refused(file):
    file.add("push", {"verdict": "allow", "command": "git push"})
    with pytest.raises(ConfigError, match="already"):
        file.add("push", {"verdict": "deny", "command": "git push"})
    with pytest.raises(NotFound):
        file.remove("pull")
    assert file.free_name("push") == "push-2"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"verdict": "maybe", "tool": "x"}, "Invalid enum value"),
        ({"tool": "x"}, "verdict"),
        ({"verdict": "allow", "tool": "*"}, "needs a pattern"),
        ({"verdict": "allow", "tool": "terminal"}, "needs `command`"),
        ({"verdict": "allow", "tool": "process"}, "needs `command`"),
        ({"verdict": "allow", "tool": "t*", "arguments": {"command": "git *"}}, "needs `command`"),
        ({"verdict": "allow", "command": "git *; ls"}, "more than one program"),
        ({"verdict": "allow", "command": "git push > x"}, "more than one program"),
        ({"verdict": "allow", "command": "*"}, "name its program"),
        ({"verdict": "allow", "command": "git ... push"}, "before its end"),
        ({"verdict": "allow", "command": "git 'push"}, "no closing quotation"),
        ({"verdict": "allow", "command": "git push", "tool": "elsewhere"}, "tool terminal"),
        ({"verdict": "deny", "tool": "x", "until": "x"}, "unknown field 'until'"),
        ({"verdict": "deny", "tool": "x", "expires": "soon"}, "not a date"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_and_changes_nothing(file, fields, why):
    file.file.write_text(HAND_WRITTEN, encoding="utf-8")
    with pytest.raises(ConfigError, match=why.replace("*", r"\*")):
        file.add("new", fields)
    assert file.file.read_text(encoding="utf-8") == HAND_WRITTEN


BROKEN = [
    HAND_WRITTEN + "  bad: [unclosed\n",
    HAND_WRITTEN.replace("  # pushing", "\tpushing"),
    HAND_WRITTEN.replace("  never:", "  push: {verdict: allow, command: ls}\n  never:"),
    HAND_WRITTEN + "other: 1\n",
    HAND_WRITTEN + "  another: {verdict: allow, command: ls, x: 1}\n",
    HAND_WRITTEN.replace("verdict: allow ", "verdict: alow "),
    HAND_WRITTEN.replace("command: git push origin main", "command: [git push, {}]"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_allows_nothing_and_goes_on_denying(file, text):
    file.file.write_text(text, encoding="utf-8")
    rules = file.rules()
    assert rules.problems
    assert [rule.name for rule in rules.rules] == ["never"]
    assert rules.rules[0].command == ("git push --force",)


@pytest.mark.parametrize("text", BROKEN[:3])
def test_a_file_that_is_no_yaml_is_not_written_to(file, text):
    file.file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="broken"):
        file.add("new", {"verdict": "deny", "tool": "x"})
    with pytest.raises(ConfigError, match="broken"):
        file.remove("never")
    assert file.file.read_text(encoding="utf-8") == text


def test_what_cannot_be_read_and_may_deny_is_known_to_be_lost(file):
    file.file.write_text("rules: {never: {verdict: deny, command: git push", encoding="utf-8")
    assert file.rules().lost
    file.file.write_text(HAND_WRITTEN + "  b: {verdict: allow, comand: ls}\n", encoding="utf-8")
    assert not file.rules().lost


def test_what_was_denied_before_it_broke_stays_denied(file):
    file.file.write_text(HAND_WRITTEN, encoding="utf-8")
    assert len(file.rules().rules) == 2
    file.file.write_bytes(b"\xff\xfe rules")
    rules = file.rules()
    assert [rule.name for rule in rules.rules] == ["never"]
    assert rules.lost


async def test_it_is_said_once_in_a_session_and_what_may_be_lost_is_asked_about(make_desk):
    desk = await make_desk("rules:\n  never: {verdict: deny, command: deploy prod\n  x: {verdict: ask\n")
    answer = await desk.call("write_file", {"path": "a.txt", "content": "x"}, "once", "once")
    assert "cannot be read, and may forbid this" in answer.reasons[0]
    await desk.again("write_file", {"path": "b.txt", "content": "x"}, answer.approver)
    assert desk.session is not None
    assert sum("broken" in str(notice) for notice in desk.session._waiting_notices) <= 1
    assert (desk.work / "b.txt").exists()
