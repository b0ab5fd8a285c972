import pytest

from hermes_host.events import ApprovalRequested, ToolFinished
from hermes_host.messages import ToolCall, assistant_message
from hermes_host.testing.hosts import ScriptedQuestioner, StandInHost, events_of, finished


async def asked(tmp_path, questioner, arguments, *, deadline=None, overrides=None):
    """The result of one `clarify` call."""
    options = {"overrides": overrides} if overrides else {}
    async with StandInHost(tmp_path / "home", plugins=["planning"], **options) as host:
        host.script(assistant_message(ToolCall(id="call", name="clarify", arguments=arguments)), "done")
        session = await host.start(questioner=questioner)
        events = await events_of(session.run("go", deadline=deadline))
    assert finished(events).outcome == "completed"
    assert not [event for event in events if isinstance(event, ApprovalRequested)]
    (result,) = [event.result for event in events if isinstance(event, ToolFinished)]
    return result


def text(result):
    return "".join(part.text for part in result.content)


async def test_the_answer_goes_to_the_model_as_the_users_words(tmp_path):
    questioner = ScriptedQuestioner("the blue one")
    result = await asked(tmp_path, questioner, {"question": " Which? ", "choices": ["red", "blue ", "red"]})
    assert text(result) == "The user answered: the blue one"
    assert result.provenance == "owner"
    (question,) = questioner.questions
    assert (question.text, question.choices, question.timeout) == ("Which?", ("red", "blue"), 120.0)


@pytest.mark.parametrize("questioner", [None, ScriptedQuestioner(None), ScriptedQuestioner("  ")])
async def test_without_an_answer_the_model_is_told_to_decide_and_to_say_so(tmp_path, questioner):
    result = await asked(tmp_path, questioner, {"question": "Which?"})
    assert result.is_error
    assert "Decide yourself" in text(result)
    assert "what you assumed" in text(result)


async def test_the_time_to_answer_is_a_setting(tmp_path):
    questioner = ScriptedQuestioner("yes")
    await asked(tmp_path, questioner, {"question": "Sure?"}, overrides={"clarify": {"timeout": 7}})
    assert questioner.questions[0].timeout == 7


async def test_nobody_is_asked_for_longer_than_the_turn_lasts(tmp_path):
    questioner = ScriptedQuestioner("yes")
    await asked(tmp_path, questioner, {"question": "Sure?"}, deadline=30)
    assert 0 < questioner.questions[0].timeout <= 30


@pytest.mark.parametrize(
    "arguments",
    [
        {"question": "Which?", "choices": ["a", "b", "c", "d", "e"]},
        {"question": ""},
        {"question": " "},
        {"question": "x" * 2001},
        {"choices": ["a"]},
        {"question": "Which?", "choices": "a"},
    ],
)
async def test_a_question_that_makes_no_sense_reaches_nobody(tmp_path, arguments):
    questioner = ScriptedQuestioner("yes")
    result = await asked(tmp_path, questioner, arguments)
    assert result.is_error
    assert questioner.questions == []
