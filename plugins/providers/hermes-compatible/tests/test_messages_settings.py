"""What is asked of the Messages API beside the conversation: lengths, thinking, tools, and how vendors differ."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hermes_compatible.messages.body import BodyBuilder
from hermes_compatible.preset import Quirks

from hermes_host.messages import (
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    assistant_message,
    tool_message,
    user_message,
)
from hermes_host.protocols import ModelRequest, ModelSettings, ToolDefinition
from hermes_host.testing.model_server_messages_rules import breakpoints, signature_of, violation

TOOLS = (
    ToolDefinition(
        name="look", summary="Look.", parameters={"type": "object", "properties": {"p": {"type": "string"}}}
    ),
    ToolDefinition(name="go", summary="Go.", parameters={}),
)
OLD, NEW = "claude-sonnet-4-5-20250929", "claude-opus-5-5"


def body(
    *conversation: Message, quirks: Quirks | None = None, model: str = "m", valid: bool = True, **more: Any
) -> Any:
    builder = BodyBuilder(quirks or Quirks())
    wire = json.loads(builder.build(ModelRequest(model=model, messages=conversation, **more)))
    assert not valid or violation(wire) == ""
    return wire


def turns(*conversation: Message, **more: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    """The turns with their blocks, cache marks left out."""
    wire = body(*conversation, **more)["messages"]
    return [(turn["role"], [unmarked(block) for block in turn["content"]]) for turn in wire]


def unmarked(block: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if key != "cache_control"}


def call(id: str, **arguments: Any) -> ToolCall:
    return ToolCall(id=id, name="look", arguments=arguments, raw=json.dumps(arguments))


def result(id: str, text: str = "found", **more: Any) -> ToolResult:
    return ToolResult(call_id=id, name="look", content=(Text(text=text),), **more)


def thought(text: str = "hm", model: str = "m") -> Reasoning:
    return Reasoning(text=text, meta={"anthropic": {"model": model, "signature": signature_of(text)}})


def step(number: int, calls: int = 1, size: int = 300) -> list[Message]:
    made = [call(f"c{number}_{n}", p="ä" * n) for n in range(calls)]
    return [
        assistant_message(thought(f"step {number}"), "Let me see.", *made),
        tool_message(*(result(each.id, "x" * size) for each in made)),
    ]


# ------------------------------------------------------------------------------------------------------------- settings


def fields(model: str = "m", quirks: Quirks | None = None, tools: bool = False, **wishes: Any) -> Any:
    more: dict[str, Any] = {"tools": TOOLS} if tools else {}
    return body(user_message("x"), model=model, quirks=quirks, settings=ModelSettings(**wishes), **more)


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-opus-5-5", 128_000),
        ("claude-sonnet-4-5-20250929", 64_000),
        ("anthropic/claude-opus-4.6", 128_000),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 64_000),
        ("claude-opus-4-1-20250805", 32_000),
        ("claude-3-5-haiku-20241022", 8_192),
        ("claude-3-opus-20240229", 4_096),
        ("claude-something-new", 128_000),
        ("MiniMax-M2.7", 32_000),
        ("deepseek-chat", 32_000),
    ],
)
def test_max_tokens_is_always_there_and_never_above_what_the_model_can(model: str, limit: int) -> None:
    assert fields(model)["max_tokens"] == limit
    assert fields(model, max_output_tokens=1000)["max_tokens"] == 1000


def test_a_wish_above_the_known_limit_is_cut_and_above_a_guess_is_not() -> None:
    assert fields("claude-3-5-haiku-latest", max_output_tokens=50_000)["max_tokens"] == 8_192
    assert fields("unknown", max_output_tokens=50_000)["max_tokens"] == 50_000
    quirks = Quirks(max_output=8_000)
    assert fields("unknown", quirks)["max_tokens"] == 8_000
    assert fields("unknown", quirks, max_output_tokens=50_000)["max_tokens"] == 8_000


ADAPTIVE = {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "level", "thinking", "effort"),
    [
        (NEW, "", ADAPTIVE, None),
        (NEW, "minimal", ADAPTIVE, "low"),
        (NEW, "xhigh", ADAPTIVE, "xhigh"),
        (NEW, "none", ADAPTIVE, "low"),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
        ("claude-haiku-5-5", "none", {"type": "disabled"}, None),
        ("claude-opus-4-6", "", None, None),
        ("claude-opus-4-6", "xhigh", ADAPTIVE, "max"),
        ("claude-opus-4-6", "none", None, None),
        (OLD, "", None, None),
        (OLD, "minimal", {"type": "enabled", "budget_tokens": 2_000}, None),
        (OLD, "low", {"type": "enabled", "budget_tokens": 4_000}, None),
        (OLD, "medium", {"type": "enabled", "budget_tokens": 8_000}, None),
        (OLD, "high", {"type": "enabled", "budget_tokens": 16_000}, None),
        (OLD, "xhigh", {"type": "enabled", "budget_tokens": 32_000}, None),
        (OLD, "none", {"type": "disabled"}, None),
        ("claude-3-5-haiku-20241022", "high", None, None),
        ("MiniMax-M2.7", "high", None, None),
        ("MiniMax-M3", "high", {"type": "adaptive"}, None),
        ("MiniMax-M3", "none", {"type": "disabled"}, None),
        ("glm-5", "medium", {"type": "enabled", "budget_tokens": 8_000}, None),
    ],
)
def test_reasoning_has_the_form_the_model_knows(model: str, level: Any, thinking: Any, effort: Any) -> None:
    sent = fields(model, reasoning=level)
    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize(("limit", "budget"), [(40_000, 31_808), (6_000, 3_000), (2_000, None), (100, None)])
def test_thoughts_leave_room_for_the_answer(limit: int, budget: int | None) -> None:
    sent = fields(OLD, reasoning="xhigh", max_output_tokens=limit)
    assert sent.get("thinking", {}).get("budget_tokens") == budget


def test_a_budget_is_not_asked_for_amid_calls_that_were_made_without_thoughts() -> None:
    high = ModelSettings(reasoning="high")
    loop = [user_message("go"), assistant_message(call("a")), tool_message(result("a"))]
    assert "thinking" not in body(*loop, model=OLD, settings=high)
    assert body(*loop, model=NEW, settings=high)["thinking"]["type"] == "adaptive"
    thinking = [user_message("go"), assistant_message(thought(model=OLD), call("a")), tool_message(result("a"))]
    assert body(*thinking, model=OLD, settings=high)["thinking"]["type"] == "enabled"
    assert body(*loop, assistant_message("ok"), user_message("more"), model=OLD, settings=high)["thinking"]


def test_thoughts_that_no_longer_fit_are_dropped_where_the_vendor_can() -> None:
    quirks = Quirks(drops_unbound_thinking=True)
    assert fields(NEW, quirks)["thinking"]["block_binding"] == {"prefix_mismatch_behavior": "drop_block"}
    assert "block_binding" not in fields(NEW)["thinking"]
    assert "thinking" not in fields(OLD, quirks)


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [("m", 0.3, 0.3), ("m", 1.7, 1.0), ("MiniMax-M2.7", 0.0, 0.01), (NEW, 0.3, None), ("claude-opus-5", 0.3, None)],
)
def test_temperature_is_within_what_the_model_takes(model: str, asked: float, sent: float | None) -> None:
    assert fields(model, temperature=asked).get("temperature") == sent


def test_temperature_is_not_sent_together_with_thoughts() -> None:
    assert "temperature" not in fields(OLD, temperature=0.3, reasoning="high")


@pytest.mark.parametrize(
    ("model", "choice", "sent"),
    [
        ("m", "auto", None),
        ("m", "none", {"type": "none"}),
        ("m", "required", {"type": "any"}),
        (NEW, "required", None),
        (NEW, "none", {"type": "none"}),
    ],
)
def test_a_call_is_demanded_only_where_the_model_allows_it(model: str, choice: Any, sent: Any) -> None:
    assert fields(model, tools=True, tool_choice=choice).get("tool_choice") == sent
    assert "tool_choice" not in fields(model, tool_choice=choice), "a choice without tools is refused"


def test_a_demanded_call_and_thoughts_are_not_asked_for_together() -> None:
    sent = fields(OLD, tools=True, tool_choice="required", reasoning="high")
    assert sent["tool_choice"] == {"type": "any"}
    assert sent["thinking"] == {"type": "disabled"}


def test_tools_and_system_stand_before_the_messages() -> None:
    request = ModelRequest(model="m", messages=[user_message("x")], tools=TOOLS, system="Be brief.")
    sent = BodyBuilder(Quirks()).build(request)
    places = [sent.index(key) for key in (b'"model"', b'"tools"', b'"system"', b'"messages"', b'"max_tokens"')]
    assert places == sorted(places)
    wire = json.loads(sent)
    assert unmarked(wire["tools"][0]) == {"name": "look", "description": "Look.", "input_schema": TOOLS[0].parameters}
    assert wire["tools"][1]["input_schema"] == {"type": "object"}
    assert unmarked(wire["system"][0]) == {"type": "text", "text": "Be brief."}


# ---------------------------------------------------------------------------------- how vendors differ, as settings


def test_the_end_of_the_request_before_is_marked_each_time_where_that_is_wanted() -> None:
    conversation = [user_message("go"), *step(0), *step(1), *step(2)]
    quirks = Quirks(marks_two_ends=True)
    wire = body(*conversation, system="s", tools=TOOLS, quirks=quirks)
    marked = [position for position, turn in enumerate(wire["messages"]) if "cache_control" in turn["content"][-1]]
    assert (marked, breakpoints(wire)) == ([4, 6], 4)
    before = body(*conversation[:-2], system="s", tools=TOOLS, quirks=quirks)
    for sent in (before, wire):
        for turn in sent["messages"]:
            turn["content"] = [unmarked(block) for block in turn["content"]]
    assert wire["messages"][: len(before["messages"])] == before["messages"]


def test_prompts_may_be_kept_for_an_hour() -> None:
    wire = body(user_message("x"), system="s", quirks=Quirks(cache_lifetime="1h"))
    assert wire["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_thoughts_may_come_without_their_text() -> None:
    assert fields(NEW, Quirks(thinking_display="omitted"))["thinking"]["display"] == "omitted"


def test_not_thinking_is_said_by_silence_where_that_is_enough() -> None:
    assert "thinking" not in fields(OLD, Quirks(disables_budgets=False), reasoning="none")


def test_a_gateway_that_translates_is_asked_for_any_model_as_for_claude_s() -> None:
    sent = fields("MiniMax-M3", Quirks(translates=True), reasoning="high")
    assert sent["thinking"] == {"type": "enabled", "budget_tokens": 16_000}
    assert fields(NEW, Quirks(translates=True), reasoning="high") == fields(NEW, reasoning="high")


def test_a_call_that_cannot_be_demanded_may_be_asked_for_as_auto() -> None:
    sent = fields(NEW, Quirks(says_auto=True), tools=True, tool_choice="required")
    assert sent["tool_choice"] == {"type": "auto"}


def test_a_paused_answer_stands_at_the_end_of_the_request_that_continues_it() -> None:
    request = ModelRequest(model="m", messages=[user_message("go")])
    blocks = [{"type": "text", "text": "Let me search."}]
    wire = json.loads(BodyBuilder(Quirks()).build(request, blocks))
    assert [turn["role"] for turn in wire["messages"]] == ["user", "assistant"]
    assert wire["messages"][1]["content"] == blocks


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("claude-fable-5-20260701", "claude-fable-5"),
        ("claude-fable-5-1-20260701", "claude-fable-5.1"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-4-5-20251101", "claude-opus-4-5"),
        ("claude-opus-55", "claude-something-new"),
        ("minimax-m2.7-lightning", "MiniMax-M2"),
    ],
)
def test_a_dated_name_is_its_model_s_and_no_longer_number_is(model: str, same_as: str) -> None:
    def sent(name: str) -> Any:
        made = fields(name, Quirks(drops_unbound_thinking=True), reasoning="high", tools=True, tool_choice="required")
        return {key: value for key, value in made.items() if key != "model"}

    assert sent(model) == sent(same_as)
