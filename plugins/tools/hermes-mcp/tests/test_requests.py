"""What servers may ask of us: nothing, until it is allowed."""

from __future__ import annotations

import json

import pytest

from hermes_host.messages import text_of
from hermes_host.testing import ScriptedQuestioner


async def ask(bench, host, what, *answers, more_steps=(), **more):
    questioner = ScriptedQuestioner(*answers)
    result = await bench.call(host, "mcp_it_go", x=what, more_steps=more_steps, more={"questioner": questioner, **more})
    return json.loads(text_of(result.content)), questioner.questions


@pytest.mark.parametrize("what", ["sampling/createMessage", "elicitation/create"])
async def test_nothing_is_answered_before_it_is_allowed(bench, entry, what):
    host = await bench.open(it=entry("by_hand", "asks"))
    answer, questions = await ask(bench, host, what, "Allow once")
    assert "code" in answer
    assert questions == []


async def test_a_person_is_asked_before_the_model_is(bench, entry):
    host = await bench.open(it=entry("by_hand", "asks", sampling={"enabled": True, "max_tokens_cap": 500}))
    answer, (question,) = await ask(bench, host, "sampling/createMessage", "Allow once", more_steps=("Lima.",))
    assert answer["content"]["text"] == "Lima."
    assert "What is the capital of Peru?" in question.text
    request = bench.model_of(host).requests[1]
    assert request.purpose == "mcp_sampling"
    assert request.settings.max_output_tokens == 500
    refused, _ = await ask(bench, host, "sampling/createMessage", "Deny")
    assert "did not allow" in refused["message"]
    silent, _ = await ask(bench, host, "sampling/createMessage", None)
    assert "did not allow" in silent["message"]


async def test_requests_to_the_model_are_counted(bench, entry):
    host = await bench.open(it=entry("by_hand", "asks", sampling={"enabled": True, "ask": False, "max_rpm": 1}))
    answer, _ = await ask(bench, host, "sampling/createMessage", more_steps=("Lima.",))
    assert answer["content"]["text"] == "Lima."
    refused, _ = await ask(bench, host, "sampling/createMessage")
    assert "More than 1 requests in a minute" in refused["message"]


async def test_the_user_answers_field_by_field(bench, entry):
    host = await bench.open(it=entry("by_hand", "asks", elicitation={"enabled": True}))
    answer, questions = await ask(bench, host, "elicitation/create", "Ada", "young", "36", "yes")
    assert answer == {"action": "accept", "content": {"name": "Ada", "age": 36, "tea": True}}
    assert "do not give it passwords" in questions[0].text
    assert "'young' is not one of the answers" in questions[2].text
    declined, _ = await ask(bench, host, "elicitation/create", "Ada", "Decline")
    assert declined["action"] == "decline"
    silent, _ = await ask(bench, host, "elicitation/create", None)
    assert silent["action"] == "cancel"


async def test_time_a_person_takes_does_not_count_against_the_call(bench, entry):
    import asyncio

    class Slow(ScriptedQuestioner):
        async def ask(self, question):
            await asyncio.sleep(0.8)  # the thing that is tested: a person who takes longer than the limit
            return await super().ask(question)

    host = await bench.open(it=entry("by_hand", "asks", elicitation={"enabled": True}, timeout=0.6))
    result = await bench.call(host, "mcp_it_go", x="elicitation/create", more={"questioner": Slow("Decline")})
    assert json.loads(text_of(result.content))["action"] == "decline"


async def test_the_working_directory_is_told_unless_that_is_switched_off(bench, entry, tmp_path):
    host = await bench.open(it=entry("by_hand", "asks"))
    answer, _ = await ask(bench, host, "roots/list", directory=str(tmp_path))
    assert answer == {"roots": [{"uri": tmp_path.as_uri()}]}
    silent = await bench.open(it=entry("by_hand", "asks", roots=False))
    refused, _ = await ask(bench, silent, "roots/list", directory=str(tmp_path))
    assert "code" in refused
