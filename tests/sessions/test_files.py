import errno
import json
import logging
import multiprocessing
import os
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hermes_host.context import PluginContext
from hermes_host.errors import NotFound, SessionError
from hermes_host.records import SessionRecord
from hermes_host.sessions import JsonlSessionStore, connect
from hermes_host.sessions.summary import INFO_INTERVAL
from hermes_host.specs import SessionStoreSpec
from hermes_host.stream import Usage
from hermes_host.testing.session_stores import message_record


@pytest.fixture
def store(tmp_path):
    store = JsonlSessionStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def session(store, tmp_path):
    """A closed session of two records, and its file."""
    writer = store.create(title="Trip")
    writer.append(message_record("one", id="1"))
    writer.append(message_record("two", id="2"))
    writer.close()
    return writer.info.id, tmp_path / "sessions" / "jsonl" / f"{writer.info.id}.jsonl"


def ids(store, session_id):
    return [record.id for record in store.load(session_id)]


def test_the_target_makes_a_store_in_the_hosts_home(tmp_path):
    spec = SessionStoreSpec(name="jsonl", summary="", target="hermes_host.sessions:connect")
    writer = connect(PluginContext("host", home=tmp_path), spec).create()
    writer.close()
    assert (tmp_path / "sessions" / "jsonl" / f"{writer.info.id}.jsonl").is_file()


def test_making_and_reading_a_store_writes_nothing(tmp_path):
    store = JsonlSessionStore(tmp_path / "home")
    assert store.list() == []
    with pytest.raises(NotFound):
        store.find("x")
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_files_are_the_owners_alone_under_any_umask(tmp_path):
    program = """
import os, sys
from pathlib import Path
os.umask(0)
from hermes_host.sessions import JsonlSessionStore
store = JsonlSessionStore(Path(sys.argv[1]))
first = store.create(title="Trip")
store.fork(first.info.id)
"""
    subprocess.run([sys.executable, "-c", program, tmp_path / "home"], check=True)
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
    assert sum(1 for path in tmp_path.rglob("*") if path.is_file()) == 3


def test_every_line_is_json_that_other_programs_can_read(session):
    lines = [json.loads(line) for line in session[1].read_text(encoding="utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["session", "message", "message", "info"]
    assert lines[1]["message"] == {"role": "user", "parts": [{"type": "text", "text": "one"}]}
    assert lines[-1]["info"]["title"] == "Trip"


@pytest.mark.parametrize("torn", [b'{"kind":"message","id":"3"', b"\0\0\0", b"{", b'{"kind":"info","info":{"id'])
def test_a_torn_last_line_is_not_there_and_is_cut_off_before_the_next_record(store, session, torn):
    session_id, path = session
    before = path.read_bytes()
    path.write_bytes(before + torn)
    assert ids(store, session_id) == ["1", "2"]
    assert store.find(session_id).messages == 2
    assert ids(store, store.fork(session_id).info.id) == ["1", "2"]
    writer = store.open(session_id)
    assert path.read_bytes() == before
    writer.append(message_record("three", id="3"))
    assert ids(store, session_id) == ["1", "2", "3"]


def test_a_commit_without_its_end_is_not_there(store, session):
    session_id, path = session
    writer = store.open(session_id)
    before = path.read_bytes()
    writer.append(*(message_record("x", id=name) for name in "345"))
    writer.close()
    whole = path.read_bytes()
    for end in range(len(before), whole.index(b'"id":"5"')):
        path.write_bytes(whole[:end])
        assert ids(store, session_id) == ["1", "2"]
        assert store.find(session_id).messages == 2
    store.open(session_id)
    assert path.read_bytes() == before


def test_a_file_without_a_whole_header_is_no_session(store, tmp_path, session):
    path = session[1].with_name("20260101_000000_aaaaaa.jsonl")
    for content in (b"", b'{"kind":"session"'):
        path.write_bytes(content)
        assert [info.id for info in store.list()] == [session[0]]
        for call in (store.load, store.open, store.fork, store.find):
            with pytest.raises(NotFound):
                call("20260101_000000_aaaaaa")


def test_a_damaged_line_is_left_out_and_logged_and_stays_in_the_file(store, session, caplog):
    session_id, path = session
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1], b"\0garbage\xff\n", *lines[2:]]))
    with caplog.at_level(logging.WARNING):
        assert ids(store, session_id) == ["1", "2"]
    assert "line 3" in caplog.text
    store.open(session_id).append(message_record("three", id="3"))
    assert b"garbage" in path.read_bytes()
    assert ids(store, session_id) == ["1", "2", "3"]


