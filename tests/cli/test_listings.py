"""The commands that show and change what there is: sessions, tools, models, plugins, doctor."""

import json
import stat

import pytest


@pytest.fixture
def hermes(hermes_here):
    """Every command runs in this process."""
    return hermes_here


@pytest.fixture
def talked(hermes):
    """The id of a conversation with one question and one answer."""
    return json.loads(hermes("chat", "-q", "hello world", "--output-format", "json").out)["session_id"]


def platform_tools(hermes, platform="cli"):
    return json.loads(hermes("tools", "list", "--platform", platform, "--json").out)


# -------------------------------------------------------------------------------------------------------- sessions


def test_sessions_are_listed_for_people_and_for_programs(hermes, talked):
    assert talked in hermes("sessions").out
    [info] = json.loads(hermes("sessions", "list", "--json").out)
    assert (info["id"], info["messages"], info["source"], info["preview"]) == (talked, 2, "cli", "hello world")
    assert {"title", "started", "updated", "model", "parent", "directory", "ended", "usage"} <= set(info)
    assert json.loads(hermes("sessions", "list", "--source", "elsewhere", "--json").out) == []


def test_a_session_is_shown_exported_renamed_and_deleted(hermes, talked, tmp_path):
    assert "Holiday plans" in hermes("sessions", "rename", talked, "Holiday", "plans").out
    assert "You said: hello world" in hermes("sessions", "show", "Holiday plans").out
    shown = json.loads(hermes("sessions", "show", talked, "--json").out)
    assert [message["role"] for message in shown["message_list"]] == ["user", "assistant"]
    exported = json.loads(hermes("sessions", "export", talked).out)
    said = [record["message"]["role"] for record in exported["records"] if record["kind"] == "message"]
    assert said == ["user", "assistant"]
    assert hermes("sessions", "export", "--all", "out.jsonl").code == 0
    assert json.loads((tmp_path / "out.jsonl").read_text())["title"] == "Holiday plans"
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600
    assert hermes("sessions", "export", "--all", "out.jsonl").code == 2
    assert hermes("sessions", "delete", talked).code == 2
    assert hermes("sessions", "delete", talked, "-y").code == 0
    assert hermes("sessions", "show", talked).code == 1


def test_what_was_exported_can_be_imported_whole(hermes, talked, tmp_path):
    hermes("sessions", "rename", talked, "Trip")
    before = hermes("sessions", "export", talked).out
    (tmp_path / "talk.jsonl").write_text(before, encoding="utf-8")
    assert "0 conversations; 1 was here already" in hermes("sessions", "import", "talk.jsonl").out
    hermes("sessions", "delete", talked, "--yes")
    assert json.loads(hermes("sessions", "import", "talk.jsonl", "--json").out) == {"imported": [talked], "present": []}
    assert hermes("sessions", "export", talked).out == before
    assert hermes("chat", "-q", "and on", "--resume", "Trip").code == 0


def test_a_session_file_can_be_imported(hermes, talked, tmp_path):
    [file] = tmp_path.rglob("sessions/jsonl/*.jsonl")
    before = hermes("sessions", "export", talked).out
    file.rename(tmp_path / "aside.jsonl")
    assert "Imported 1 conversation." in hermes("sessions", "import", "aside.jsonl").out
    assert hermes("sessions", "export", talked).out == before


@pytest.mark.parametrize("line", ["[]", "{", '{"id": "x"}', '{"id": 1, "records": []}', '{"id": "x", "records": [1]}'])
def test_a_file_that_cannot_be_imported_changes_nothing(hermes, talked, tmp_path, line):
    good = hermes("sessions", "export", talked).out
    hermes("sessions", "delete", talked, "--yes")
    (tmp_path / "talk.jsonl").write_text(good + line + "\n", encoding="utf-8")
    done = hermes("sessions", "import", "talk.jsonl")
    assert done.code == 1
    assert "Line 2" in done.err
    assert json.loads(hermes("sessions", "list", "--json").out) == []


def test_sessions_are_searched(hermes, talked):
    assert talked in hermes("sessions", "search", "hello", "world").out
    [first, *_] = json.loads(hermes("sessions", "search", "hello", "--json").out)
    assert first["session_id"] == talked
    assert "hello" in first["excerpt"]
    assert "Nothing" in hermes("sessions", "search", "submarine").out


