"""What a confined session can do and what it leaves behind. What it must not do is tried by the attacks."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hermes_local.backend import LocalBackend
from hermes_local.sandbox import Level, level_of
from hermes_local.settings import Settings

from hermes_host.errors import ConfigError
from hermes_host.testing import StandInHost
from hermes_host.testing.terminals import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_local.settings import Mode

WRAPPED = level_of(Settings(), "strict").means == "bubblewrap"
needs_bubblewrap = pytest.mark.skipif(not WRAPPED, reason="bubblewrap cannot be used here")
pytestmark = needs_bubblewrap


@pytest.fixture(params=["workspace", "strict"])
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home directory outside /tmp, which is writable or private."""
    cache = next(
        folder / ".cache"
        for folder in (Path.home(), Path("/opt"), Path("/var/lib"))
        if not folder.is_relative_to("/tmp") and os.access(folder, os.W_OK)
    )
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hermes-local-test-", dir=cache) as name:
        home = Path(name).resolve()
        monkeypatch.setenv("HOME", str(home))
        yield home


async def test_what_stands_for_missing_files_is_gone_with_the_last_session(tmp_path: Path, mode: Mode) -> None:
    backend = LocalBackend(sandbox=mode)
    async with backend.open("first", str(tmp_path)) as first:
        await run(first, "true")
        async with backend.open("second", str(tmp_path)) as second:
            assert (await run(second, "echo x > .mcp.json")).code != 0
        assert (tmp_path / ".vscode").is_dir(), "the first session still needs it"
        assert (await run(first, "echo x > .mcp.json || echo x > .vscode/x")).code != 0
    assert os.listdir(tmp_path) == []


async def test_what_a_killed_host_left_is_taken_over_and_taken_away(tmp_path: Path, mode: Mode) -> None:
    (tmp_path / ".vscode").mkdir()
    os.utime(tmp_path / ".vscode", (0, 0))
    async with LocalBackend(sandbox=mode).open("key", str(tmp_path)) as terminal:
        assert (await run(terminal, "echo x > .vscode/x")).code != 0
    assert os.listdir(tmp_path) == []


async def test_what_the_user_puts_there_meanwhile_stays(tmp_path: Path) -> None:
    async with LocalBackend(sandbox="workspace").open("key", str(tmp_path)) as terminal:
        await run(terminal, "true")
        (tmp_path / ".vscode" / "mine").write_text("x", encoding="utf-8")
    assert (tmp_path / ".vscode" / "mine").exists()


async def test_a_home_directory_as_the_workspace(home: Path, mode: Mode) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_rsa").write_text("secret", encoding="utf-8")
    (home / ".profile").write_text("# mine\n", encoding="utf-8")
    async with LocalBackend(sandbox=mode).open("key", str(home)) as terminal:
        tried = await run(terminal, "cat .ssh/id_rsa; echo x >> .profile; echo x > .bashrc; mv .ssh y; echo x > plain")
        assert b"secret" not in tried.out
    assert (home / ".profile").read_text(encoding="utf-8") == "# mine\n"
    assert sorted(os.listdir(home)) == [".profile", ".ssh", "plain"]


async def test_a_worktree_can_commit_and_not_change_hooks(home: Path) -> None:
    tmp_path = home
    plain = LocalBackend()
    name = "-c user.name=a -c user.email=a@b"
    async with plain.open("make", str(tmp_path)) as terminal:
        script = (
            f"git init -q main && cd main && git {name} commit -q --allow-empty -m one && git worktree add -q ../tree"
        )
        assert (await run(terminal, script)).code == 0
    async with LocalBackend(sandbox="strict").open("key", str(tmp_path / "tree")) as terminal:
        done = await run(terminal, f"echo x > file; git add file && git {name} commit -qm two && git log --oneline")
        assert (done.code, done.out.count(b"\n")) == (0, 2)
        hooks = tmp_path / "main" / ".git" / "hooks"
        assert (await run(terminal, f"echo x > {hooks}/pre-commit")).code != 0
        assert (await run(terminal, f"git config a.b c; echo x > {tmp_path}/main/file")).code != 0


async def test_the_file_tools_see_the_same_temporary_files_as_commands(tmp_path: Path) -> None:
    async with LocalBackend(sandbox="strict").open("key", str(tmp_path)) as terminal:
        assert (await run(terminal, "echo from a command > /tmp/note; mkdir /tmp/d; ln -s d /tmp/link")).code == 0
        assert await terminal.read("/tmp/note") == b"from a command\n"
        assert await terminal.resolve("/tmp/link/x") == "/tmp/d/x"
        assert (await terminal.write("/tmp/d/x", b"from a tool")).path == "/tmp/d/x"
        assert (await run(terminal, "cat /tmp/d/x")).out == b"from a tool"
        assert [info.path for info in await terminal.list("/tmp/d")] == ["/tmp/d/x"]
        assert not Path("/tmp/note").exists()  # noqa: ASYNC240
        async with LocalBackend(sandbox="strict").open("other", str(tmp_path)) as other:
            assert (await run(other, "ls /tmp/note")).code != 0, "no other session sees it"