def test_a_session_with_a_damaged_header_can_still_be_used(store, session):
    session_id, path = session
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([b"garbage\n", *lines[1:3]]))
    assert store.find(session_id).messages == 2
    assert ids(store, session_id) == ["1", "2"]
    store.open(session_id).append(message_record("three", id="3"))
    assert ids(store, session_id) == ["1", "2", "3"]


def test_what_a_newer_host_wrote_survives_loading_copying_and_writing(store, session, tmp_path):
    session_id, path = session
    newer = [
        {"kind": "vote", "id": "v", "time": 3.5, "for": ["a", None]},
        {"kind": "message", "id": "3", "time": 4.0, "message": {"role": "narrator", "parts": []}},
        {"kind": "turn_finished", "id": "4", "time": 5.0, "outcome": "completed", "weather": {"rain": True}},
        {"kind": "state", "id": "5", "time": 6.0, "name": "n", "data": {"a": 1}, "weather": 1},
    ]
    with path.open("ab") as file:
        file.writelines(json.dumps(line).encode() + b"\n" for line in newer)
    records = store.load(session_id)
    assert [(record.kind, record.id) for record in records[2:]] == [
        ("state", "v"), ("state", "3"), ("turn_finished", "4"), ("state", "5"),
    ]  # fmt: skip
    again = store.create()
    again.append(*records)
    again.close()
    copy = store.fork(session_id)
    copy.close()
    for target in (again, copy):
        lines = path.with_name(f"{target.info.id}.jsonl").read_text(encoding="utf-8").splitlines()
        written = [json.loads(line) for line in lines]
        for line in written:
            line.pop("continues", None)
        assert [line for line in written if line["kind"] not in ("session", "info")][2:] == newer


def test_keys_of_a_newer_host_in_the_info_survive(store, session):
    session_id, path = session
    lines = path.read_bytes().splitlines()
    info = json.loads(lines[-1])
    info["info"]["colour"] = "green"
    path.write_bytes(b"\n".join([*lines[:-1], json.dumps(info, separators=(",", ":")).encode(), b""]))
    writer = store.open(session_id)
    writer.rename("New")
    writer.close()
    last = json.loads(path.read_bytes().splitlines()[-1])["info"]
    assert (last["title"], last["colour"]) == ("New", "green")


def test_a_file_of_a_newer_format_is_not_touched(store, session):
    session_id, path = session
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":2').rpartition(b'{"kind":"info"')[0])
    before = path.read_bytes()
    for call in (store.load, store.open, store.fork):
        with pytest.raises(SessionError, match="format"):
            call(session_id)
    assert path.read_bytes() == before


def test_a_link_is_not_followed(store, session, tmp_path):
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(session[1].read_bytes())
    session[1].with_name("20260101_000000_aaaaaa.jsonl").symlink_to(secret)
    assert [info.id for info in store.list()] == [session[0]]
    for call in (store.load, store.open, store.delete):
        with pytest.raises(SessionError):
            call("20260101_000000_aaaaaa")
    assert secret.exists()