def test_old_sessions_are_pruned_by_age_and_surface(hermes, talked):
    assert "nothing to delete" in hermes("sessions", "prune", "--older-than", "1", "-y").out
    assert "1 conversation would be deleted" in hermes("sessions", "prune", "--older-than", "0", "--dry-run").out
    assert "nothing to delete" in hermes("sessions", "prune", "--older-than", "0", "--source", "cron", "-y").out
    assert hermes("sessions", "prune", "--older-than", "0").code == 2
    assert talked in hermes("sessions", "list").out
    assert "Deleted 1 conversation." in hermes("sessions", "prune", "--older-than", "0", "-y").out
    assert json.loads(hermes("sessions", "list", "--json").out) == []


def test_sessions_are_counted(hermes, talked):
    counted = json.loads(hermes("sessions", "stats", "--json").out)
    assert (counted["conversations"], counted["messages"], counted["sources"]) == (1, 2, {"cli": 1})
    assert "conversations" in hermes("sessions", "stats").out


def test_a_session_that_does_not_exist_is_one_line_with_a_remedy(hermes):
    done = hermes("sessions", "show", "nonsense")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("hermes: ")
    assert done.err.count("\n") == 1


def test_a_title_cannot_act_on_the_terminal(hermes, talked):
    hermes("sessions", "rename", talked, "evil \x1b[2J\u202e title")
    assert "\x1b" not in hermes("sessions", "list").out
    assert "\u202e" not in hermes("sessions", "show", talked).out


# ----------------------------------------------------------------------------------------------------------- tools


def test_tools_are_all_on_by_default(hermes):
    found = platform_tools(hermes)
    assert found["configured"] is None
    assert all(tool["on"] for tool in found["tools"])
    assert "5 of 5 tools on for cli (the default: all)" in hermes("tools").out


def test_tools_are_switched_by_name_and_by_toolset_for_each_surface(hermes):
    assert hermes("tools", "disable", "act").code == 0
    assert [tool["name"] for tool in platform_tools(hermes)["tools"] if not tool["on"]] == ["act"]
    assert all(tool["on"] for tool in platform_tools(hermes, "telegram")["tools"])
    assert "no tool 'act'" in hermes("chat", "-q", 'call act {"command": "date"}').out
    hermes("tools", "enable", "stubs")
    assert platform_tools(hermes)["configured"] == ["stubs"]


def test_an_empty_selection_means_none_and_absence_means_the_default(hermes):
    hermes("tools", "disable", "stubs")
    assert platform_tools(hermes)["configured"] == []
    assert "no tool 'ask'" in hermes("chat", "-q", "call ask {}").out
    hermes("tools", "reset")
    assert platform_tools(hermes)["configured"] is None


def test_an_unknown_tool_is_refused_and_nothing_changes(hermes):
    done = hermes("tools", "disable", "ask", "akt")
    assert done.code == 1
    assert "'act'" in done.err
    assert platform_tools(hermes)["configured"] is None


def test_a_name_whose_plugin_is_away_survives_a_change(hermes, home):
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text("platform_toolsets:\n  cli: [stubs, weather]\n")
    hermes("tools", "disable", "wait")
    assert "weather" in platform_tools(hermes)["configured"]


# ----------------------------------------------------------------------------------------------------------- model


def test_providers_are_listed_with_the_state_of_their_keys(hermes):
    found = {item["name"]: item for item in json.loads(hermes("model", "list", "--json").out)}
    assert found["stub"]["key"] == "not needed"
    assert found["stub"]["current"] is True
    assert (found["locked"]["key"], found["locked"]["secrets"]) == ("missing", ["STUB_LOCKED_KEY"])
    told = json.loads(hermes("model", "list", "--json", STUB_LOCKED_KEY="k-12345678").out)
    assert {item["name"]: item["key"] for item in told}["locked"] == "set"


def test_a_provider_is_asked_for_its_models(hermes):
    assert [info["id"] for info in json.loads(hermes("model", "list", "stub", "--json").out)] == ["one", "two"]
    assert hermes("model", "list", "stup").code == 1


def test_choosing_a_model_writes_it_down(hermes, home):
    assert hermes("model", "set", "stub:two").code == 0
    assert json.loads(hermes("model", "show", "--json").out) == {
        "provider": "stub",
        "model": "two",
        "origin": "file",
        "key": "not needed",
    }
    assert json.loads(hermes("chat", "-q", "hello", "--output-format", "json").out)["model"] == "stub:two"
    assert hermes("model", "set", "one").code == 0
    assert json.loads(hermes("model", "show", "--json").out)["model"] == "one"


