"""The plugin in a real host: its contract, its schemas, its speed, and whole turns with a scripted model."""

from __future__ import annotations

import subprocess
import sys
import time

import msgspec
import pytest
from hermes_files.checks import ripgrep

from hermes_host.errors import ToolError
from hermes_host.events import ToolFinished
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing import PluginContract, ScriptedApprover, StandInHost, events_of, finished

TOOLS = ["patch", "read_file", "search_files", "write_file"]


class TestPlugin(PluginContract):
    plugin = "files"


@pytest.fixture
async def host(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    async with StandInHost(home / ".hermes", plugins=["files", "local"]) as host:
        yield host


def call(name, number=1, **arguments):
    return assistant_message(ToolCall(id=f"c{number}", name=name, arguments=arguments))


async def turn(host, directory, *steps, approver=None):
    """The results of the tool calls of one turn."""
    host.script(*steps, "done")
    return await play(host, directory, approver)


async def play(host, directory, approver):
    session = await host.start(toolsets=["file"], directory=str(directory), approver=approver)
    events = await events_of(session.run("go"))
    assert finished(events).outcome == "completed", finished(events)
    await session.close()
    return [event for event in events if isinstance(event, ToolFinished)]


def text(event):
    return "".join(part.text for part in event.result.content)


async def test_a_whole_turn_reads_edits_and_searches(host, tmp_path):
    project = tmp_path / "home/project"
    project.mkdir()
    (project / "a.py").write_bytes(b"x = 1\r\ny = 2\r\n")
    read, edit, search, write = await turn(
        host,
        project,
        call("read_file", 1, path="a.py"),
        call("patch", 2, path="a.py", old_string="x = 1", new_string="x = 10"),
        call("search_files", 3, pattern="x = "),
        call("write_file", 4, path="b/c.py", content="z = 3\n"),
    )
    assert text(read).startswith("1|x = 1\n2|y = 2\n")
    assert "+x = 10" in edit.diff
    assert "1:x = 10" in text(search)
    assert (project / "a.py").read_bytes() == b"x = 10\r\ny = 2\r\n"
    assert (project / "b/c.py").read_bytes() == b"z = 3\n"
    assert not any(event.result.is_error for event in (read, edit, search, write))


async def test_writing_outside_asks_and_the_answer_counts(host, tmp_path):
    project = tmp_path / "home/project"
    project.mkdir()
    outside = tmp_path / "home/outside.txt"
    step = call("write_file", path="../outside.txt", content="x\n")
    denying = ScriptedApprover("deny", "once")
    host.script(step, "done", step, "done", call("write_file", path="../nobody.txt", content="x\n"), "done")
    [event] = await play(host, project, denying)
    assert event.result.is_error
    assert denying.requests[0].shown == f"write {outside}\nx\n"
    assert "outside the session's directory" in denying.requests[0].reason
    assert not outside.exists()
    [event] = await play(host, project, denying)
    assert not event.result.is_error
    assert outside.read_bytes() == b"x\n"
    [event] = await play(host, project, None)
    assert event.result.is_error


async def test_protected_files_are_denied_without_asking(host, tmp_path):
    project = tmp_path / "home/project"
    project.mkdir()
    approver = ScriptedApprover("always")
    [event] = await turn(host, project, call("write_file", path="~/.bashrc", content="x\n"), approver=approver)
    assert event.result.is_error
    assert not approver.requests
    assert not (tmp_path / "home/.bashrc").exists()


async def test_unknown_arguments_are_refused(host, tmp_path):
    [event] = await turn(host, tmp_path, call("read_file", path="a", lines=5))
    assert event.result.is_error
    assert "lines" in text(event)


async def test_the_schemas_are_small(host):
    tools = [(host.tools.get(name).spec, host.parameters(host.tools.get(name)).schema) for name in TOOLS]
    sizes = {spec.name: len(msgspec.json.encode([spec.name, spec.summary, schema])) for spec, schema in tools}
    assert sum(sizes.values()) < 3500, sizes
    assert sizes.keys() == set(TOOLS)


def test_reading_imports_no_more_than_it_needs():
    program = (
        "import sys, hermes_files.assess, hermes_files.read, hermes_files.arguments\n"
        "print(*sorted({'difflib', 'charset_normalizer', 'regex', 'yaml', 'tempfile'} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, encoding="utf-8")
    assert run.stdout.strip() == ""


async def test_fifty_reads_in_a_row_take_less_than_a_second(session):
    session.write("a.py", "value = 1  # a line of ordinary length\n" * 1000)
    await session.use("read_file", path="a.py")
    began = time.perf_counter()
    for _ in range(50):
        await session.use("read_file", path="a.py", limit=2000)
    assert time.perf_counter() - began < 1.0


async def test_doctor_is_told_about_ripgrep(session, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    [missing] = await ripgrep(session.plugin)
    assert missing.status == "warning"
    assert "ripgrep" in missing.remedy
    (tmp_path / "rg").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "rg").chmod(0o755)
    [present] = await ripgrep(session.plugin)
    assert present.status == "ok"


async def test_an_error_of_the_disk_is_told_and_nothing_is_half_written(session, monkeypatch):
    import resource

    path = session.write("a.txt", "old\n")
    await session.use("read_file", path="a.txt")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(ToolError, match="Cannot write a.txt"):
            await session.use("write_file", path="a.txt", content="x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old\n"
    assert [entry.name for entry in session.directory.iterdir()] == ["a.txt"]
