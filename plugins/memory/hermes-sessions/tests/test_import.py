"""Conversations of Hermes Agent 0.5, from its database and from its export."""

import json
import sqlite3

import pytest

from hermes_host.messages import Media, Reasoning, Text, ToolCall, ToolResult
from hermes_host.sessions import JsonlSessionStore
from hermes_host.stream import Usage
from hermes_host.testing.session_stores import message_record

VERSION_6 = {
    "sessions": "id TEXT PRIMARY KEY, source TEXT, user_id TEXT, model TEXT, model_config TEXT, system_prompt TEXT,"
    " parent_session_id TEXT REFERENCES sessions(id), started_at REAL, ended_at REAL, end_reason TEXT,"
    " message_count INTEGER, tool_call_count INTEGER, input_tokens INTEGER, output_tokens INTEGER,"
    " cache_read_tokens INTEGER, cache_write_tokens INTEGER, reasoning_tokens INTEGER, billing_provider TEXT,"
    " billing_base_url TEXT, billing_mode TEXT, estimated_cost_usd REAL, actual_cost_usd REAL, cost_status TEXT,"
    " cost_source TEXT, pricing_version TEXT, title TEXT",
    "messages": "id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT REFERENCES sessions(id), role TEXT,"
    " content TEXT, tool_call_id TEXT, tool_calls TEXT, tool_name TEXT, timestamp REAL, token_count INTEGER,"
    " finish_reason TEXT, reasoning TEXT, reasoning_details TEXT, codex_reasoning_items TEXT",
}
VERSION_1 = {
    "sessions": "id TEXT PRIMARY KEY, source TEXT, user_id TEXT, model TEXT, model_config TEXT, system_prompt TEXT,"
    " parent_session_id TEXT, started_at REAL, ended_at REAL, end_reason TEXT, message_count INTEGER,"
    " tool_call_count INTEGER, input_tokens INTEGER, output_tokens INTEGER",
    "messages": "id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, role TEXT, content TEXT, tool_call_id TEXT,"
    " tool_calls TEXT, tool_name TEXT, timestamp REAL, token_count INTEGER",
}
FIRST, SECOND = "20260301_101112_aaaaaa", "20260302_101112_bbbbbb"
CALLS = [{"id": "c1", "type": "function", "function": {"name": "terminal", "arguments": '{"command": "ls"}'}}]
BROKEN = [{"id": "c2", "type": "function", "function": {"name": "terminal", "arguments": '{"command": '}}]


def put(connection, table, **values):
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    used = {name: value for name, value in values.items() if name in names}
    marks = ", ".join("?" * len(used))
    connection.execute(f"INSERT INTO {table} ({', '.join(used)}) VALUES ({marks})", tuple(used.values()))


def make(path, tables):
    with sqlite3.connect(path) as connection:
        for name, columns in tables.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")
        connection.execute("CREATE TABLE schema_version (version INTEGER)")
        put(
            connection,
            "sessions",
            id=FIRST,
            source="cli",
            model="claude-x",
            billing_provider="anthropic",
            started_at=1000.0,
            ended_at=1100.0,
            end_reason="compression",
            input_tokens=10,
            output_tokens=5,
            cache_read_tokens=100,
            cache_write_tokens=7,
            reasoning_tokens=2,
            title="Old trip",
        )
        put(connection, "sessions", id=SECOND, source="telegram", parent_session_id=FIRST, started_at=1200.0)
        rows = [
            dict(role="user", content="Where is the hedgehog?"),
            dict(
                role="assistant",
                content="Let me look.",
                tool_calls=json.dumps(CALLS + BROKEN),
                reasoning="hm",
                reasoning_details=json.dumps([{"type": "thinking", "signature": "s"}]),
            ),
            dict(role="tool", content="in the hedge", tool_call_id="c1", tool_name="terminal"),
            dict(role="tool", content="failed", tool_call_id="c2"),
            dict(role="assistant", content="In the hed", finish_reason="length"),
        ]
        for number, row in enumerate(rows):
            put(connection, "messages", session_id=FIRST, timestamp=1001.0 + number, **row)
        image = json.dumps(
            [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "https://x/y"}}]
        )
        put(connection, "messages", session_id=SECOND, role="user", content=image, timestamp=1201.0)
    connection.close()
    return path