def test_writing_to_a_file_that_was_deleted_is_an_error(store, session):
    writer = store.open(session[0])
    session[1].unlink()
    with pytest.raises(SessionError, match="deleted"):
        writer.append(message_record("lost"))
    with pytest.raises(SessionError, match="deleted"):
        writer.rename("lost")


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    def fill() -> None:
        store = JsonlSessionStore(tmp_path)
        writer = store.create()
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, resource.RLIM_INFINITY))
        count = 0
        with pytest.raises(SessionError, match=os.strerror(errno.EFBIG)) as caught:
            while True:
                writer.append(message_record("x" * 1000, id=f"{count}a"), message_record("y" * 1000, id=f"{count}b"))
                count += 1
        assert caught.value.remedy
        assert writer.info.messages == 2 * count == 8
        assert store.find(writer.info.id).messages == 2 * count
        assert len(store.load(writer.info.id)) == 2 * count
        writer.append(message_record("short", id="short"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        writer.append(message_record("z" * 20_000, id="space"))
        assert [record.id for record in store.load(writer.info.id)][8:] == ["short", "space"]
        writer.close()

    process = multiprocessing.get_context("fork").Process(target=fill)
    process.start()
    process.join()
    assert process.exitcode == 0


def test_a_folder_that_cannot_be_made_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "sessions").write_text("a file", encoding="utf-8")
    store = JsonlSessionStore(tmp_path)
    with pytest.raises(SessionError) as caught:
        store.create()
    assert caught.value.remedy


def test_the_end_of_a_file_tells_everything_whatever_was_written(store, tmp_path):
    writer = store.create(model="a:b")
    usage = Usage(input=1)
    for number in range(400):
        writer.append(message_record("x" * (number * 997 % 3000), id=str(number)))
        if not number % 7:
            writer.append(SessionRecord(kind="turn_finished", id="t", time=time.time(), usage=usage))
        assert JsonlSessionStore(tmp_path).find(writer.info.id) == writer.info
    assert writer.info.messages == 400
    assert writer.info.usage == Usage(input=58)


def test_listing_reads_only_the_ends_of_files(store, tmp_path):
    if not Path("/proc/self/io").exists():
        pytest.skip("needs Linux' counters")
    for _ in range(20):
        writer = store.create()
        for _ in range(100):
            writer.append(message_record("x" * 10_000))
    before = _bytes_read()
    infos = JsonlSessionStore(tmp_path).list()
    assert [info.messages for info in infos] == [100] * 20
    assert _bytes_read() - before < 20 * 2 * INFO_INTERVAL


def test_a_record_is_one_write_and_no_wait_for_the_disk(store, session, tmp_path):
    if not Path("/proc/self/io").exists():
        pytest.skip("needs Linux' counters")
    writer = store.open(session[0])
    before = _counter("syscw")
    for number in range(50):
        writer.append(message_record("hello", id=f"a{number}"), message_record("there", id=f"b{number}"))
    assert _counter("syscw") - before == 50


def test_sessions_written_in_turns_are_in_the_order_of_their_last_records(store):
    writers = [store.create() for _ in range(10)]
    for writer in reversed(writers):
        writer.append(message_record("hello"))
    assert [info.id for info in store.list(limit=3)] == [writer.info.id for writer in writers[:3]]


def test_a_title_or_an_end_does_not_make_an_old_session_new(store, session):
    session_id, path = session
    header, *_ = path.read_bytes().splitlines()
    old = json.loads(header)
    for name in ("started", "updated"):
        old["info"][name] -= 3600
    path.write_bytes(json.dumps(old, separators=(",", ":")).encode() + b"\n")
    recent = store.create()
    recent.close()
    minutes_ago = time.time() - 600
    os.utime(path.with_name(f"{recent.info.id}.jsonl"), (minutes_ago, minutes_ago))
    writer = store.open(session_id)
    writer.rename("A new title")
    writer.end("exit")
    writer.close()
    assert [info.id for info in store.list(limit=1)] == [recent.info.id]


def test_the_error_names_the_process_that_writes(store, session):
    if not Path("/proc/locks").exists():
        pytest.skip("this system does not tell")
    store.open(session[0])
    with pytest.raises(SessionError, match=f"process {os.getpid()}"):
        store.open(session[0])


def _bytes_read() -> int:
    return _counter("rchar")


def _counter(name: str) -> int:
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(fields[name])