@pytest.mark.parametrize("reference", ["nowhere:two", "stub:tvo"])
def test_what_does_not_exist_is_not_chosen(hermes, home, reference):
    done = hermes("model", "set", reference)
    assert done.code == 1
    assert not (home / "config.yaml").exists()


def test_a_missing_key_is_named_with_the_place_to_get_one(hermes):
    done = hermes("model", "set", "locked:two")
    assert done.code == 0
    assert "STUB_LOCKED_KEY" in done.out
    assert "https://keys.example" in done.out


def test_without_a_terminal_bare_model_lists_and_asks_nothing(hermes):
    assert "locked" in hermes("model").out


# --------------------------------------------------------------------------------------------------------- plugins


def test_plugins_are_listed_with_what_is_wrong_with_them(hermes):
    found = {
        item["name"]: item for item in json.loads(hermes("plugins", "list", "--json", HERMES_PLUGINS="stub,broken").out)
    }
    assert (found["stub"]["state"], found["stub"]["distribution"]) == ("loaded", "hermes-stub")
    assert found["stub"]["contributions"]["tools"] == ["act", "ask", "block", "cling", "wait"]
    assert found["broken"]["state"] == "failed"
    assert found["broken"]["problems"][0]["remedy"]
    text = hermes("plugins", HERMES_PLUGINS="stub,broken").out
    assert "broken" in text
    assert "hermes_stub.missing" in text


def test_a_plugin_is_shown_and_switched_off_and_on(hermes):
    assert "hermes_tools" in hermes("plugins", "show", "stub").out
    assert hermes("plugins", "disable", "stub").code == 0
    assert json.loads(hermes("plugins", "show", "stub", "--json").out)["state"] == "disabled"
    assert hermes("greet").code == 2
    assert hermes("plugins", "enable", "stub").code == 0
    assert hermes("greet").code == 0
    assert hermes("plugins", "disable", "host").code == 2
    assert "Did you mean 'stub'" in hermes("plugins", "show", "stubb").err


# ---------------------------------------------------------------------------------------------------------- doctor


def test_doctor_runs_every_check_alone_and_says_what_to_do(hermes):
    done = hermes("doctor", "--json")
    found = {item["name"]: item for item in json.loads(done.out)}
    assert done.code == 1
    assert found["fine"]["status"] == "ok"
    assert found["raises"]["status"] == "error"
    assert "out of order" in found["raises"]["detail"]
    assert {"hermes", "home", "settings", "plugins", "model", "sessions"} <= set(found)
    assert "✗ raises" in hermes("doctor").out


def test_doctor_is_content_where_nothing_is_wrong(hermes):
    done = hermes("doctor", HERMES_PLUGINS="stub", STUB_CHECKS="fine")
    assert (done.code, "0 errors" in done.out) == (0, True), done


def test_doctor_does_not_wait_for_a_check_that_hangs(hermes):
    done = hermes("doctor", "--json", "--timeout", "0.3", STUB_CHECKS="hangs")
    found = {item["name"]: item for item in json.loads(done.out)}
    assert "did not end within 0.3 s" in found["hangs"]["detail"]


def test_doctor_names_a_missing_key(hermes):
    hermes("model", "set", "locked:two")
    found = {item["name"]: item for item in json.loads(hermes("doctor", "--json").out)}
    assert found["model"]["status"] == "error"
    assert "STUB_LOCKED_KEY" in found["model"]["remedy"]


def test_doctor_sees_a_home_that_others_can_read_and_closes_it(hermes, home):
    home.mkdir(mode=0o755)
    (home / ".env").write_text("STUB_LOCKED_KEY=k-12345678\n")
    (home / ".env").chmod(0o644)
    home.chmod(0o755)
    found = {item["name"]: item for item in json.loads(hermes("doctor", "--json").out)}
    assert found["home"]["status"] == "warning"
    hermes("doctor", "--fix")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600


def test_wrong_settings_are_reported_and_nothing_else_stops(hermes, home):
    home.mkdir(mode=0o700)
    (home / "config.yaml").write_text("agent: {max_turns: many}\n")
    found = [item for item in json.loads(hermes("doctor", "--json").out) if item["name"] == "settings"]
    assert "agent.max_turns" in found[0]["detail"]
    assert hermes("chat", "-q", "hello").code == 0