async def test_directories_and_files_that_are_named(home: Path, mode: Mode) -> None:
    work, extra, diary = home / "work", home / "extra", home / "diary"
    for folder in (work, extra):
        folder.mkdir()
    diary.write_text("dear", encoding="utf-8")
    (home / ".npmrc").write_text("registry", encoding="utf-8")
    settings = Settings(sandbox_write=["~/extra"], sandbox_hide=["~/diary"], sandbox_show=["~/.npmrc"])
    async with LocalBackend(settings, sandbox=mode).open("key", str(work)) as terminal:
        assert (await run(terminal, f"echo x > {extra}/file")).code == 0
        assert (await run(terminal, f"cat {diary}")).code != 0
        with pytest.raises(PermissionError):
            await terminal.read(str(diary))
        assert (await run(terminal, f"cat {home}/.npmrc")).out == b"registry"


async def test_the_hosts_state_is_hidden_but_for_skills_and_this_sessions_results(home: Path, mode: Mode) -> None:
    state, work = home / "state", home / "work"
    for name in ("skills/s", "cache/results/mine", "cache/results/other", "../work"):
        (state / name).mkdir(parents=True)
    for name in (".env", "skills/s/SKILL.md", "cache/results/mine/x", "cache/results/other/x"):
        (state / name).write_text("content", encoding="utf-8")
    async with LocalBackend(sandbox=mode, state=str(state)).open("mine", str(work)) as terminal:
        for name, readable in (
            (".env", 0),
            ("skills/s/SKILL.md", 1),
            ("cache/results/mine/x", 1),
            ("cache/results/other/x", 0),
        ):
            assert ((await run(terminal, f"cat {state}/{name}")).code == 0) == readable, name
            assert (await run(terminal, f"echo x > {state}/{name}")).code != 0
            if not readable:
                with pytest.raises(PermissionError):
                    await terminal.read(f"{state}/{name}")
            with pytest.raises(PermissionError):
                await terminal.write(f"{state}/{name}", b"x")


async def test_a_session_in_what_is_hidden_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state" / "plugins"
    state.mkdir(parents=True)
    async with LocalBackend(sandbox="workspace", state=str(state.parent)).open("key", str(state)) as terminal:
        with pytest.raises(ConfigError, match="may not see"):
            await run(terminal, "true")


async def test_less_than_was_asked_is_refused_where_it_is_required(tmp_path: Path) -> None:
    less = level_of(Settings(), "strict", program="")
    assert not less.full
    assert "bubblewrap is not installed" in str(less)
    backend = LocalBackend(Settings(sandbox_required=True), sandbox="strict", level=less)
    async with backend.open("key", str(tmp_path)) as terminal:
        with pytest.raises(ConfigError, match="cannot be confined as asked"):
            await run(terminal, "echo x > ran")
    async with LocalBackend(sandbox="strict", level=Level("strict", "", ("any",))).open(
        "key", str(tmp_path)
    ) as terminal:
        with pytest.raises(ConfigError, match="cannot be confined"):
            await run(terminal, "echo x > ran")
    assert os.listdir(tmp_path) == []


async def test_without_bubblewrap_landlock_holds_what_it_can(home: Path) -> None:
    work = home / "work"
    work.mkdir()
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_rsa").write_text("secret", encoding="utf-8")
    level = level_of(Settings(), "strict", program="")
    if level.means != "landlock":
        pytest.skip("the kernel has no Landlock")
    outside = home / "outside"
    async with LocalBackend(sandbox="strict", level=level).open("key", str(work)) as terminal:
        done = await run(
            terminal, f"echo x > {outside}; cat {home}/.ssh/id_rsa; kill -0 {os.getpid()} && echo signalled"
        )
        code = b"import socket\nfor f in 1, 2, 10:\n  try: socket.socket(f); print('got')\n  except OSError: pass\n"
        assert (await run(terminal, "python3 -", stdin=code)).out == b""
        assert (await run(terminal, "echo fine > here")).code == 0
    assert (done.out, outside.exists()) == (b"", False)


async def test_first_commands_side_by_side_get_one_sandbox(tmp_path: Path) -> None:
    async with LocalBackend(sandbox="strict").open("key", str(tmp_path)) as terminal:
        ended = await asyncio.gather(*(run(terminal, "readlink /proc/self/ns/pid") for _ in range(5)))
    assert len({each.out for each in ended}) == 1


async def test_nothing_is_left_on_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    descriptors, before = len(os.listdir("/dev/fd")), groups()
    async with LocalBackend(sandbox="strict").open("key", str(work)) as terminal:
        await run(terminal, "sleep 1000 & echo x > /tmp/file")
        assert len(os.listdir(tmp_path)) == 2
    assert os.listdir(tmp_path) == ["work"]
    assert os.listdir(work) == []
    assert groups() <= before
    assert len(os.listdir("/dev/fd")) <= descriptors


def groups() -> set[Path]:
    """Control groups of sandboxes that are there and empty."""
    found = set()
    for group in Path("/sys/fs/cgroup").glob("**/hermes-*"):
        if group.is_dir() and not (group / "cgroup.procs").read_text(encoding="utf-8"):
            found.add(group)
    return found


async def test_the_setting_comes_from_the_environment_and_the_user_is_told_of_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hermes_local.bubblewrap.find_program", lambda: "")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HERMES_SANDBOX": "strict"}
    async with StandInHost(tmp_path / "state", plugins=("local",), environ=environ) as host:
        host.script("done")
        session = await host.start(directory=str(tmp_path))
        told: list[str] = []
        session.listen(lambda notice: told.append(notice.text))
        await session.prepare()
        await session.close()
    assert "Commands run in a sandbox" in session.system
    assert "no network" in session.system
    (notice,) = told
    assert notice.startswith("Commands are confined less than asked: strict, by ")
