import pytest

from hermes_host.events import ToolFinished
from hermes_host.frontends import SlashCall
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing.hosts import StandInHost, events_of, finished


def call(**arguments):
    return assistant_message(ToolCall(id="call", name="todo", arguments=arguments))


def item(id, content, status="pending"):
    return {"id": id, "content": content, "status": status}


THREE = [item("1", "Parse", "completed"), item("2", "Test", "in_progress"), item("3", "Document")]


@pytest.fixture
async def host(tmp_path):
    async with StandInHost(tmp_path / "home", plugins=["planning"]) as host:
        yield host


async def results(host, session, *calls):
    """What each call gave, one turn with all of them."""
    host.provider.steps = [*calls, "done"]
    events = await events_of(session.run("go"))
    assert finished(events).outcome == "completed"
    return [event.result for event in events if isinstance(event, ToolFinished)]


@pytest.fixture
async def session(host):
    host.provider = host.script()
    return await host.start()


def text(result):
    return "".join(part.text for part in result.content)


async def slash(session, arguments=""):
    command = session.host.slash_commands.get("todo")
    handler = session.host.target(command, command.spec.target)
    return await handler(SlashCall(name="todo", arguments=arguments, host=session.host, session=session))


async def test_the_whole_list_comes_back_with_its_counts(host, session):
    (result,) = await results(host, session, call(todos=THREE))
    assert text(result) == ("[x] 1: Parse\n[>] 2: Test\n[ ] 3: Document\n1 of 3 completed, 1 in_progress, 1 pending")
    assert not result.is_error


async def test_without_todos_the_list_is_shown(host, session):
    empty, _, shown = await results(host, session, call(), call(todos=THREE), call())
    assert text(empty) == "The list is empty."
    assert "[>] 2: Test" in text(shown)


async def test_a_new_list_replaces_the_old_one(host, session):
    _, second = await results(host, session, call(todos=THREE), call(todos=[item("a", "Rest")]))
    assert text(second) == "[ ] a: Rest\n0 of 1 completed, 1 pending"


async def test_merging_changes_the_named_items_and_adds_new_ones(host, session):
    changes = [{"id": "2", "status": "completed"}, {"id": "3", "content": "Explain"}, {"id": "4", "content": "Ship"}]
    _, second = await results(host, session, call(todos=THREE), call(todos=changes, merge=True))
    assert text(second).splitlines()[:4] == ["[x] 1: Parse", "[x] 2: Test", "[ ] 3: Explain", "[ ] 4: Ship"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"todos": [item("1", "a"), item("1", "b")]}, "twice"),
        ({"todos": [{"id": "9"}], "merge": True}, "no content"),
        ({"todos": [item("9", " \n\u200b")]}, "no content"),
        ({"todos": [item("1", "a", "doing")]}, "status"),
        ({"todos": [item("1", "x" * 501)]}, "500"),
        ({"todos": [item(str(number), "x") for number in range(101)]}, "100"),
        ({"todos": [item(f"n{number}", "x") for number in range(98)], "merge": True}, "100 are the most"),
        ({"todos": "all"}, "todos"),
        ({"list": []}, "list"),
    ],
)
async def test_a_list_that_makes_no_sense_is_refused_and_changes_nothing(host, session, bad, words):
    _, refused, after = await results(host, session, call(todos=THREE), call(**bad), call())
    assert refused.is_error
    assert words in text(refused)
    assert text(after).endswith("1 of 3 completed, 1 in_progress, 1 pending")


async def test_a_long_item_is_kept_whole(host, session):
    (result,) = await results(host, session, call(todos=[item("1", "x" * 500)]))
    assert "x" * 500 in text(result)


async def test_more_than_one_item_in_progress_is_allowed_and_remarked_on(host, session):
    (result,) = await results(host, session, call(todos=[item(name, "x", "in_progress") for name in "ab"]))
    assert not result.is_error
    assert "one item in_progress at a time" in text(result)


async def test_an_item_is_one_line_of_plain_characters(host, session):
    (result,) = await results(host, session, call(todos=[item("1", "two\nlines\x1b[31m \u202ered")]))
    assert len(text(result).splitlines()) == 2
    assert text(result).startswith("[ ] 1: two lines")
    assert "\x1b" not in text(result)
    assert "\u202e" not in text(result)


async def test_the_list_survives_a_restart(host, session, tmp_path):
    await results(host, session, call(todos=THREE))
    await session.close()
    async with StandInHost(tmp_path / "home", plugins=["planning"]) as other:
        other.provider = other.script()
        again = await other.resume(session.id)
        (result,) = await results(other, again, call(todos=[{"id": "3", "status": "cancelled"}], merge=True))
        assert text(result).endswith("1 of 3 completed, 1 in_progress, 1 cancelled")


async def test_two_conversations_have_two_lists(host, session):
    other = await host.start()
    await results(host, session, call(todos=THREE))
    (result,) = await results(host, other, call())
    assert text(result) == "The list is empty."


async def test_people_see_and_clear_the_list_with_hermes_slash_commands(host, session):
    assert await slash(session) == "The todo list is empty."
    await results(host, session, call(todos=THREE))
    assert await slash(session) == ("- ☑ Parse\n- ▶ Test\n- ☐ Document\n\n1 of 3 completed, 1 in_progress, 1 pending")
    assert "Usage" in await slash(session, "delete")
    assert "empty" in await slash(session, "clear")
    (result,) = await results(host, session, call())
    assert text(result) == "The list is empty."


async def test_a_list_of_another_version_is_no_obstacle(host, session):
    session.context.record("planning.todo", {"todos": [{"name": "x"}]})
    (result,) = await results(host, session, call(todos=THREE, merge=True))
    assert text(result).startswith("[x] 1: Parse")
