"""What the log of a conversation says about a turn that was cut off."""

from __future__ import annotations

import pytest
from hermes_gateway.admission import Admitted
from hermes_gateway.recovery import look, resumption
from hermes_gateway.turn_rows import Claim

from hermes_host.messages import Message, Text, ToolCall, assistant_message, user_message
from hermes_host.protocols import Address, Inbound, Sender
from hermes_host.records import SessionRecord
from hermes_host.testing import StandInHost

ITEM = Admitted(
    7,
    "testing:direct:c1",
    Inbound(update="1", address=Address(platform="testing", chat="c1"), sender=Sender(id="u1"), text="hello"),
)


@pytest.fixture
def found(tmp_path):
    host = StandInHost(tmp_path)

    def find(*messages, ends=""):
        asked = Message(role="user", parts=(Text(text="hello"),), meta={"gateway": {"updates": [7], "turn": 3}})
        writer = host.sessions.create(source="testing")
        records = [
            SessionRecord(kind="message", id=f"r{number}", time=1.0, turn_id="t", message=message)
            for number, message in enumerate([asked, *messages])
        ]
        if ends:
            records.append(SessionRecord(kind="turn_finished", id="end", time=2.0, turn_id="t", outcome=ends))
        writer.append(*records)
        writer.close()
        claim = Claim(id=3, conversation="testing:direct:c1", fence=1, session=writer.info.id)
        return claim, look(host, claim, [ITEM])

    return find


@pytest.mark.parametrize("ends", ["", "interrupted"])
def test_an_answer_that_is_whole_in_the_log_is_delivered_as_it_is(found, ends):
    _, state = found(user_message("more"), assistant_message("the answer"), ends=ends)
    assert (state.state, state.text, state.outcome) == ("over", "the answer", "completed")


def test_a_turn_that_was_calling_a_tool_goes_on(found):
    claim, state = found(assistant_message(ToolCall(id="c", name="work", arguments={})))
    assert state.state == "begun"
    assert "not been delivered" not in resumption(claim, state).text


def test_the_agent_is_told_that_an_answer_was_cut_off_in_the_middle(found):
    partial = Message(role="assistant", parts=(Text(text="the ans"),), incomplete=True)
    claim, state = found(partial, ends="interrupted")
    assert state.state == "begun"
    assert "not been delivered: give it again" in resumption(claim, state).text


def test_the_answers_of_later_turns_are_not_taken_for_that_of_one_that_was_laid_aside(found):
    other = Message(role="user", parts=(Text(text="later"),), meta={"gateway": {"updates": [8], "turn": 4}})
    call = assistant_message(ToolCall(id="c", name="work", arguments={}))
    claim, state = found(call, other, assistant_message("a later answer"))
    assert (state.state, state.later) == ("begun", True)
    text = resumption(claim, state).text
    assert "an earlier message, which is repeated here" in text
    assert text.endswith("hello")
    _, state = found(assistant_message("its own answer"), other, assistant_message("a later answer"))
    assert (state.state, state.text) == ("over", "its own answer")
