import json

import pytest


@pytest.fixture
def two(store, work):
    """Two snapshots and a change after them."""
    for content in ("one\n", "two\n", "three\n"):
        if content != "one\n":
            store.take(f"before {content.strip()}")
        (work / "a").write_text(content, encoding="utf-8")


def document(run, *arguments):
    outcome = run(*arguments, "--json")
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_snapshots_are_listed_newest_first(run, two, work):
    found = document(run, "list")
    assert found["workspace"] == str(work)
    assert [(each["number"], each["changed_after"], each["paths"]) for each in found["checkpoints"]] == [
        (2, 1, ["a"]),
        (1, 1, ["a"]),
    ]
    table = run("list").stdout
    assert "before two" in table
    assert "1 file: a" in table


def test_a_snapshot_is_compared_and_restored(run, two, work):
    assert "-one\n+three" in run("diff", "1").stdout
    assert "-two\n+three" in document(run, "diff", "2", "a")["diff"]
    restored = document(run, "restore", "1")
    assert (restored["number"], restored["before"], restored["changed"]) == (1, 3, 1)
    assert (work / "a").read_text() == "one\n"
    assert "back at 3" in run("restore", "3", "a").stdout
    assert (work / "a").read_text() == "three\n"


def test_what_is_not_there_is_said(run, two, tmp_path):
    missing = run("restore", "9")
    assert missing.returncode != 0
    assert "There are 1 to 2" in missing.stderr
    assert "no snapshots" in run("list", "-C", str(tmp_path)).stdout
    assert run("diff", "1", "../x").returncode != 0


def test_prune_goes_through_all_workspaces(run, two, home):
    (home / "config.yaml").write_text("checkpoints: {max_snapshots: 1}\n", encoding="utf-8")
    assert document(run, "prune") == {"workspaces": 1, "deleted": 1}
    assert [each["number"] for each in document(run, "list")["checkpoints"]] == [2]
    assert "Deleted 0 snapshots of 1 workspace." in run("prune").stdout


def test_help_has_an_example(run):
    for words in ((), ("list",), ("diff",), ("restore",), ("prune",)):
        assert "Example" in run(*words, "--help").stdout, words


async def test_the_doctor_knows_whether_git_is_there(make_talk, monkeypatch):
    host = make_talk().host
    (check,) = [item for item in host.checks if item.plugin == "checkpoints"]
    look = host.target(check, check.spec.target)
    (result,) = await look(host.context("checkpoints"))
    assert (result.status, "git version" in result.detail) == ("ok", True)
    monkeypatch.setenv("PATH", "/nonexistent")
    (result,) = await look(host.context("checkpoints"))
    assert result.status == "warning"
