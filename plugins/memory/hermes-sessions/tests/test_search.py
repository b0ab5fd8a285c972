"""What is found, what is typed, and in which order it comes."""

import sqlite3
import time

import pytest
from hermes_sessions.queries import All, Term, Without, parse
from hermes_sessions.store import SqliteSessionStore
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.messages import ATTACHED, Text, ToolCall, ToolResult, assistant_message, tool_message, user_message
from hermes_host.records import SessionInfo, SessionRecord
from hermes_host.testing.session_stores import message_record


@pytest.fixture
def say(store):
    """Put messages into one conversation."""
    writer = store.create()

    def said(*messages, **keywords):
        for message in messages:
            writer.append(message_record(message, **keywords))

    return said


def found(store, query, **options):
    """The ids of the records that are found."""
    return {hit.record_id for hit in store.find_hits(query, **options)}


def test_parts_of_words_are_found(store, say):
    say("the configuration of SuperLongIdentifierName", id="x")
    for query in ("config", "figur", "uration", "longident", "IdentifierN", "configuration superlong"):
        assert found(store, query) == {"x"}, query
    assert found(store, "configurations") == set()


def test_codes_and_paths_are_found_whole_and_in_part(store, say):
    say("see src/parser/token_stream.py:412 (ERR_CONN-1042) at https://example.org/a?b=c#d", id="x")
    say("see other.py", id="y")
    queries = ["src/parser/token_stream.py:412", "token_stream", "ken_stre", "stream.py:41", "ERR_CONN-1042"]
    for query in [*queries, "conn-10", "example.org/a?b=c", "parser/token", "1042"]:
        assert found(store, query) == {"x"}, query


@pytest.mark.parametrize(
    "query", ["北京", "京", "想去北京", "北京旅游", "游", "東京タワー", "タワー", "한국어", "국어"]
)
def test_scripts_without_spaces_are_found_at_any_place(store, say, query):
    say("我想去北京旅游 und 東京タワー, 한국어를", id="x")
    say("上海", id="y")
    assert found(store, query) == {"x"}


def test_a_phrase_stands_together(store, say):
    say("red green blue", id="x")
    say("red blue green", id="y")
    assert found(store, '"red green"') == {"x"}
    assert found(store, '"green red"') == set()
    assert found(store, "green red") == {"x", "y"}


def test_operators_work_where_they_make_sense(store, say):
    say("alpha beta", id="ab")
    say("alpha gamma", id="ag")
    say("delta", id="d")
    for query, wanted in {
        "alpha OR delta": {"ab", "ag", "d"},
        "alpha AND beta": {"ab"},
        "alpha NOT beta": {"ag"},
        "alpha AND NOT beta": {"ag"},
        "(beta OR gamma) alpha": {"ab", "ag"},
        "(alpha beta) OR delta": {"ab", "d"},
        "alp* NOT gam*": {"ab"},
        "alpha NOT (beta OR gamma) OR delta": {"d"},
    }.items():
        assert found(store, query) == wanted, query


@pytest.mark.parametrize(
    "query",
    [
        *(
            "alpha AND",
            "OR alpha",
            "NOT alpha",
            "AND alpha OR",
            "alpha OR OR",
            "(alpha",
            "alpha)",
            "((alpha",
            ")alpha(",
        ),
        *(
            '"alpha',
            'alpha"',
            '""alpha',
            "alpha*",
            "*alpha",
            "^alpha",
            "+alpha",
            "-alpha",
            "alpha:",
            ":alpha",
        ),
        *("{alpha}", "[alpha]", "alpha;", "'alpha'", "NEAR alpha", "alpha NEAR", "alpha\x00", "alpha \\", "alpha % _"),
    ],
)
def test_operators_that_make_no_sense_never_hide_what_is_there(store, say, query):
    say("alpha beta", id="x")
    assert found(store, query) == {"x"}


def test_signs_alone_are_found_too(store, say):
    say("a => b", id="x")
    say("nothing", id="y")
    assert found(store, "=>") == {"x"}
    assert found(store, "<=>") == set()


def test_words_that_are_in_everything_are_found(store, say):
    for number in range(5):
        say(f"the and of to is {number}", id=str(number))
    for query in ("the", "the and", "of to is", "the OR of"):
        assert len(found(store, query)) == 5, query


def test_arguments_of_calls_are_found_and_attached_text_is_not(store, say):
    call = ToolCall(
        id="1", name="write_file", arguments={"path": "C:\\new\\zebra.txt", "lines": ["okapi", 7]}, raw="{}"
    )
    say(assistant_message(call), id="call")
    say(assistant_message(ToolCall(id="2", name="run", raw='{"command": "quagga --fast')), id="broken")
    result = ToolResult(call_id="1", name="write_file", content=(Text(text="aardvark"),))
    say(tool_message(result), id="result")
    say(user_message("mine", Text(text="numbat", meta={ATTACHED: "memory"})), id="attached")
    for query, wanted in {
        "new\\zebra.txt": {"call"},
        "write_file": {"call"},
        "okapi": {"call"},
        "quagga": {"broken"},
        "aardvark": {"result"},
        "numbat": set(),
    }.items():
        assert found(store, query) == wanted, query


