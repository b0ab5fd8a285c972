import os
import stat

import pytest
from hermes_checkpoints.git import GitProblem

from hermes_host.errors import NotFound


def write(work, **contents):
    for name, content in contents.items():
        path = work / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def numbers(store):
    return [each.snapshot.number for each in store.listing()]


def test_a_restore_brings_every_byte_back_and_removes_what_was_made_since(store, work, look):
    write(work, a="one\r\n", sub__b=b"\x00\xff\r\n", gone="x", run="#!/bin/sh")
    (work / "run").chmod(0o755)
    (work / "link").symlink_to("a")
    (work / "dangling").symlink_to("/nowhere/at/all")
    before = look(work)
    first = store.take("first").number
    write(work, a="two", new__deep__file="n", sub__b="changed")
    (work / "gone").unlink()
    (work / "link").unlink()
    (work / "link").write_text("no link", encoding="utf-8")
    (work / "run").chmod(0o644)
    after = look(work)
    restored = store.restore(first)
    assert look(work) == before
    assert not (work / "new").exists()
    assert restored.changed == 6
    store.restore(restored.before)
    assert look(work) == after


def test_an_unchanged_workspace_gets_no_second_snapshot(store, work):
    write(work, a="one")
    assert [store.take("x").new, store.take("y").new] == [True, False]
    write(work, a="two")
    store.take("z")
    os.utime(work / "a", (1, 1))
    assert not store.take("only touched").new
    assert numbers(store) == [2, 1]


def test_a_change_within_the_same_tick_and_of_the_same_size_is_seen(store, work):
    write(work, a="aaaa")
    store.take("x")
    info = (work / "a").stat()
    write(work, a="bbbb")
    os.utime(work / "a", ns=(info.st_atime_ns, info.st_mtime_ns))
    assert store.take("y").new


def test_an_empty_workspace_can_be_kept_and_restored(store, work, look):
    first = store.take("empty").number
    write(work, a="x")
    store.restore(first)
    assert look(work) == {}


def test_one_file_is_restored_alone(store, work):
    write(work, a="one", b="one", d__c="one")
    first = store.take("x").number
    write(work, a="two", b="two", d__c="two", d__new="new")
    restored = store.restore(first, "a")
    assert ((work / "a").read_text(), (work / "b").read_text()) == ("one", "two")
    store.restore(first, "d")
    assert (work / "d" / "c").read_text() == "one"
    assert not (work / "d" / "new").exists()
    assert (work / "b").read_text() == "two"
    store.restore(restored.before)
    assert (work / "d" / "new").exists()
    with pytest.raises(NotFound):
        store.restore(first, "nothing")
    store.restore(first, "b")
    assert store.restore(first, "b").changed == 0


def test_a_file_that_was_made_since_goes_when_it_is_restored_alone(store, work):
    write(work, a="one")
    first = store.take("x").number
    write(work, b="new")
    store.restore(first, "b")
    assert not (work / "b").exists()


def test_names_that_git_would_read_as_patterns_or_options_are_names(store, work, look):
    for name in ("*", "-rf", ":(top)x", "a b", "t\tab", "new\nline", "ü", "u\u0308", "[a]"):
        (work / name).write_text(name, encoding="utf-8")
    (work / os.fsdecode(b"\xff\xfe")).write_bytes(b"x")
    before = look(work)
    first = store.take("x").number
    for path in list(work.iterdir()):
        path.write_text("changed", encoding="utf-8")
    store.restore(first, "*")
    assert (work / "*").read_text() == "*"
    assert (work / "a b").read_text() == "changed"
    store.restore(first)
    assert look(work) == before


def test_a_folder_that_became_a_file_or_a_link_comes_back(store, work, look, tmp_path):
    write(work, one__x="x", two__x="x", three="t")
    before = look(work)
    first = store.take("x").number
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("precious", encoding="utf-8")
    for name in ("one", "two"):
        (work / name / "x").unlink()
        (work / name).rmdir()
    (work / "one").symlink_to(outside)
    (work / "two").write_text("a file now", encoding="utf-8")
    (work / "three").unlink()
    write(work, three__deep="d")
    after = look(work)
    restored = store.restore(first)
    assert look(work) == before
    assert (outside / "x").read_text() == "precious"
    store.restore(restored.before)
    assert look(work) == after
    assert (outside / "x").read_text() == "precious"


def test_what_is_ignored_is_neither_kept_nor_touched(store, work):
    write(work, _dot_gitignore="*.log\nsecret/\n", a="one", x_dot_log="log", secret__key="k", _dot_env="TOKEN=1")
    write(work, node_modules__m__i="js", _dot_venv__bin__python="p", dist__x="d")
    first = store.take("x")
    assert store.listing()[0].snapshot.files == 2
    write(work, a="two", x_dot_log="more", _dot_env="TOKEN=2")
    store.restore(first.number)
    assert (work / ".env").read_text() == "TOKEN=2"
    assert (work / "x.log").read_text() == "more"
    assert (work / "node_modules" / "m" / "i").exists()


