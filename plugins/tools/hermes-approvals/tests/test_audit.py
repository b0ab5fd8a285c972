"""The audit log: before the call, complete, whole, private, by several processes at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from hermes_approvals.audit import AuditLog, Busy

WRITER = """
import sys
from pathlib import Path
from hermes_approvals.audit import AuditLog
log = AuditLog(Path(sys.argv[1]), limit=20_000)
for number in range(100):
    log.append({"who": sys.argv[2], "n": number})
"""


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path, limit=10_000)


def test_each_line_holds_the_digest_of_the_one_before(log):
    for number in range(5):
        log.append({"n": number, "text": "ä\n"})
    lines = log.file.read_bytes().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2, 3, 4, 5]
    assert log.verify() == (5, [])
    assert log.file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda lines: [lines[0], lines[1].replace(b'"n":1', b'"n":9'), *lines[2:]], "not the one that was written"),
        (lambda lines: [lines[0], *lines[2:]], "record 3 follows record 1"),
        (lambda lines: lines[1:], "record 2 follows record 0"),
        (lambda lines: lines[:-1], "the end is missing: 5 records were written"),
        (lambda lines: [*lines[:-1], lines[-1].replace(b'"n":4', b'"n":9')], "the last line is not the one"),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], "record 2 follows record 2"),
        (lambda lines: [*lines, b"garbage"], "no record"),
        (lambda lines: [], "the end is missing"),
    ],
)
def test_what_is_changed_is_found_also_after_more_was_written(log, change, what):
    for number in range(5):
        log.append({"n": number})
    lines = change(log.file.read_bytes().splitlines())
    log.file.write_bytes(b"".join(line + b"\n" for line in lines))
    _, faults = log.verify()
    assert any(what in fault.what for fault in faults), faults
    log.append({"n": 6})
    assert log.verify()[1]


def test_full_files_are_put_aside_and_no_line_is_lost(log):
    for number in range(300):
        log.append({"n": number, "text": "x" * 50})
    assert len(log.files()) > 3
    assert [record["n"] for record in log.records()] == list(range(300))
    assert log.verify() == (300, [])
    log.files()[1].unlink()
    assert log.verify()[1]


def test_several_processes_write_one_chain(tmp_path):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(who)]) for who in range(3)]
    assert [writer.wait(50) for writer in writers] == [0, 0, 0]
    log = AuditLog(tmp_path)
    assert log.verify() == (300, [])
    for who in "012":
        assert [record["n"] for record in log.records() if record["who"] == who] == list(range(100))


def test_one_line_more_than_was_noted_is_what_a_killed_process_leaves(log):
    log.append({"n": 0})
    lock = log.file.with_name("approvals.jsonl.lock")
    before = lock.read_bytes()
    log.append({"n": 1})
    lock.write_bytes(before)
    log.append({"n": 2})
    assert log.verify() == (3, [])


def test_who_may_not_wait_is_told(log):
    import fcntl

    log.append({"n": 0})
    descriptor = os.open(log.file.with_name("approvals.jsonl.lock"), os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(Busy):
            log.append({"n": 1}, wait=False)
    finally:
        os.close(descriptor)
    log.append({"n": 1}, wait=False)
    assert log.verify() == (2, [])


async def test_every_decision_is_written_before_the_call_runs(make_desk):
    desk = await make_desk("rules:\n  ship: {verdict: allow, command: deploy prod}\n")
    seen = []

    @desk.host.tool(effects=("write",))
    async def act() -> str:
        """Act."""
        seen.extend(AuditLog(desk.home).records())
        return "done"

    await desk.command("deploy prod")
    await desk.command("other")
    await desk.command("rm -rf ~")
    await desk.call("act", {}, "session")
    kinds = [(each["tool"], each["verdict"], each["by"], each["choice"], each["rules"]) for each in seen]
    assert kinds == [
        ("terminal", "allow", "rule", "once", ["ship"]),
        ("terminal", "deny", "person", "deny", []),
        ("terminal", "deny", "policy", "deny", []),
        ("act", "allow", "person", "session", []),
    ]
    assert [each["shown"] for each in seen[:3]] == ["deploy prod", "other", "rm -rf ~"]


async def test_secrets_are_not_written(make_desk):
    desk = await make_desk()
    await desk.command("deploy canary-0123456789abcdef Y2FuYXJ5LTAxMjM0NTY3ODlhYmNkZWY=", "once")
    text = (desk.home / "logs" / "approvals.jsonl").read_text(encoding="utf-8")
    assert "[secret ACME_API_KEY]" in text
    assert "canary-0123" not in text
    assert "Y2FuYXJ5LTAxMjM0" not in text


async def test_nothing_runs_when_the_log_cannot_be_written(desk):
    (desk.home / "logs").mkdir(mode=0o700)
    (desk.home / "logs" / "approvals.jsonl").symlink_to("/dev/full")
    answer = await desk.call("write_file", {"path": "a.txt", "content": "x"})
    assert "could not be written to the audit log" in answer.text
    assert not (desk.work / "a.txt").exists()
