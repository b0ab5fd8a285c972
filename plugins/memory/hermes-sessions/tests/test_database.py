"""The file: who may read it, what happens when it cannot be used, and that it is never half of anything."""

import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from hermes_sessions import database, schema
from hermes_sessions.store import SqliteSessionStore

from hermes_host.errors import SessionError
from hermes_host.sessions import JsonlSessionStore
from hermes_host.testing.session_stores import message_record


def texts(store, session_id):
    return [record.message.text for record in store.load(session_id)]


def test_reading_an_empty_home_makes_nothing(home, store):
    assert list(store.list()) == list(store.search("x")) == []
    assert not home.exists()


def test_every_file_is_for_its_owner_alone_from_the_first_byte(tmp_path):
    program = (
        "import os, sys; from pathlib import Path; os.umask(0)\n"
        "from hermes_sessions.store import SqliteSessionStore\n"
        "from hermes_sessions.backups import back_up\n"
        "from hermes_host.testing.session_stores import message_record\n"
        "home = Path(sys.argv[1]); store = SqliteSessionStore(home); writer = store.create()\n"
        "writer.append(message_record('secret')); store.search('secret'); back_up(home, keep=1)\n"
        "for path in [home, *home.rglob('*')]: print(oct(path.stat().st_mode & 0o777), path.is_dir(), path.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "h")], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert {"sessions.db", "sessions.db-wal", "sessions-index.db"} <= {line.split()[2] for line in lines}, done.stderr
    assert {line.rsplit(" ", 1)[0] for line in lines} == {"0o700 True", "0o600 False"}


def test_a_database_of_a_newer_version_is_refused_and_untouched(home, store, make_store):
    store.create().close()
    store.close()
    path = home / "sessions.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute(f"PRAGMA user_version={schema.VERSION + 1}")
    connection.close()
    before = path.read_bytes()
    for call in (make_store().create, make_store().list, lambda: make_store().find("x")):
        with pytest.raises(SessionError, match="pip install -U hermes-sessions"):
            call()
    assert path.read_bytes() == before
    assert not (home / "sessions.db-wal").exists()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_a_file_that_is_no_database_names_the_repair(home, make_store, content):
    home.mkdir()
    (home / "sessions.db").write_bytes(content)
    with pytest.raises(SessionError, match="hermes sessions repair"):
        make_store().create()
    assert (home / "sessions.db").read_bytes() == content


def test_a_database_of_another_program_is_left_alone(home, make_store):
    home.mkdir()
    with sqlite3.connect(home / "sessions.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(SessionError, match="another program"):
        make_store().create()


def test_a_locked_database_is_an_error_that_changes_nothing(home, make_store):
    writer = make_store(busy=0.1).create()
    writer.append(message_record("one"))
    other = sqlite3.connect(home / "sessions.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(SessionError, match="locked"):
        writer.append(message_record("two"))
    with pytest.raises(SessionError, match="locked"):
        writer.append(message_record("three"), message_record("four"))
    assert texts(make_store(), writer.info.id) == ["one"]
    other.execute("ROLLBACK")
    other.close()
    writer.append(message_record("five"))
    assert texts(make_store(), writer.info.id) == ["one", "five"]
    assert writer.info.messages == 2


def _write_until_full(home, pipe):
    store = SqliteSessionStore(home)
    writer = store.create()
    writer.append(message_record("kept", id="kept"))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, most))
    kept, refused = 1, ""
    try:
        for number in range(1000):
            writer.append(message_record("x" * 5000, id=str(number)), message_record("y", id=f"{number}b"))
            kept += 2
    except SessionError as error:
        refused = str(error)
    count = writer.info.messages
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    pipe.send((writer.info.id, kept, count, refused))


def test_a_full_disk_is_an_error_and_what_was_written_stays(home, make_store):
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_write_until_full, args=(home, theirs))
    process.start()
    theirs.close()
    session_id, kept, count, refused = ours.recv()
    process.join()
    assert "Nothing was changed" in refused
    assert count == kept
    assert len(make_store().load(session_id)) == kept
    make_store().open(session_id).close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_where_nothing_may_be_written_conversations_can_still_be_read(home, store, tmp_path):
    writer = store.create(title="Trip")
    writer.append(message_record("hello"))
    store.close()
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    for folder in copy.parents:
        if folder.owner() == "root" and str(folder).startswith("/tmp/pytest"):
            folder.chmod(0o755)
    list(SqliteSessionStore(home).list())
    SqliteSessionStore(home).load(writer.info.id)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_read_as_nobody, args=(copy, theirs))
    process.start()
    theirs.close()
    titles, said, refused = ours.recv()
    process.join()
    assert (titles, said) == (["Trip"], ["hello"])
    assert "cannot be used" in refused


def _read_as_nobody(home, pipe):
    os.setgid(65534)
    os.setuid(65534)
    store = SqliteSessionStore(home)
    [info] = store.list()
    said = texts(store, info.id)
    try:
        store.create()
        refused = ""
    except SessionError as error:
        refused = str(error)
    pipe.send(([info.title], said, refused))


def test_a_deleted_conversation_leaves_no_words_in_the_files(home, store):
    kept, gone = store.create(), store.create()
    kept.append(message_record("ordinary words stay"))
    gone.append(message_record("the word xylophonecanary goes, ordinary words stay"))
    for writer in (kept, gone):
        writer.close()
    assert store.search("xylophonecanary")
    store.delete(gone.info.id)
    assert not store.search("xylophonecanary")
    assert not store.search("phonecana")
    assert [hit.session_id for hit in store.search("ordinary")] == [kept.info.id]
    store.close()
    for path in home.glob("sessions*"):
        if path.is_file():
            assert b"xylophonecanary" not in path.read_bytes(), path.name