def test_repositories_within_the_workspace_are_kept_file_by_file(store, work, look):
    import subprocess

    write(work, a="one")
    for name in ("inner", "inner/deeper"):
        (work / name).mkdir(parents=True)
        subprocess.run(["git", "init", "-q", str(work / name)], check=True)
        (work / name / "file").write_text(name, encoding="utf-8")
    (work / "inner" / ".gitignore").write_text("skip\n", encoding="utf-8")
    (work / "inner" / "skip").write_text("s", encoding="utf-8")
    before = look(work)
    first = store.take("x").number
    assert store.listing()[0].snapshot.files == 4
    (work / "inner" / "deeper" / "file").write_text("changed", encoding="utf-8")
    (work / "inner" / "added").write_text("added", encoding="utf-8")
    store.restore(first)
    assert look(work) == before
    assert (work / "inner" / ".git" / "HEAD").exists()


def test_the_list_says_what_was_changed_after_each(store, work):
    write(work, a="1", b="1")
    store.take("before write_file a")
    write(work, a="2")
    store.take("before write_file b")
    write(work, b="2", c="2")
    newest, oldest = store.listing()
    assert (newest.changed, newest.paths) == (2, ("b", "c"))
    assert (oldest.changed, oldest.paths) == (1, ("a",))
    assert (oldest.snapshot.reason, oldest.snapshot.files) == ("before write_file a", 2)


def test_a_diff_says_what_going_back_would_undo(store, work):
    write(work, a="one\n", b="x\n")
    first = store.take("x").number
    write(work, a="two\n", c="new\n")
    text = store.diff(first)
    assert "-one\n+two" in text
    assert "+new" in text
    assert "b/b" not in text
    assert "+new" not in store.diff(first, "a")
    with pytest.raises(NotFound, match="There are 1 to 1"):
        store.diff(7)


def test_old_snapshots_go_by_count_and_their_content_with_them(make_store, work, home):
    store = make_store(max_snapshots=3)
    for number in range(14):
        write(work, a=os.urandom(100_000))
        taken = store.take(str(number))
    assert numbers(store) == [14, 13, 12]
    assert taken.collect
    store.collect()
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    assert size < 600_000
    assert not store.take("nothing new").new


def test_old_snapshots_go_by_age(make_store, work, monkeypatch):
    import time

    store = make_store(max_days=2)
    write(work, a="1")
    store.take("x")
    later = time.time() + 3 * 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    write(work, a="2")
    store.take("y")
    assert numbers(store) == [2]


def test_numbers_are_never_used_again(make_store, work):
    store = make_store(max_snapshots=1)
    for content in "abc":
        write(work, a=content)
        store.take(content)
    assert numbers(store) == [3]


def test_limits_are_named(make_store, work):
    for number in range(12):
        write(work, **{f"f{number}": "x" * 200_000})
    with pytest.raises(GitProblem, match="more than 10 files"):
        make_store(max_files=10).take("x")
    with pytest.raises(GitProblem, match="2 MB"):
        make_store(max_megabytes=1).take("x")
    assert make_store().take("x").new


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_file_that_cannot_be_read_costs_only_itself(store, work):
    write(work, a="one", locked="x")
    (work / "locked").chmod(0)
    assert store.take("x").skipped == 1


def test_a_workspace_too_large_for_one_go_is_kept_in_several(make_store, work, monkeypatch):
    from hermes_checkpoints import store as module
    from hermes_checkpoints.git import Git

    monkeypatch.setattr(module, "_PORTION", 10)
    for number in range(35):
        write(work, **{f"f{number}": str(number)})
    run, portions = Git.run, []

    def run_short_of_time(self, *arguments, **options):
        if "--add" in arguments:
            portions.append(options["stdin"].count(b"\0"))
            if len(portions) == 3:
                raise GitProblem("it took longer than 30 s (checkpoints.timeout).")
        return run(self, *arguments, **options)

    monkeypatch.setattr(Git, "run", run_short_of_time)
    with pytest.raises(GitProblem):
        make_store().take("x")
    assert make_store().take("x").new
    assert portions == [10, 10, 10, 10, 5]
    assert make_store().listing()[0].snapshot.files == 35


def test_pipes_and_sockets_do_not_hold_it_up(store, work):
    write(work, a="one")
    os.mkfifo(work / "pipe")
    assert store.take("x").new
    assert store.listing()[0].snapshot.files == 1


def test_a_workspace_that_was_deleted_comes_back(store, work, look):
    import shutil

    write(work, a="one", sub__b="two")
    before = look(work)
    first = store.take("x").number
    shutil.rmtree(work)
    assert [each.snapshot.number for each in store.listing()] == [first]
    assert not work.exists()
    store.restore(first)
    assert look(work) == before


def test_the_store_is_private_and_its_home_is_never_kept(work, look):
    from hermes_checkpoints.settings import Settings
    from hermes_checkpoints.store import Store

    home = work / "my [home]"
    store = Store(home / "plugins" / "checkpoints" / "x", work, Settings(), home=home)
    home.mkdir()
    (home / "config.yaml").write_text("secret: 1", encoding="utf-8")
    write(work, a="one")
    store.take("x")
    assert store.listing()[0].snapshot.files == 1
    assert stat.S_IMODE((home / "plugins").stat().st_mode) == 0o700


def test_a_damaged_state_file_is_made_anew(store, work, make_store):
    write(work, a="one")
    store.take("x")
    (store.folder / "state.json").write_bytes(b"{")
    write(work, a="two")
    assert make_store().take("y").number == 2
    assert numbers(store) == [2, 1]
