# ruff: noqa: D102  (the names of the tests are their documentation)
"""What session stores keep to with conversations from elsewhere, lineages and odd questions: a part of their kit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from hermes_host.errors import SessionError
from hermes_host.messages import (
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant_message,
    tool_message,
)
from hermes_host.records import BACKGROUND_SOURCES, SessionInfo, SessionRecord
from hermes_host.stream import Usage
from hermes_host.testing.session_processes import SessionStoreProcesses, message_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.protocols import SessionStore, SessionWriter

__all__ = ["SessionStoreElsewhere", "close_all", "one_of_each"]

_ODD = """\
To be or not to be, and then the error: foo.bar:baz in /etc/app.conf said "maybe" (code='x'), E-1234 NOT found; don't
rm -rf --verbose it before five o'clock. C++ x=1; {json} [0] 100% user@example.org near(5) a:b ^caret star* or else.
Die naïve Nachricht: 我想去北京旅游. Привет!"""


class SessionStoreElsewhere(SessionStoreProcesses):
    """Tests of restoring, of lineages and of searching. `SessionStoreContract` has them all."""

    @pytest.fixture
    def store(self, make_store: Callable[[], SessionStore]) -> SessionStore:
        """One store."""
        return make_store()

    @pytest.mark.parametrize(
        "query",
        [
            *("foo.bar:baz", "/etc/app.conf", "app.conf", "E-1234", "-1234", "don't", "o'clock", "code='x'", "'x'"),
            *('"foo.bar', 'said "maybe"', "AND", "and then", "or else", "NOT found", "NEAR", "near(5)", "a:b", "-rf"),
            *(
                "--verbose",
                "C++",
                "x=1;",
                "{json}",
                "[0]",
                "100%",
                "user@example.org",
                "^caret",
                "star*",
                "to be",
                "the",
            ),
            *("naïve", "北京", "привет", "ПРИВЕТ", "foo.bar:baz /etc/app.conf", "error\x00", "found " * 300),
        ],
    )
    def test_what_stands_in_a_message_is_found_however_odd_it_is(self, store: SessionStore, query: str) -> None:
        writer = store.create()
        writer.append(message_record(_ODD, id="odd"))
        writer.append(message_record("Another one has nothing here."))
        assert [hit.record_id for hit in store.search(query)][:1] == ["odd"]
        writer.close()

    @pytest.mark.parametrize("source", sorted(BACKGROUND_SOURCES))
    def test_work_behind_a_conversation_is_listed_and_found_by_name_alone(
        self, store: SessionStore, source: str
    ) -> None:
        shown, behind = store.create(), store.create(source=source, parent="p", title="Errand")
        for writer in (shown, behind):
            writer.append(message_record("hedgehog"))
        assert [info.id for info in store.list()] == [shown.info.id]
        assert [info.id for info in store.list(source=source)] == [behind.info.id]
        assert [hit.session_id for hit in store.search("hedgehog")] == [shown.info.id]
        assert store.find("Errand").id == store.find(behind.info.id).id == behind.info.id
        assert len(store.load(behind.info.id)) == 1
        close_all(shown, behind)

    def test_a_restored_session_is_what_it_was(self, make_store: Callable[[], SessionStore]) -> None:
        info = SessionInfo(
            id="20250102_030405_abcdef",
            started=1735787045.0,
            updated=1735787099.5,
            title="Trip",
            source="telegram",
            model="acme:large",
            parent="20250101_000000_123456",
            directory="/srv",
            ended="exit",
            messages=4,
            preview="hello",
            usage=Usage(input=7, output=3),
        )
        records = one_of_each()
        make_store().restore(info, records)
        store = make_store()
        assert list(store.load(info.id)) == records
        found = store.find(info.id)
        # Where the parent is not there, a store may say so at once.
        assert msgspec.structs.replace(found, parent=info.parent) == info
        assert found.parent in (info.parent, "")
        assert [hit.session_id for hit in store.search("hello")][:1] == [info.id]
        writer = store.open(info.id)
        writer.append(message_record("and on"))
        assert (writer.info.ended, writer.info.messages) == ("", 5)
        writer.close()

    def test_a_session_of_that_id_is_never_restored_over(self, store: SessionStore) -> None:
        writer = store.create(title="Mine")
        writer.append(record := message_record("mine"))
        writer.close()
        other = SessionInfo(id=writer.info.id, started=1.0, updated=2.0, title="Other")
        with pytest.raises(SessionError):
            store.restore(other, [message_record("other")])
        assert list(store.load(writer.info.id)) == [record]
        assert store.find(writer.info.id).title == "Mine"

    def test_restored_titles_are_unique_too(self, store: SessionStore) -> None:
        store.create(title="Trip").close()
        store.restore(SessionInfo(id="20250102_030405_abcdef", started=1.0, updated=2.0, title="Trip"), [])
        assert store.find("20250102_030405_abcdef").title == "Trip #2"

    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/etc/x", "x\0y", "-x", "é", "a" * 200])
    def test_what_cannot_be_an_id_is_not_restored(self, store: SessionStore, name: str) -> None:
        with pytest.raises(SessionError):
            store.restore(SessionInfo(id=name, started=1.0, updated=2.0), [message_record("x")])
        assert list(store.list()) == []

    def test_a_record_that_is_not_json_leaves_nothing_restored(self, store: SessionStore) -> None:
        bad = SessionRecord(kind="state", id="s", time=1.0, name="x", data={"a": object()})
        with pytest.raises(SessionError):
            store.restore(SessionInfo(id="20250102_030405_abcdef", started=1.0, updated=2.0), [bad])
        assert list(store.list()) == []

    def test_children_of_a_deleted_session_stay_without_a_parent(self, make_store: Callable[[], SessionStore]) -> None:
        store = make_store()
        first = store.create()
        first.append(record := message_record("the beginning"))
        lineage = [first]
        for _ in range(30):
            lineage.append(store.fork(lineage[-1].info.id))
        close_all(*lineage)
        ids = [writer.info.id for writer in lineage]
        for gone in (0, 15):
            store.delete(ids[gone])
            other = make_store()
            assert other.find(ids[gone + 1]).parent == ""
            assert other.find(ids[gone + 2]).parent == ids[gone + 1]
            assert list(other.load(ids[gone + 1])) == [record]
        assert len(make_store().list(limit=100)) == 29

    def test_a_child_that_is_open_does_not_keep_its_parent(self, make_store: Callable[[], SessionStore]) -> None:
        store = make_store()
        parent = store.create()
        parent.append(message_record("one"))
        child = store.fork(parent.info.id)
        parent.close()
        store.delete(parent.info.id)
        child.append(message_record("two"))
        child.close()
        info = make_store().find(child.info.id)
        assert (info.parent, info.messages) == ("", 2)


def one_of_each() -> list[SessionRecord]:
    """Records of every kind."""
    call = ToolCall(id="c1", name="read_file", arguments={"path": "a"}, raw='{"path": "a"}')
    broken = ToolCall(id="c2", name="read_file", raw='{"path": ')
    result = ToolResult(call_id="c1", name="read_file", content=(Text(text="hello"),), is_error=True)
    reasoning = Reasoning(text="hm", meta={"signature": "s"})
    now = time.time()
    return [
        message_record("hello", id="r1", turn_id="t1"),
        message_record(assistant_message(reasoning, "Let me look.", call, broken), id="r2"),
        SessionRecord(kind="tool_started", id="r3", time=now, turn_id="t1", call_id="c1"),
        message_record(tool_message(result), id="r4"),
        message_record(Message(role="assistant", parts=(Text(text="It sa"),), incomplete=True), id="r5"),
        SessionRecord(kind="turn_finished", id="r6", time=now, outcome="completed", usage=Usage(input=7, output=3)),
        SessionRecord(kind="state", id="r7", time=now, name="p.x", data={"list": [1, 2.5, None, {"a": "ü"}]}),
    ]


def close_all(*writers: SessionWriter) -> None:
    """Close them."""
    for writer in writers:
        writer.close()