def test_numbers_of_records_are_never_given_twice(home, store):
    first, second = store.create(), store.create()
    first.append(message_record("alpha"))
    second.append(message_record("beta"))
    store.search("alpha")
    second.close()
    store.delete(second.info.id)
    first.append(message_record("gamma"))
    assert [hit.session_id for hit in store.search("gamma")] == [first.info.id]
    assert not store.search("beta")
    first.append(message_record("delta"))
    assert texts(store, first.info.id) == ["alpha", "gamma", "delta"]


def test_a_writer_that_was_displaced_writes_nothing(home, store, make_store):
    writer = store.create()
    writer.append(message_record("mine"))
    [lock] = (home / "sessions" / "writers").iterdir()
    lock.unlink()  # as on a file system whose locks do not work
    other = make_store().open(writer.info.id)
    with pytest.raises(SessionError, match="taken over"):
        writer.append(message_record("lost"))
    with pytest.raises(SessionError, match="taken over"):
        writer.append(message_record("lost"), message_record("too"))
    writer.close()
    other.append(message_record("theirs"))
    assert texts(store, writer.info.id) == ["mine", "theirs"]
    other.close()
    assert store.find(writer.info.id).messages == 2


def test_many_records_of_interleaved_sessions_come_back_in_order(store, make_store):
    writers = [store.create() for _ in range(3)]
    for number in range(150):
        writers[number % 3 if number % 7 else 0].append(message_record(str(number)))
    for writer in writers:
        found = [int(text) for text in texts(make_store(), writer.info.id)]
        assert found == sorted(found)
        assert make_store().find(writer.info.id) == writer.info
    assert sum(writer.info.messages for writer in writers) == 150


# --------------------------------------------------------------------------------------------------- the first time


def _jsonl(home, sessions=3):
    old = JsonlSessionStore(home)
    ids = []
    for number in range(sessions):
        writer = old.create(title=f"Talk {number}")
        writer.append(message_record("one", id="1"), message_record("two", id="2"))
        ids.append(writer.info.id)
        writer.close()
    return old, ids


def test_conversations_of_the_json_lines_store_are_brought_over_once(home, make_store):
    old, ids = _jsonl(home)
    files = {path: path.read_bytes() for path in (home / "sessions" / "jsonl").glob("*.jsonl")}
    told = []
    store = make_store(brought=told.append)
    assert {info.id for info in store.list()} == set(ids)
    assert told == [3]
    for session_id in ids:
        assert store.find(session_id) == old.find(session_id)
        assert list(store.load(session_id)) == list(old.load(session_id))
    assert {path: path.read_bytes() for path in files} == files
    store.delete(ids[0])
    assert len(make_store(brought=told.append).list()) == 2
    assert told == [3]


def test_a_command_says_in_one_line_what_was_brought_over(home, hermes):
    _, ids = _jsonl(home, 2)
    done = hermes("sessions", "list")
    assert done.stderr.count("\n") == 1
    assert "Brought 2 conversations over" in done.stderr
    assert all(session_id in done.stdout for session_id in ids)
    assert hermes("sessions", "list").stderr == ""


def test_bringing_over_survives_kill_at_any_moment(home, make_store):
    _, ids = _jsonl(home, 30)
    for delay in (0.001, 0.004, 0.01, 0.02, 0.04):
        process = multiprocessing.get_context("fork").Process(target=lambda: SqliteSessionStore(home).list())
        process.start()
        time.sleep(delay)  # a random moment, not a synchronisation
        process.kill()
        process.join()
        if (home / "sessions.db").exists():
            assert {info.id for info in make_store().list()} == set(ids)
            for path in home.glob("sessions.db*"):
                path.unlink()
    assert {info.id for info in make_store().list()} == set(ids)


# --------------------------------------------------------------------------------------------------------- migrations


@pytest.fixture
def version_two(monkeypatch):
    def step(connection):
        connection.execute("ALTER TABLE sessions ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")

    for module in (database, schema):
        monkeypatch.setattr(module, "VERSION", 2)
    monkeypatch.setattr(database, "MIGRATIONS", {1: step})
    return monkeypatch


def _one_of_version_one(home):
    store = SqliteSessionStore(home)
    writer = store.create(title="Trip")
    writer.append(message_record("hello"))
    store.close()
    return writer.info


def test_an_older_database_is_migrated_on_a_copy_and_the_old_one_is_kept(home, make_store, request):
    info = _one_of_version_one(home)
    before = (home / "sessions.db").read_bytes()
    request.getfixturevalue("version_two")
    store = make_store()
    assert store.find("Trip") == info
    assert texts(store, info.id) == ["hello"]
    assert [hit.session_id for hit in store.search("hello")] == [info.id]
    assert (home / "sessions.db.before-2").stat().st_size == len(before)
    assert database.header(home / "sessions.db.before-2")[0] == 1
    assert database.header(home / "sessions.db")[0] == 2


def test_a_migration_that_fails_leaves_the_database_as_it_was(home, make_store, request):
    _one_of_version_one(home)
    patch = request.getfixturevalue("version_two")

    def step(connection):
        connection.execute("DROP TABLE records")
        raise sqlite3.DatabaseError("no luck")

    patch.setattr(database, "MIGRATIONS", {1: step})
    with pytest.raises(SessionError, match="no luck"):
        make_store().list()
    patch.undo()
    assert [info.title for info in make_store().list()] == ["Trip"]


def test_a_migration_waits_for_nobody_who_uses_the_database(home, make_store, request):
    info = _one_of_version_one(home)
    user = make_store()
    user.load(info.id)
    request.getfixturevalue("version_two")
    with pytest.raises(SessionError, match="in use by another process"):
        make_store().list()
