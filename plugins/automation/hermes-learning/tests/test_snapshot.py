"""What a review is shown."""

from __future__ import annotations

from hermes_learning.experience import Entry
from hermes_learning.snapshot import snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.messages import (
    Media,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant_message,
    text_of,
    tool_message,
    user_message,
)


def entries(*messages):
    return [Entry(f"r{number}", message) for number, message in enumerate(messages)]


def step(number, size=10, failed=False):
    call = ToolCall(id=f"c{number}", name="work", arguments={"n": number, "text": "x" * size})
    result = ToolResult(call_id=f"c{number}", name="work", content=(Text(text="y" * size),), is_error=failed)
    return assistant_message(Reasoning(text="hm"), call), tool_message(result)


def test_long_results_are_cut_and_failures_keep_more():
    cut = snapshot(
        entries(user_message("Go."), *step(1, 9_000), *step(2, 9_000, failed=True), assistant_message("Done.")), 60_000
    )
    parts = [part for message in cut.messages for part in message.parts]
    sizes = [len(text_of(part.content)) for part in parts if isinstance(part, ToolResult)]
    assert sizes[0] < 1_000 < sizes[1] < 2_000


def test_thoughts_and_pictures_are_left_out():
    picture = Media(kind="image", mime="image/png", data=b"1234", name="cat.png")
    cut = snapshot(entries(user_message("Look.", picture), *step(1), assistant_message("A cat.")), 60_000)
    kinds = {type(part) for message in cut.messages for part in message.parts}
    assert kinds == {Text, ToolCall, ToolResult}
    assert "[image cat.png]" in cut.messages[0].text


def test_what_is_open_at_the_end_is_left_for_the_next_review():
    call, _ = step(1)
    cut = snapshot(entries(user_message("A"), assistant_message("B"), user_message("C"), call), 60_000)
    assert [message.text for message in cut.messages] == ["A", "B"]
    assert cut.through == "r1"
    assert snapshot(entries(user_message("A")), 60_000).messages == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20_000)), min_size=1, max_size=40),
    st.integers(4_000, 60_000),
)
def test_it_keeps_to_its_size_and_never_parts_a_call_from_its_result(turns, limit):
    messages = []
    for number, (steps, size) in enumerate(turns):
        messages.append(user_message("u" * size))
        for each in range(steps):
            messages += step(number * 10 + each, size)
        messages.append(assistant_message("a" * (size // 2)))
    cut = snapshot(entries(*messages), limit)
    assert cut.through == f"r{len(messages) - 1}"
    assert cut.messages[0].role == "user"
    assert sum(len(str(message.parts)) for message in cut.messages) < limit * 6 + 20_000
    open_calls = set()
    for message in cut.messages:
        results = {part.call_id for part in message.parts if isinstance(part, ToolResult)}
        assert results == (open_calls if message.role == "tool" else set())
        open_calls = {call.id for call in message.tool_calls}
    assert not open_calls
