"""What the plugin costs. Bounds are wide, for slow machines; the README has measured figures."""

from __future__ import annotations

import time

import pytest
from hermes_compress.conversation import Conversation

from hermes_host.messages import assistant_message, user_message
from hermes_host.protocols import ModelRequest


@pytest.fixture
def settings():
    return {"compression.context": 400_000}


def fill(talk, kit, count=500):
    for index in range(count):
        talk.add(user_message(f"Please look at part {index}. " + "Some words. " * 20))
        talk.add(*kit.step(f"c{index}", "read_file", f"line {index} of the file\n" * 60, path=f"part{index}.py"))
        talk.add(assistant_message("It is fine. " * 30))


async def test_two_thousand_messages_are_compacted_in_a_fifth_of_a_second(talk, kit):
    fill(talk, kit)
    await talk.session.prepare()
    began = time.perf_counter()
    answer = await talk.command()
    ended = time.perf_counter()
    assert answer.startswith("Compacted ")
    print(f"{(ended - began) * 1000:.1f} ms")
    assert len(talk.session.messages) == 2_000
    assert ended - began < 0.6


async def test_a_request_that_is_not_compacted_costs_next_to_nothing(talk, kit):
    fill(talk, kit)
    messages = list(talk.session.messages)
    conversation = Conversation.of(talk.session)
    conversation.follow(tuple(messages))
    took = []
    for _ in range(200):
        talk.add(user_message("more"))
        messages.append(talk.session.messages[-1])
        request = ModelRequest(provider="scripted", model="scripted", messages=tuple(messages), session_id="x")
        began = time.perf_counter()
        conversation.follow(request.messages)
        conversation.tokens(request)
        conversation.request(request)
        took.append(time.perf_counter() - began)
    took.sort()
    print(f"{took[100] * 1e6:.1f} µs")
    assert took[100] < 0.0002
