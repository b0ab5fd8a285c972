# ruff: noqa: D102  (the names of the tests are their documentation)
"""The conformance kit for session stores.

Subclass it and say how a store is made; every call makes another one over the same data, as another process would::

    class TestMyStore(SessionStoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda: MyStore(tmp_path)

Some tests fork a process and kill it with `SIGKILL`; they are skipped where the system cannot fork.
"""

from __future__ import annotations

import os
import random
import re
import time
from typing import TYPE_CHECKING

import pytest

from hermes_host.errors import NotFound, SessionError
from hermes_host.messages import (
    Media,
    Text,
    ToolResult,
    assistant_message,
    decode_message,
    tool_message,
    user_message,
)
from hermes_host.protocols import SessionStore
from hermes_host.records import SessionRecord
from hermes_host.stream import Usage
from hermes_host.testing.session_elsewhere import SessionStoreElsewhere, close_all, one_of_each
from hermes_host.testing.session_processes import message_record

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["SessionStoreContract", "message_record"]


class SessionStoreContract(SessionStoreElsewhere):
    """What every session store keeps to. Override the fixture `make_store`."""

    @pytest.fixture
    def store(self, make_store: Callable[[], SessionStore]) -> SessionStore:
        """One store."""
        return make_store()

    # --------------------------------------------------------------------------------------------------- what it is

    def test_a_store_has_the_methods_of_the_protocol(self, store: SessionStore) -> None:
        assert isinstance(store, SessionStore)

    def test_an_empty_store_has_no_sessions(self, store: SessionStore) -> None:
        assert list(store.list()) == []
        assert list(store.search("anything")) == []
        for call in (store.find, store.load, store.open, store.delete, store.fork):
            with pytest.raises(NotFound):
                call("20260101_000000_abcdef")

    def test_a_new_session_says_what_it_was_made_with(self, store: SessionStore) -> None:
        before = time.time()
        writer = store.create(source="cron", model="acme:large", directory="/srv", parent="p", title=" Trip ")
        info = writer.info
        assert re.fullmatch(r"\d{8}_\d{6}_[0-9a-f]{6}", info.id)
        assert (info.source, info.model, info.directory, info.parent) == ("cron", "acme:large", "/srv", "p")
        assert (info.title, info.ended, info.messages, info.preview) == ("Trip", "", 0, "")
        assert before - 1 <= info.started <= info.updated <= time.time() + 1
        writer.close()
        assert store.find(info.id) == info

    # -------------------------------------------------------------------------------------------- records and reading

    def test_records_come_back_as_they_were_in_order(self, make_store: Callable[[], SessionStore]) -> None:
        records = one_of_each()
        writer = make_store().create()
        writer.append(*records[:2])
        for record in records[2:]:
            writer.append(record)
        assert list(make_store().load(writer.info.id)) == records
        writer.close()
        assert list(make_store().load(writer.info.id)) == records

    def test_nothing_to_append_is_fine(self, store: SessionStore) -> None:
        writer = store.create()
        writer.append()
        assert list(store.load(writer.info.id)) == []
        writer.close()

    def test_parts_and_keys_of_a_newer_host_survive_loading_and_copying(self, store: SessionStore) -> None:
        data = {
            "role": "assistant",
            "mood": "calm",
            "parts": [
                {"type": "hologram", "shape": {"faces": 6}},
                {"type": "text", "text": "hi", "language": "en"},
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": None}, "raw": '{"a":null}'},
            ],
        }
        record = message_record(decode_message(data))
        writer = store.create()
        writer.append(record)
        copy = store.fork(writer.info.id)
        assert list(store.load(writer.info.id)) == list(store.load(copy.info.id)) == [record]
        again = store.create()
        again.append(*store.load(copy.info.id))
        assert list(store.load(again.info.id)) == [record]
        close_all(writer, copy, again)

    def test_text_of_every_kind_survives(self, store: SessionStore) -> None:
        texts = ["", "\n\r\n\x00\x1b[31m\u2028\u2029", "é 漢字 🦔 \u202e", 'quo"te\\', '{"kind":"info","info":{}}']
        writer = store.create()
        for text in texts:
            writer.append(message_record(text))
        writer.append(message_record(text := "lone surrogate \udc80 from bytes of unknown encoding"))
        loaded = [record.message.text for record in store.load(writer.info.id) if record.message]
        assert loaded == [*texts, text]
        writer.close()

    def test_a_megabyte_in_one_record_survives(self, store: SessionStore) -> None:
        image = Media(kind="image", mime="image/png", data=random.Random(1).randbytes(1_000_000))
        record = message_record(user_message("look", image))
        writer = store.create()
        writer.append(record)
        assert list(store.load(writer.info.id)) == [record]
        writer.close()
        assert store.find(writer.info.id).messages == 1

    def test_a_record_that_is_not_json_is_refused_and_changes_nothing(self, store: SessionStore) -> None:
        writer = store.create()
        good = message_record("good")
        bad = SessionRecord(kind="state", id="s", time=time.time(), name="x", data={"a": object()})
        with pytest.raises(SessionError, match="x"):
            writer.append(good, bad)
        assert list(store.load(writer.info.id)) == []
        assert writer.info.messages == 0
        writer.append(good)
        assert list(store.load(writer.info.id)) == [good]
        writer.close()

    # ------------------------------------------------------------------------------------------------ what info counts

    def test_info_counts_messages_and_usage_and_keeps_the_first_words(
        self, make_store: Callable[[], SessionStore]
    ) -> None:
        writer = make_store().create(model="acme:small")
        writer.append(message_record("First\n\twords " + "and more " * 500))
        writer.append(message_record(assistant_message("answer")))
        for tokens in (10, 5):
            usage = Usage(input=tokens, output=1, cached=2)
            writer.append(
                SessionRecord(kind="turn_finished", id="t", time=time.time(), outcome="completed", usage=usage)
            )
        writer.append(message_record("second"))
        for info in (writer.info, make_store().find(writer.info.id)):
            assert info.messages == 3
            assert info.usage == Usage(input=15, output=2, cached=4)
            assert info.preview.startswith("First words and more")
            assert len(info.preview) <= 200
        writer.close()
        assert make_store().find(writer.info.id) == writer.info

    def test_a_model_recorded_as_state_is_the_sessions_model(self, store: SessionStore) -> None:
        writer = store.create(model="acme:small")
        writer.append(
            SessionRecord(kind="state", id="s", time=time.time(), name="host.model", data={"model": "acme:large"})
        )
        assert store.find(writer.info.id).model == "acme:large"
        writer.close()

    def test_an_ended_session_says_why_until_it_goes_on(self, make_store: Callable[[], SessionStore]) -> None:
        writer = make_store().create()
        writer.append(message_record("one"))
        writer.end("exit")
        writer.close()
        assert make_store().find(writer.info.id).ended == "exit"
        again = make_store().open(writer.info.id)
        again.append(message_record("two"))
        assert again.info.ended == ""
        again.close()
        info = make_store().find(writer.info.id)
        assert (info.ended, info.messages, info.preview) == ("", 2, "one")

    def test_closing_twice_is_fine_and_writing_afterwards_is_an_error(self, store: SessionStore) -> None:
        writer = store.create()
        writer.append(record := message_record("kept"))
        writer.close()
        writer.close()
        with pytest.raises(SessionError):
            writer.append(message_record("lost"))
        assert list(store.load(writer.info.id)) == [record]

    def test_closing_the_store_closes_its_sessions(self, make_store: Callable[[], SessionStore]) -> None:
        store = make_store()
        writer = store.create()
        store.close()
        make_store().open(writer.info.id).close()

    # ------------------------------------------------------------------------------------------------------ one writer

    def test_a_session_has_one_writer_and_any_number_of_readers(self, make_store: Callable[[], SessionStore]) -> None:
        writer = make_store().create()
        writer.append(record := message_record("one"))
        other = make_store()
        with pytest.raises(SessionError) as caught:
            other.open(writer.info.id)
        assert caught.value.remedy
        with pytest.raises(SessionError):
            other.delete(writer.info.id)
        assert list(other.load(writer.info.id)) == [record]
        writer.close()
        other.open(writer.info.id).close()

    # --------------------------------------------------------------------------------------------------------- titles

    def test_titles_are_cleaned_and_cut(self, store: SessionStore) -> None:
        writer = store.create()
        assert writer.rename("  a\x00\x1b[31m\u200b\u202eb\n c \ud800 ") == "a[31mb c"
        assert writer.rename("x" * 300) == "x" * 100
        assert store.find(writer.info.id).title == writer.info.title == "x" * 100
        assert writer.rename(" \u200b ") == writer.info.title == ""
        writer.close()

    def test_titles_are_unique(self, make_store: Callable[[], SessionStore]) -> None:
        first, second, third = (make_store().create(title="Trip") for _ in range(3))
        assert [writer.info.title for writer in (first, second, third)] == ["Trip", "Trip #2", "Trip #3"]
        assert first.rename("Trip") == "Trip"
        assert third.rename("trip #2") == "trip #3"
        long = make_store().create(title="y" * 100)
        assert second.rename("y" * 100) == "y" * 97 + " #2"
        close_all(first, second, third, long)

    # -------------------------------------------------------------------------------------------------------- finding

    def test_a_session_is_found_by_id_prefix_and_title(self, store: SessionStore) -> None:
        writer = store.create(title="Weekend plans")
        for reference in (writer.info.id, writer.info.id[:-3], "Weekend plans", " weekend PLANS "):
            assert store.find(reference).id == writer.info.id
        writer.close()

    def test_a_title_means_the_one_last_used_of_its_name(self, store: SessionStore) -> None:
        first, second = (store.create(title="Plans") for _ in range(2))
        assert store.find("Plans").id == second.info.id
        first.append(message_record("again"))
        assert store.find("Plans").id == first.info.id
        assert store.find("Plans #2").id == second.info.id
        close_all(first, second)

    def test_a_prefix_of_several_ids_names_them(self, store: SessionStore) -> None:
        writers = [store.create() for _ in range(2)]
        shared = os.path.commonprefix([writer.info.id for writer in writers])
        with pytest.raises(NotFound) as caught:
            store.find(shared)
        assert writers[0].info.id in str(caught.value) or writers[1].info.id in str(caught.value)
        close_all(*writers)

    def test_an_unknown_reference_names_near_ones(self, store: SessionStore) -> None:
        writer = store.create(title="Weekend plans")
        with pytest.raises(NotFound, match="Weekend plans"):
            store.find("weekend plan")
        writer.close()

    @pytest.mark.parametrize("reference", ["", " ", ".", "..", "../x", "a/b", "/etc/passwd", "x\0y", "%", "*", "'"])
    def test_what_cannot_be_a_session_is_not_found(self, store: SessionStore, reference: str) -> None:
        store.create(title="Trip").close()
        for call in (store.find, store.load, store.open, store.delete, store.fork):
            with pytest.raises(NotFound):
                call(reference)

    def test_sessions_are_listed_newest_first(self, store: SessionStore) -> None:
        writers = [store.create(source=source) for source in ("cli", "cron", "cli")]
        for index in (2, 0, 1):
            writers[index].append(message_record("hello"))
        ids = [writer.info.id for writer in writers]
        assert [info.id for info in store.list()] == [ids[1], ids[0], ids[2]]
        assert [info.id for info in store.list(limit=1)] == [ids[1]]
        assert [info.id for info in store.list(source="cli", limit=1)] == [ids[0]]
        assert list(store.list(source="telegram")) == []
        writers[2].rename("A new title is no news")
        writers[2].end("exit")
        assert [info.id for info in store.list()] == [ids[1], ids[0], ids[2]]
        close_all(*writers)

    def test_words_are_found_in_what_was_said_and_in_results(self, store: SessionStore) -> None:
        old, new = store.create(), store.create()
        old.append(message_record("Where is the Hedgehog?"), message_record(assistant_message("In the hedge.")))
        result = ToolResult(call_id="1", name="grep", content=(Text(text="hedgehog in the garden " + "and so " * 500),))
        new.append(message_record(tool_message(result), id="found"), message_record("thanks"))
        hits = {hit.session_id: hit for hit in store.search("HEDGEHOG")}
        assert {name: hit.role for name, hit in hits.items()} == {new.info.id: "tool", old.info.id: "user"}
        hit = hits[new.info.id]
        assert hit.record_id == "found"
        assert "hedgehog in the garden" in hit.excerpt
        assert len(hit.excerpt) < 1000
        assert abs(hit.time - time.time()) < 60
        assert [hit.session_id for hit in store.search("hedgehog garden")] == [new.info.id]
        assert list(store.search("hedgehog submarine")) == []
        assert len(store.search("the", limit=1)) == 1
        close_all(old, new)

    @pytest.mark.parametrize("query", ["", "  ", '"', "AND", "a*", "(", "x:y", "--", "'; drop table", "\\"])
    def test_no_query_is_an_error(self, store: SessionStore, query: str) -> None:
        writer = store.create()
        writer.append(message_record("harmless words"))
        assert list(store.search(query)) == []
        writer.close()

    # -------------------------------------------------------------------------------------------- copying and removing

    def test_a_fork_has_the_records_and_goes_its_own_way(self, make_store: Callable[[], SessionStore]) -> None:
        store = make_store()
        original = store.create(source="telegram", model="acme:large", directory="/srv", title="Trip")
        records = one_of_each()
        original.append(*records)
        copy = store.fork(original.info.id)
        info = copy.info
        assert (info.source, info.model, info.directory, info.parent) == (
            "telegram",
            "acme:large",
            "/srv",
            original.info.id,
        )
        assert (info.title, info.messages, info.usage) == ("Trip #2", original.info.messages, Usage())
        copy.append(extra := message_record("mine"))
        assert list(make_store().load(info.id)) == [*records, extra]
        assert list(make_store().load(original.info.id)) == records
        close_all(copy, original)
        assert make_store().find(info.id) == copy.info

    def test_a_fork_can_stop_at_any_record(self, store: SessionStore) -> None:
        original = store.create()
        records = one_of_each()
        original.append(*records)
        for position, record in enumerate(records, start=1):
            copy = store.fork(original.info.id, until=record.id)
            assert list(store.load(copy.info.id)) == records[:position]
            assert copy.info.messages == sum(record.kind == "message" for record in records[:position])
            copy.close()
        with pytest.raises(NotFound):
            store.fork(original.info.id, until="nothing")
        original.close()

    def test_a_deleted_session_is_gone(self, make_store: Callable[[], SessionStore]) -> None:
        store = make_store()
        gone, kept = store.create(title="Gone"), store.create(title="Kept")
        for writer in (gone, kept):
            writer.append(message_record("findable"))
            writer.close()
        store.delete(gone.info.id)
        other = make_store()
        assert [info.id for info in other.list()] == [kept.info.id]
        assert [hit.session_id for hit in other.search("findable")] == [kept.info.id]
        for call in (other.find, other.load, other.open, other.delete):
            with pytest.raises(NotFound):
                call(gone.info.id)
