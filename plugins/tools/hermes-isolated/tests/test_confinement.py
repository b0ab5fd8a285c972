"""What an isolated plugin can see and touch."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path

import pytest

from hermes_host.errors import PluginError


async def test_neither_the_hosts_processes_nor_their_environments_are_seen(user):
    found = json.loads(await user("processes"))
    assert len(found) <= 3
    assert all("start.py" in line or "bwrap" in line for line in found.values())
    with pytest.raises(PluginError, match="No such file|FileNotFound"):
        await user("read_file", f"/proc/{os.getpid()}/environ")


async def test_the_hosts_files_and_other_plugins_data_are_not_there(user, home, tmp_path):
    (home.path / ".env").write_text("KEY=value\n", encoding="utf-8")
    other = home.path / "plugins" / "other"
    other.mkdir(parents=True)
    (other / "data").write_text("private", encoding="utf-8")
    secret = tmp_path / "secret.txt"
    secret.write_text("private", encoding="utf-8")
    for path in (home.path / ".env", home.path / "config.yaml", home.path / "plugins.lock", other / "data", secret):
        with pytest.raises(PluginError, match="No such file"):
            await user("read_file", str(path))
    assert json.loads(await user("list_folder", str(home.path / "plugins"))) == ["sample"]
    with pytest.raises(PluginError, match="No such file"):
        await user("list_folder", "/var")


async def test_it_writes_to_its_own_folders_and_nowhere_else(user, home, sample, tmp_path):
    for folder in ("plugins", "cache"):
        path = home.path / folder / "sample" / "file"
        assert await user("write_file", str(path)) == "written"
        assert _text(path) == "written"
    for path in (sample.root / "sample_tools.py", Path("/etc/passwd"), Path("/usr/bin/env"), Path("/file")):
        with pytest.raises(PluginError, match="Read-only file system"):
            await user("write_file", str(path))
    # Its /tmp is its own, and this home lies below the real one.
    for path in (home.path / "file", home.path / "plugins" / "file", tmp_path / "file"):
        with contextlib.suppress(PluginError):
            await user("write_file", str(path))
        assert not _exists(path)


def _exists(path: Path) -> bool:
    return path.exists()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


async def test_declared_folders_can_be_read_or_written(home, use_sample, start, tmp_path):
    for name in ("read", "write"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "there").write_text(name, encoding="utf-8")
    use_sample(read=[str(tmp_path / "read")], write=[str(tmp_path / "write")])
    user = await start()
    assert await user("read_file", str(tmp_path / "read" / "there")) == "read"
    assert await user("read_file", str(tmp_path / "write" / "there")) == "write"
    assert await user("write_file", str(tmp_path / "write" / "new")) == "written"
    with pytest.raises(PluginError, match="Read-only"):
        await user("write_file", str(tmp_path / "read" / "new"))


async def test_a_folder_around_the_home_does_not_show_what_is_in_it(home, use_sample, start, tmp_path):
    (home.path / ".env").write_text("KEY=value\n", encoding="utf-8")
    use_sample(write=[str(tmp_path), "$HERMES_HOME", "$HERMES_HOME/plugins", "$HERMES_HOME/.env"])
    user = await start()
    assert sorted(json.loads(await user("list_folder", str(home.path)))) == ["cache", "plugins"]
    assert json.loads(await user("list_folder", str(home.path / "plugins"))) == ["sample"]
    assert await user("write_file", str(tmp_path / "new")) == "written"


async def test_the_workspace_is_that_of_the_conversation(home, use_sample, start, tmp_path):
    use_sample(read=["$WORKSPACE"])
    user = await start()
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "file").write_text(name, encoding="utf-8")
        user.session.directory = str(folder)
        assert await user("read_file", str(folder / "file")) == name
    with pytest.raises(PluginError, match="No such file"):
        await user("read_file", str(tmp_path / "one" / "file"))


async def test_no_socket_leads_out_without_a_declared_host(user, unused_server):
    with pytest.raises(PluginError, match="refused|unreachable"):
        await user("connect", f"127.0.0.1:{unused_server}")


async def test_with_a_declared_host_the_network_is_there(home, use_sample, start, unused_server):
    use_sample(network=["127.0.0.1"])
    user = await start()
    assert await user("connect", f"127.0.0.1:{unused_server}") == "connected"


@pytest.fixture
def unused_server():
    """The port of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_programs_run_only_where_some_were_declared(home, use_sample, start):
    use_sample()
    user = await start()
    with pytest.raises(PluginError, match="Permission"):
        await user("run_program")
    use_sample(programs=["sh"])
    home.write()
    assert await user("run_program") == "shell\n"


async def test_without_a_sandbox_nothing_is_started(user, no_sandbox):
    with pytest.raises(PluginError, match=r"cannot be confined.*isolated\.require_sandbox: false"):
        await user("echo")


@pytest.fixture
def no_sandbox(monkeypatch):
    """A machine on which bubblewrap does not work."""
    monkeypatch.setattr("hermes_isolated.sandbox.trouble", lambda: "bubblewrap is not installed")


async def test_without_a_sandbox_it_can_be_allowed_and_is_said_once(home, use_sample, start, no_sandbox, caplog):
    home.settings["require_sandbox"] = False
    use_sample()
    user = await start()
    assert await user("echo", "unconfined") == "unconfined"
    with pytest.raises(PluginError, match="exit code 3"):
        await user("exit_now")
    assert await user("echo", "again") == "again"
    assert caplog.text.count("are not confined") == 1
    assert set(json.loads(await user("environment"))) <= {
        "PATH",
        "HOME",
        "TMPDIR",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "PWD",
    }


async def test_without_a_sandbox_what_it_forked_ends_with_it(home, use_sample, start, no_sandbox):
    home.settings["require_sandbox"] = False
    use_sample()
    user = await start()
    await user("fork_away")
    guest = next(iter(user.runtime._residents.values())).guest
    from hermes_isolated.measure import begun, tree

    family = {pid: begun(pid) for pid in tree(guest.pid)}
    assert len(family) >= 3
    with pytest.raises(PluginError):
        await user("exit_now")
    async with asyncio.timeout(10):
        await guest.over
    assert [pid for pid, started in family.items() if begun(pid) == started] == []
