"""The tools on a terminal that is not this machine: nothing of the host's own disk is touched or asked."""

from __future__ import annotations

import itertools

import pytest

from hermes_host.context import PluginContext, SessionContext
from hermes_host.errors import Denied
from hermes_host.terminals import Terminals
from hermes_host.testing import FakeTerminalBackend


@pytest.fixture
async def elsewhere(session, tmp_path):
    """The same calls, in a file system in memory."""
    backend = FakeTerminalBackend(files={"/home/fake/project/a.py": b"x = 1\r\ny = 2\r\n", "/etc/passwd": b"root\n"})

    async def connect(_):
        return backend

    terminals = Terminals(connect)
    session.context = SessionContext("elsewhere", directory="/home/fake/project")
    session.plugin = PluginContext("files", home=tmp_path / "hermes-home")
    session.terminals = terminals
    session.numbers = itertools.count(1)
    session.backend = backend
    yield session
    await terminals.aclose()


async def test_all_four_tools_work_there(elsewhere):
    assert (await elsewhere.text("read_file", path="a.py")).startswith("1|x = 1\n2|y = 2\n")
    await elsewhere.use("patch", path="a.py", old_string="x = 1", new_string="x = 3")
    await elsewhere.use("write_file", path="new/b.py", content="z = 3\n")
    patch = "*** Begin Patch\n*** Update File: new/b.py\n*** Move to: c.py\n@@\n-z = 3\n+z = 4\n*** End Patch"
    await elsewhere.use("patch", mode="patch", patch=patch)
    found = await elsewhere.text("search_files", pattern="= [34]")
    assert "1:x = 3" in found
    assert "1:z = 4" in found
    terminal = await elsewhere.terminals.open(elsewhere.context)
    assert await terminal.read("/home/fake/project/a.py") == b"x = 3\r\ny = 2\r\n"
    assert await terminal.stat("/home/fake/project/new/b.py") is None
    assert not list(elsewhere.directory.iterdir())


async def test_the_rules_hold_for_the_homes_of_both_machines(elsewhere, tmp_path):
    for path in ("~/.bashrc", "~/.hermes/config.yaml", f"{tmp_path}/hermes-home/config.yaml", "/etc/passwd"):
        with pytest.raises(Denied):
            await elsewhere.use("write_file", path=path, content="x")
    assert "root" in await elsewhere.text("read_file", path="/etc/passwd")


async def test_without_ripgrep_the_search_runs_no_other_program(elsewhere):
    await elsewhere.use("search_files", pattern="x")
    await elsewhere.use("search_files", pattern="x")
    assert [command.argv[0] for command in elsewhere.backend.ran] == ["rg"]
