"""Worktrees are made, judged and removed in real repositories; work is never lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hermes_worktree.git import GitError
from hermes_worktree.worktrees import in_use, list_worktrees, make, prune, remove, used, work_in

from hermes_host.frontends import FrontendOptions
from hermes_host.testing import StandInHost, events_of

HERMES = Path(sys.executable).parent / "hermes"


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "test@example.org")


@pytest.fixture
def git() -> Callable[..., str]:
    def run(directory: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def repository(tmp_path: Path, git: Callable[..., str]) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "a.txt").write_text("one\n", encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_a_worktree_stands_on_a_branch_of_its_own_and_touches_no_file(
    repository: Path, git: Callable[..., str]
) -> None:
    worktree = make(repository)
    assert worktree.path.parent == repository / ".worktrees"
    assert worktree.branch == f"hermes/{worktree.name}"
    assert git(worktree.path, "branch", "--show-current") == worktree.branch
    assert (worktree.path / "a.txt").read_text(encoding="utf-8") == "one\n"
    assert git(repository, "status", "--porcelain") == ""
    assert work_in(worktree) == []
    assert [item.path for item in list_worktrees(worktree.path)] == [worktree.path]


def changed(path: Path, git: Callable[..., str]) -> None:
    (path / "a.txt").write_text("two\n", encoding="utf-8")


def staged(path: Path, git: Callable[..., str]) -> None:
    changed(path, git)
    git(path, "add", ".")


def untracked(path: Path, git: Callable[..., str]) -> None:
    (path / "new.txt").write_text("new\n", encoding="utf-8")


def committed(path: Path, git: Callable[..., str]) -> None:
    staged(path, git)
    git(path, "commit", "-qm", "work")


def detached(path: Path, git: Callable[..., str]) -> None:
    git(path, "checkout", "-q", "--detach")
    committed(path, git)


@pytest.mark.parametrize("work", [changed, staged, untracked, committed, detached])
def test_work_is_never_lost(
    repository: Path, git: Callable[..., str], work: Callable[[Path, Callable[..., str]], None]
) -> None:
    worktree = make(repository)
    work(worktree.path, git)
    assert len(work_in(worktree)) == 1
    with pytest.raises(GitError, match="holds work"):
        remove(worktree)
    assert prune(repository, older_than=0) == []
    assert worktree.path.is_dir()
    remove(worktree, force=True)
    assert not worktree.path.exists()


def test_what_was_merged_or_pushed_is_not_lost(repository: Path, git: Callable[..., str], tmp_path: Path) -> None:
    merged, pushed = make(repository), make(repository)
    for worktree in (merged, pushed):
        committed(worktree.path, git)
    git(repository, "merge", "-q", "--ff-only", merged.branch)
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(repository, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(pushed.path, "push", "-q", "origin", pushed.branch)
    assert work_in(merged) == work_in(pushed) == []
    assert len(prune(repository, older_than=0)) == 2
    assert git(repository, "branch", "--list", "hermes/*") == ""
    assert git(repository, "worktree", "list").count("\n") == 0


def test_one_in_use_is_not_pruned(repository: Path) -> None:
    worktree = make(repository)
    with used(worktree):
        assert in_use(worktree)
        assert prune(repository, older_than=0) == []
    assert not in_use(worktree)
    assert len(prune(repository, older_than=0)) == 1


def test_the_repositorys_hooks_do_not_run(repository: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ../../hooked\n", encoding="utf-8")
    hook.chmod(0o755)
    make(repository)
    assert not list(repository.parent.rglob("hooked"))


def test_what_git_does_not_track_is_brought_along_from_inside_only(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret", encoding="utf-8")
    (repository / "link").symlink_to(tmp_path / "outside")
    (repository / ".env").write_text("A=1", encoding="utf-8")
    (repository / "packages").mkdir()
    names = [".env", "packages/", "# comment", "../outside", "link", "/etc/hostname", ".git/config", "missing"]
    (repository / ".worktreeinclude").write_text("\n".join(names), encoding="utf-8")
    path = make(repository).path
    assert (path / ".env").read_text(encoding="utf-8") == "A=1"
    assert (path / "packages").readlink() == repository / "packages"
    assert sorted(item.name for item in path.iterdir()) == [".env", ".git", "a.txt", "packages"]


@pytest.mark.parametrize("where", ["empty", "bare", "nowhere", "missing"])
def test_where_there_is_nothing_to_make_a_worktree_of(tmp_path: Path, git: Callable[..., str], where: str) -> None:
    folder = tmp_path / where
    if where != "missing":
        folder.mkdir()
    if where in ("empty", "bare"):
        git(folder, "init", "-q", *(["--bare"] if where == "bare" else []))
    with pytest.raises(GitError):
        make(folder)


async def test_a_conversation_works_there_and_leaves_nothing_behind(repository: Path, tmp_path: Path) -> None:
    from hermes_host.cli.opening import open_session

    overrides = {"terminal.cwd": str(repository)}
    async with StandInHost(tmp_path / "home", plugins=["worktree"], overrides=overrides) as host:
        host.script("ok", "ok")
        for keep in (False, True):
            session = await open_session(host, FrontendOptions(worktree=True))
            place = Path(session.context.directory)
            assert place.parent == repository / ".worktrees"
            told: list[str] = []
            session.listen(lambda notice: told.append(notice.text))  # noqa: B023 - called before the next round
            await events_of(session.run("go"))
            if keep:
                untracked(place, lambda *_: "")
            await session.close()
            assert (place in [item.path for item in list_worktrees(repository)]) is keep
            assert any("stays" in text for text in told) is keep


def test_the_command_lists_and_removes(repository: Path, git: Callable[..., str], tmp_path: Path) -> None:
    def hermes(*arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "HERMES_PLUGINS": "worktree", "LANG": "C.UTF-8"}
        return subprocess.run(
            [HERMES, "worktree", *arguments], cwd=repository, env=environ, capture_output=True, text=True
        )

    assert "No conversation has a worktree" in hermes().stdout
    worktree = make(repository)
    committed(worktree.path, git)
    (found,) = json.loads(hermes("list", "--json").stdout)
    assert (found["name"], found["work"]) == (worktree.name, ["1 commit that is nowhere else"])
    refused = hermes("remove", worktree.name)
    assert refused.returncode == 1
    assert "holds work" in refused.stderr
    assert hermes("prune", "--older-than", "0").stdout == "Removed 0 worktrees.\n"
    assert "Removed" in hermes("remove", worktree.name, "--force").stdout
    assert "There is no worktree" in hermes("remove", worktree.name).stderr