def test_a_database_is_imported_whole_and_only_read(home, tmp_path, hermes, make_store):
    path = make(tmp_path / "state.db", VERSION_6)
    before = path.read_bytes(), sorted(item.name for item in tmp_path.iterdir() if item != home)
    assert "Imported 2 conversations." in hermes("sessions", "import", "state.db").stdout
    assert (path.read_bytes(), sorted(item.name for item in tmp_path.iterdir() if item != home)) == before
    store = make_store()
    info = store.find("Old trip")
    assert (info.id, info.model, info.started, info.updated) == (FIRST, "anthropic:claude-x", 1000.0, 1100.0)
    assert (info.ended, info.source, info.messages) == ("compression", "cli", 4)
    assert info.usage == Usage(input=117, output=5, cached=100, cache_write=7, reasoning=2)
    asked, answered, results, cut = [record.message for record in store.load(FIRST)]
    assert asked.text == "Where is the hedgehog?"
    reasoning, text, call, broken = answered.parts
    assert isinstance(reasoning, Reasoning)
    assert reasoning.text == "hm"
    assert reasoning.meta["hermes_agent.reasoning_details"][0]["signature"] == "s"
    assert text == Text(text="Let me look.")
    assert call == ToolCall(id="c1", name="terminal", arguments={"command": "ls"}, raw='{"command": "ls"}')
    assert (broken.arguments, broken.raw) == (None, '{"command": ')
    assert [type(part) for part in results.parts] == [ToolResult, ToolResult]
    assert [(part.call_id, part.name) for part in results.parts] == [("c1", "terminal"), ("c2", "terminal")]
    assert cut.incomplete
    child = store.find(SECOND)
    assert (child.parent, child.source) == (FIRST, "telegram")
    [said] = store.load(SECOND)
    assert said.message.provenance == "member"
    assert [type(part) for part in said.message.parts] == [Text, Media]
    assert [hit.session_id for hit in store.search("hedgehog")] == [FIRST]
    assert store.index() == 0


def test_an_import_can_be_repeated(home, tmp_path, hermes):
    path = make(tmp_path / "state.db", VERSION_6)
    first = json.loads(hermes("sessions", "import", path, "--json").stdout)
    assert first == {"imported": [FIRST, SECOND], "present": [], "skipped": []}
    before = hermes("sessions", "export", "--all").stdout
    again = json.loads(hermes("sessions", "import", path, "--json").stdout)
    assert again == {"imported": [], "present": [FIRST, SECOND], "skipped": []}
    assert hermes("sessions", "export", "--all").stdout == before


def test_an_old_schema_is_imported_and_one_in_the_home_directory_is_found(home, tmp_path, hermes, make_store):
    home.mkdir()
    make(home / "state.db", VERSION_1)
    hermes("sessions", "import", "state.db")
    store = make_store()
    assert store.find(FIRST).usage == Usage(input=10, output=5)
    assert len(store.load(FIRST)) == 4
    assert store.find(SECOND).messages == 1


def test_a_database_that_is_being_written_to_is_read_with_its_log(home, tmp_path, hermes, make_store):
    path = make(tmp_path / "state.db", VERSION_6)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    put(writer, "messages", session_id=SECOND, role="user", content="newest words", timestamp=1300.0)
    hermes("sessions", "import", path)
    assert [record.message.text for record in make_store().load(SECOND)][-1] == "newest words"
    writer.close()


def test_its_export_is_imported(home, tmp_path, hermes, make_store):
    path = make(tmp_path / "state.db", VERSION_6)
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    lines = []
    for session in map(dict, connection.execute("SELECT * FROM sessions ORDER BY id").fetchall()):
        query = "SELECT * FROM messages WHERE session_id = ? ORDER BY id"
        session["messages"] = [dict(row) for row in connection.execute(query, (session["id"],))]
        lines.append(json.dumps(session))
    connection.close()
    (tmp_path / "old.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert "Imported 2 conversations." in hermes("sessions", "import", "old.jsonl").stdout
    store = make_store()
    assert [len(store.load(name)) for name in (FIRST, SECOND)] == [4, 1]
    assert store.find("Old trip").usage.cached == 100


def test_what_hermes_exported_is_imported_too(home, tmp_path, hermes, make_store):
    writer = JsonlSessionStore(tmp_path / "elsewhere").create(title="From elsewhere")
    writer.append(message_record("hello"))
    writer.close()
    [file] = (tmp_path / "elsewhere").rglob("*.jsonl")
    hermes("sessions", "import", file)
    line = hermes("sessions", "export", "From elsewhere").stdout
    hermes("sessions", "delete", "From elsewhere", "-y")
    (tmp_path / "line.jsonl").write_text(line, encoding="utf-8")
    assert "Imported 1 conversation." in hermes("sessions", "import", "line.jsonl").stdout
    assert hermes("sessions", "export", "From elsewhere").stdout == line


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense", b"SQLite format 3\0 nonsense", b'{"messages": 1}'])
def test_what_cannot_be_imported_is_an_error_that_changes_nothing(home, tmp_path, hermes, make_store, content):
    (tmp_path / "file").write_bytes(content)
    if content:
        done = hermes("sessions", "import", "file", code=1)
        assert done.stderr.startswith("hermes: ")
        assert done.stderr.count("\n") == 1
    else:
        hermes("sessions", "import", "file")
    assert list(make_store().list()) == []
    hermes("sessions", "import", "missing", code=2)


def test_another_programs_database_is_refused(home, tmp_path, hermes):
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE sessions (id)")
    connection.close()
    assert "no state.db" in hermes("sessions", "import", "other.db", code=1).stderr


def test_all_conversations_are_exported_also_the_work_behind_them(home, store, hermes):
    for source in ("cli", "subagent", "cron"):
        writer = store.create(source=source)
        writer.append(message_record("hello"))
        writer.close()
    lines = [json.loads(line) for line in hermes("sessions", "export", "--all").stdout.splitlines()]
    assert sorted(line["source"] for line in lines) == ["cli", "cron", "subagent"]
    assert "3 conversations would be deleted" in hermes("sessions", "prune", "--older-than", "0", "--dry-run").stdout
