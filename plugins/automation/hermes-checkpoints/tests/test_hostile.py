"""What a repository that nobody trusts tries while snapshots of it are taken."""

from __future__ import annotations

import os
import subprocess

import pytest


@pytest.fixture
def trap(tmp_path):
    """A program that leaves a mark when it is run."""
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\necho run >> {tmp_path}/sprung\ncat\n", encoding="utf-8")
    program.chmod(0o755)

    class Trap:
        path = str(program)

        @property
        def sprung(self):
            return (tmp_path / "sprung").exists()

    return Trap()


def everything(store, work):
    first = store.take("x").number
    (work / "a.txt").write_text("two\n", encoding="utf-8")
    store.take("y")
    store.listing()
    store.diff(first)
    store.restore(first)
    store.restore(first, "a.txt")
    store.prune()


def test_hooks_filters_and_monitors_of_a_repository_are_not_executed(store, work, trap):
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    settings = {
        "core.fsmonitor": trap.path,
        "core.hooksPath": str(work / "hooks"),
        "core.sshCommand": trap.path,
        "core.pager": trap.path,
        "diff.external": trap.path,
        "filter.evil.clean": trap.path,
        "filter.evil.smudge": trap.path,
        "filter.evil.process": trap.path,
        "filter.evil.required": "true",
        "diff.evil.textconv": trap.path,
        "diff.evil.command": trap.path,
    }
    for name, value in settings.items():
        subprocess.run(["git", "-C", str(work), "config", name, value], check=True)
    (work / ".gitattributes").write_text("* filter=evil diff=evil text eol=crlf ident\n", encoding="utf-8")
    for folder in (work / "hooks", work / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for hook in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
            (folder / hook).write_text(f"#!/bin/sh\n{trap.path}\n", encoding="utf-8")
            (folder / hook).chmod(0o755)
    (work / "a.txt").write_bytes(b"$Id$ one\nlines\r\n")
    own = {path: path.read_bytes() for path in (work / ".git").rglob("*") if path.is_file()}
    everything(store, work)
    assert not trap.sprung
    assert (work / "a.txt").read_bytes() == b"$Id$ one\nlines\r\n"
    assert {path: path.read_bytes() for path in (work / ".git").rglob("*") if path.is_file()} == own


def test_the_users_own_settings_are_not_used(store, work, trap, tmp_path, monkeypatch):
    user = tmp_path / "user"
    (user / "hooks").mkdir(parents=True)
    (user / "hooks" / "post-checkout").write_text(f"#!/bin/sh\n{trap.path}\n", encoding="utf-8")
    (user / "hooks" / "post-checkout").chmod(0o755)
    (user / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {user}/hooks\n\tfsmonitor = {trap.path}\n\texcludesFile = {user}/ignore\n"
        "\tautocrlf = true\n[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = false\n",
        encoding="utf-8",
    )
    (user / "ignore").write_text("a.txt\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(user))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(user))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", trap.path)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", trap.path)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(user))
    (work / "a.txt").write_bytes(b"one\r\n")
    everything(store, work)
    assert not trap.sprung
    assert (work / "a.txt").read_bytes() == b"one\r\n"


def test_a_git_file_that_points_elsewhere_is_not_followed(store, work, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["git", "init", "-q", str(elsewhere)], check=True)
    (work / ".git").write_text(f"gitdir: {elsewhere}/.git\n", encoding="utf-8")
    inner = work / "inner"
    inner.mkdir()
    (inner / ".git").write_text(f"gitdir: {elsewhere}/.git\n", encoding="utf-8")
    (inner / "file").write_text("x", encoding="utf-8")
    (work / "a.txt").write_text("one", encoding="utf-8")
    before = sorted(os.listdir(elsewhere / ".git"))
    everything(store, work)
    assert (inner / "file").exists()
    assert sorted(os.listdir(elsewhere / ".git")) == before


def test_links_out_of_the_workspace_are_kept_as_links(store, work, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("canary", encoding="utf-8")
    (work / "away").symlink_to(outside)
    (work / "a.txt").write_text("one", encoding="utf-8")
    everything(store, work)
    assert store.listing()[-1].snapshot.files == 2
    assert "canary" not in store.diff(1)
    assert (outside / "secret").read_text() == "canary"


def test_no_secret_of_the_environment_reaches_git(store, work, monkeypatch, tmp_path):
    seen = tmp_path / "seen"
    fake = tmp_path / "bin"
    fake.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (fake / "git").write_text(f'#!/bin/sh\nenv >> {seen}\necho "$@" >> {seen}\nexec {real} "$@"\n', encoding="utf-8")
    (fake / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.environ['PATH']}")
    monkeypatch.setenv("SOME_API_KEY", "canary-4711")
    (work / "a.txt").write_text("one", encoding="utf-8")
    everything(store, work)
    assert "GIT_DIR" in seen.read_text()
    assert "canary-4711" not in seen.read_text()