def test_roles_are_filtered_before_anything_is_cut_off(store, say):
    say("needle", id="user")
    for number in range(900):
        result = ToolResult(call_id="1", name="grep", content=(Text(text=f"needle {number}"),))
        say(tool_message(result), id=f"tool{number}")
    assert found(store, "needle", roles=("user",)) == {"user"}
    assert len(store.find_hits("needle", roles=("tool",), limit=30)) == 30
    assert found(store, "needle", roles=("assistant",)) == set()


def _restore(store, name, days, *texts):
    when = time.time() - days * 86400
    info = SessionInfo(id=f"20250101_000000_{name}", started=when, updated=when)
    messages = [
        SessionRecord(kind="message", id=f"{name}{n}", time=when, message=user_message(t)) for n, t in enumerate(texts)
    ]
    store.restore(info, messages)


def test_of_two_that_are_alike_the_later_comes_first(store):
    _restore(store, "old", 700, "how to bake bread")
    _restore(store, "new", 1, "how to bake bread")
    _restore(store, "mid", 100, "how to bake bread")
    assert [hit.session_id[-3:] for hit in store.search("bake bread")] == ["new", "mid", "old"]


def test_what_is_about_it_comes_before_what_mentions_it(store):
    _restore(store, "about", 3, "deploy: to deploy, run the deploy script; deploy twice")
    _restore(store, "aside", 2, "deploy " + "and something else entirely with many words " * 30)
    assert [hit.session_id[-5:] for hit in store.search("deploy")][0] == "about"


def test_an_exact_match_comes_before_a_part_of_a_word(store, say):
    say("the cat sat", id="exact")
    say("concatenate", id="part")
    assert [hit.record_id for hit in store.search("cat")] == ["exact", "part"]


def test_an_excerpt_shows_the_place(store, say):
    say("x " * 3000 + "the quick brown fox" + " y" * 3000)
    [hit] = store.search("quick fox")
    assert "quick brown fox" in hit.excerpt
    assert len(hit.excerpt) < 400


def test_a_damaged_index_is_made_anew(home, store, say, make_store):
    say("hedgehog", id="x")
    assert found(store, "hedgehog") == {"x"}
    store.close()
    index = home / "sessions-index.db"
    data = bytearray(index.read_bytes())
    data[100:] = b"\xff" * (len(data) - 100)
    index.write_bytes(data)
    assert found(make_store(), "hedgehog") == {"x"}
    index.write_bytes(b"not a database")
    assert found(make_store(), "hedgehog") == {"x"}


def test_a_missing_index_is_made_anew_while_the_store_is_open(home, store, say):
    say("hedgehog", id="x")
    assert found(store, "hedgehog") == {"x"}
    for path in home.glob("sessions-index*"):
        path.unlink()
    say("hedgehog again", id="y")
    assert found(store, "hedgehog") == {"x", "y"}
    assert (home / "sessions-index.db").exists()


def test_an_index_of_another_database_is_not_believed(home, store, say, make_store):
    say("hedgehog", id="x")
    found(store, "hedgehog")
    store.close()
    with sqlite3.connect(home / "sessions.db") as connection:
        connection.execute("UPDATE meta SET value = 'another' WHERE name = 'identity'")
        connection.execute("UPDATE records SET data = CAST(replace(data, 'hedgehog', 'squirrel') AS BLOB)")
    connection.close()
    assert found(make_store(), "squirrel") == {"x"}
    assert found(make_store(), "hedgehog") == set()


@pytest.fixture(scope="module")
def one_message(tmp_path_factory):
    store = SqliteSessionStore(tmp_path_factory.mktemp("home") / "home")
    writer = store.create()
    writer.append(message_record("harmless words"))
    yield store
    store.close()


_PIECES = [*"ab\"'()*:-+^{}~ \\/.,;%_&|!<>=", "AND ", "OR ", "NOT ", "NEAR(", "京", "\x00", "\ud800"]
_TYPED = st.lists(st.sampled_from(_PIECES), max_size=30).map("".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(_TYPED, st.text(max_size=40)))
def test_nothing_that_is_typed_is_an_error(one_message, query):
    one_message.search(query)


def test_a_question_is_read_as_it_looks():
    assert parse("a b") == All((Term(("a",)), Term(("b",))))
    assert parse("a NOT b") == Without(Term(("a",)), Term(("b",)))
    assert parse('"a b"') == Term(("a", "b"), quoted=True)
    assert parse("a.b") == Term(("a", "b"))
    assert parse("  ") is None
    assert parse("***") is None
