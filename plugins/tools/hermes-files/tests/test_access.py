"""The rules on a real file system: links, hard links, special files, git directories, and paths that change."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading

import pytest
from hermes_files import plugin

from hermes_host.errors import ToolError
from hermes_host.messages import ToolCall


async def verdict(session, path, name="write_file", **more):
    arguments = {"content": "x"} if name == "write_file" else {}
    return (await session.assess(name, path=str(path), **arguments, **more)).verdict


async def refused_by_the_tool_itself(session, path, content="owned"):
    """What is denied is not done although somebody consented (or nobody asked)."""
    with pytest.raises(ToolError):
        await session.run("write_file", session.call("write_file"), path=str(path), content=content)
    return True


async def test_writes_are_allowed_inside_asked_outside_and_denied_for_protected_files(session):
    assert await verdict(session, "a/b.txt") == "allow"
    assert await verdict(session, "../other.txt") == "ask"
    assert await verdict(session, session.home / "other.txt") == "ask"
    assert await verdict(session, "~/.bashrc") == "deny"
    assert await verdict(session, ".vscode/settings.json") == "deny"
    assert await refused_by_the_tool_itself(session, "~/.bashrc")
    assert await refused_by_the_tool_itself(session, session.hermes_home / "config.yaml")
    assert not (session.home / ".bashrc").exists()


async def test_the_person_sees_the_whole_action_with_the_real_path(session):
    os.symlink("/tmp", session.directory / "innocent")
    assessment = await session.assess("write_file", path="innocent/x.txt", content="the content\n")
    assert assessment.verdict == "ask"
    assert assessment.shown == "write /tmp/x.txt\nthe content\n"
    assert "/tmp/x.txt is outside the session's directory" in assessment.reason
    long = await session.assess("write_file", path="/tmp/x.txt", content="y" * 50_000)
    assert not long.rememberable
    assert "30000 more characters" in long.shown


async def test_links_are_judged_by_where_they_lead(session):
    (session.home / ".ssh").mkdir()
    os.symlink(session.home / ".ssh", session.directory / "keys")
    os.symlink("/etc", session.directory / "etc")
    os.symlink(session.home / ".bashrc", session.directory / "dangling")
    for path in ("keys/authorized_keys", "etc/passwd", "etc/new/../sudoers", "dangling"):
        assert await verdict(session, path) == "deny", path
        assert await refused_by_the_tool_itself(session, path)
    assert not (session.home / ".bashrc").exists()
    (session.home / ".ssh/id_rsa").write_text("KEY", encoding="utf-8")
    assert await verdict(session, "keys/id_rsa", "read_file") == "deny"


async def test_a_protected_name_that_is_a_link_stays_protected_and_so_does_its_target(session):
    target = session.write("dotfiles/rc", "alias x=y\n")
    os.symlink(target, session.home / ".bashrc")
    assert await verdict(session, "~/.bashrc") == "deny"
    assert await verdict(session, "dotfiles/rc") == "deny"
    assert await verdict(session, "dotfiles/other") == "allow"


async def test_other_names_of_protected_files_are_denied(session):
    (session.home / ".ssh").mkdir()
    for name in (".ssh/id_rsa", ".ssh/deep.key", ".bashrc"):
        (session.home / name).write_text("secret\n", encoding="utf-8")
    (session.hermes_home / ".env").write_text("A=secret\n", encoding="utf-8")
    os.link(session.home / ".ssh/deep.key", session.directory / "a.txt")
    os.link(session.home / ".bashrc", session.directory / "b.txt")
    os.link(session.hermes_home / ".env", session.directory / "c.txt")
    assert await verdict(session, "a.txt", "read_file") == "deny"
    assert await verdict(session, "c.txt", "read_file") == "deny"
    assert await verdict(session, "b.txt") == "deny"
    assert await verdict(session, "a.txt") == "deny"
    assert "another name of" in (await session.assess("read_file", path="c.txt")).reason
    os.link(session.write("d.txt", "x"), session.directory / "e.txt")
    assert await verdict(session, "e.txt") == "allow"


async def test_special_files_are_refused(session):
    os.mkfifo(session.directory / "pipe")
    for path in ("pipe", "/dev/stdout", "/dev/fd/1", "/proc/self/mem", "/dev/null"):
        assert await verdict(session, path) == "deny", path
        assert await verdict(session, path, "read_file") == "deny", path
        assert await refused_by_the_tool_itself(session, path)


def git(session, *arguments, cwd=""):
    subprocess.run(
        ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *arguments],
        cwd=session.directory / cwd,
        check=True,
        capture_output=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(session.home),
            "GIT_AUTHOR_NAME": "a",
            "GIT_AUTHOR_EMAIL": "a@b.c",
            "GIT_COMMITTER_NAME": "a",
            "GIT_COMMITTER_EMAIL": "a@b.c",
        },
    )


async def test_hooks_and_settings_of_real_git_directories_are_protected(session):
    git(session, "init", "main")
    git(session, "commit", "--allow-empty", "-m", "x", cwd="main")
    git(session, "worktree", "add", "../tree", cwd="main")
    git(session, "clone", "--separate-git-dir=store", "main", "separate")
    git(session, "clone", "--bare", "main", "bare")
    git(session, "submodule", "add", str(session.directory / "main"), "sub", cwd="main")
    for path in (
        "main/.git/hooks/pre-commit",
        "main/.git/config",
        "main/.git/modules/sub/hooks/x",
        "main/.git/modules/sub/config",
        "main/.git/worktrees/tree/config.worktree",
        "main/sub/.git",
        "tree/.git",
        "separate/.git",
        "store/hooks/pre-commit",
        "store/config",
        "store/info/attributes",
        "bare/hooks/post-receive",
        "bare/config",
    ):
        assert await verdict(session, path) == "deny", path
        assert await refused_by_the_tool_itself(session, path)
    for path in ("main/.git/objects/ab/x", "main/.git/refs/heads/x", "store/refs/heads/x", "store/description"):
        assert await verdict(session, path) == "allow", path
    session.write("plain/hooks/use.ts", "")
    for path in ("plain/hooks/use.ts", "plain/config", "tree/src/config"):
        assert await verdict(session, path) == "allow", path


async def test_a_gitdir_file_protects_where_it_leads_before_that_exists(session):
    session.write("repo/.git", "gitdir: ../later\n")
    session.write("repo/x", "")
    assert await verdict(session, "repo/later/hooks/x") == "allow"
    session.write("here/.git", "gitdir: store\n")
    assert await verdict(session, "here/store/hooks/pre-commit") == "deny"


async def test_every_path_of_a_patch_is_judged(session):
    session.write("a.txt", "a\n")
    for section, expected in (
        ("*** Add File: ~/.bashrc\n+x", "deny"),
        ("*** Delete File: .git/config", "deny"),
        ("*** Update File: a.txt\n*** Move to: .git/hooks/pre-commit", "deny"),
        ("*** Update File: a.txt\n*** Move to: ../b.txt", "ask"),
        ("*** Update File: ~/.zshrc\n*** Move to: stolen", "deny"),
        ("*** Add File: ok.txt\n+x", "allow"),
    ):
        patch = f"*** Begin Patch\n*** Add File: harmless.txt\n+x\n{section}\n*** End Patch"
        assert (await session.assess("patch", mode="patch", patch=patch)).verdict == expected, section
        if expected == "deny":
            with pytest.raises(ToolError, match="policy forbids"):
                await session.run("patch", session.call("patch"), mode="patch", patch=patch)
    assert not (session.directory / "harmless.txt").exists()
    assert (session.directory / "a.txt").exists()


async def test_writing_the_mark_of_a_hidden_secret_needs_consent(session):
    session.write("a.env", "KEY=[secret OLD]\n")
    assert (await session.assess("write_file", path="b.env", content="KEY=[secret API_KEY]\n")).verdict == "ask"
    assert (await session.assess("patch", path="a.env", old_string="K", new_string="[secret API_KEY]")).verdict == "ask"
    kept = {"old_string": "KEY=[secret OLD]", "new_string": "K=[secret OLD]"}
    assert (await session.assess("patch", path="a.env", **kept)).verdict == "allow"


async def test_what_was_assessed_is_what_is_written_or_nothing(session):
    inside, outside = session.directory / "inside", session.home / "outside"
    for folder in (inside, outside):
        folder.mkdir()
    link = session.directory / "link"
    os.symlink(inside, link)
    call = session.call("write_file")
    assert (await session.assess("write_file", call, path="link/a.txt", content="x")).verdict == "allow"
    link.unlink()
    os.symlink(outside, link)
    with pytest.raises(ToolError, match="no longer the file the call was approved for"):
        await session.run("write_file", call, path="link/a.txt", content="x")
    assert not list(outside.iterdir())


async def test_a_link_swapped_in_a_loop_never_lets_a_write_escape(session):
    inside, outside = session.directory / "inside", session.home / ".ssh"
    for folder in (inside, outside):
        folder.mkdir()
    link, spare = session.directory / "link", session.directory / "spare"
    os.symlink(inside, link)
    stop = threading.Event()

    def swap():
        targets = [outside, inside]
        while not stop.is_set():
            targets.reverse()
            os.symlink(targets[0], spare)
            os.replace(spare, link)

    thread = threading.Thread(target=swap)
    thread.start()
    written = 0
    try:
        for number in range(300):
            try:
                await session.run("write_file", session.call("write_file"), path=f"link/{number}", content="x")
                written += 1
            except ToolError:
                pass
    finally:
        stop.set()
        thread.join()
    assert not list(outside.iterdir())
    assert 0 < written < 300
    assert len(list(inside.iterdir())) == written


async def test_a_real_directory_swapped_for_a_link_never_lets_a_write_escape(session):
    outside = session.home / ".ssh"
    outside.mkdir()
    folder, aside = session.directory / "folder", session.directory / "aside"
    folder.mkdir()
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            try:
                os.rename(folder, aside)
                os.symlink(outside, folder)
                folder.unlink()
                os.rename(aside, folder)
            except OSError:
                # A write has made the directory anew in between.
                return

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for number in range(300):
            try:
                await session.run("write_file", session.call("write_file"), path=f"folder/{number}", content="x")
            except ToolError:
                pass
    finally:
        stop.set()
        thread.join()
    assert not list(outside.iterdir())


async def test_a_call_that_could_not_be_assessed_does_nothing(session):
    loop = session.directory / "loop"
    os.symlink("loop", loop)
    call = session.call("write_file")
    await session.assess("write_file", call, path="loop/a.txt", content="x")
    loop.unlink()
    os.symlink(session.home, loop)
    with pytest.raises(ToolError, match="no longer"):
        await session.run("write_file", call, path="loop/a.txt", content="x")


def test_other_plugins_write_calls_are_held_to_the_protected_names(session):
    def judge(effects, **arguments):
        call = ToolCall(id="1", name="save_image", arguments=arguments)
        return asyncio.run(plugin.hermes_assess_tool_call(call, session.context, frozenset(effects)))

    assert judge({"write", "net"}, path="~/.ssh/authorized_keys").verdict == "deny"
    assert judge({"write"}, output_path=".git/hooks/pre-commit").verdict == "deny"
    assert judge({"write"}, file_path="file:///etc/passwd").verdict == "deny"
    assert judge({"write"}, path="picture.png") is None
    assert judge({"write"}, path="/tmp/picture.png") is None
    for directory in ("/", ".", "~", "~/.config", "/etc"):
        assert judge({"write"}, path=directory) is None, directory
    assert judge({"read"}, path="~/.ssh/authorized_keys") is None
    assert judge({"write"}, path=5, text="~/.bashrc") is None
