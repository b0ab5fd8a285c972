"""How much a model may write and think: the fields of a request that stand after the messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_compatible.messages.limits import DEFAULT_MAX_OUTPUT, ModelLimits, limits_of

if TYPE_CHECKING:
    from hermes_compatible.preset import Quirks
    from hermes_host.protocols import ModelRequest

__all__ = ["BINDING_BETA", "generation_fields"]

BINDING_BETA = "thinking-binding-controls-2026-08-01"
"""Lets a request say that thoughts which no longer fit are dropped instead of refused. See
https://platform.claude.com/docs/en/build-with-claude/preserved-thinking."""

_BUDGETS = {"minimal": 2_000, "low": 4_000, "medium": 8_000, "high": 16_000, "xhigh": 32_000}
_LEAST_BUDGET = 1_024
_ANSWER_ROOM = 8_192
"""Tokens kept for the answer beside the thoughts, where the limit allows for both."""


def generation_fields(request: ModelRequest, quirks: Quirks, *, amid_calls: bool = False) -> dict[str, Any]:
    """`max_tokens`, `thinking`, `output_config`, `temperature` and `tool_choice`, as the model takes them.

    `amid_calls` says that calls are being answered which were made without thoughts; a budget is refused there.
    """
    limits, settings = limits_of(request.model, translated=quirks.translates), request.settings
    most = limits.max_output or quirks.max_output
    wanted = settings.max_output_tokens or most or DEFAULT_MAX_OUTPUT
    fields: dict[str, Any] = {"max_tokens": min(wanted, most) if most else wanted}
    demanded = bool(request.tools) and settings.tool_choice == "required"
    forced = demanded and limits.forced_calls
    # Thoughts and a forced call exclude each other.
    reasoning = "none" if forced and limits.off != "never" else settings.reasoning
    if limits.thinking == "adaptive":
        fields.update(_adaptive(limits, reasoning, quirks))
    elif limits.thinking == "budget" and reasoning == "none":
        fields.update({"thinking": {"type": "disabled"}} if quirks.disables_budgets else {})
    elif limits.thinking == "budget" and not amid_calls:
        fields.update(_budget(fields["max_tokens"], reasoning))
    thinks = fields.get("thinking", {}).get("type") in ("adaptive", "enabled")
    if settings.temperature is not None and limits.temperature is not None and not thinks:
        least, largest = limits.temperature
        fields["temperature"] = min(largest, max(least, settings.temperature))
    if forced:
        fields["tool_choice"] = {"type": "any"}
    elif request.tools and settings.tool_choice == "none":
        fields["tool_choice"] = {"type": "none"}
    elif demanded and quirks.says_auto:
        fields["tool_choice"] = {"type": "auto"}
    return fields


def _adaptive(limits: ModelLimits, reasoning: str, quirks: Quirks) -> dict[str, Any]:
    thinking: dict[str, Any] = {"type": "adaptive"}
    if limits.efforts:
        # Claude's newer models keep their thoughts to themselves where this is not said.
        thinking["display"] = quirks.thinking_display
    if limits.bound_thinking and quirks.drops_unbound_thinking:
        thinking["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
    if not reasoning:
        return {"thinking": thinking} if limits.thinks_unasked else {}
    if reasoning != "none":
        return {"thinking": thinking, **_effort(limits, reasoning)}
    if limits.off == "never":
        return {"thinking": thinking, **_effort(limits, "low")}
    return {} if limits.off == "omit" else {"thinking": {"type": limits.off}}


def _effort(limits: ModelLimits, reasoning: str) -> dict[str, Any]:
    if not limits.efforts:
        return {}
    if reasoning == "xhigh":
        return {"output_config": {"effort": "xhigh" if "xhigh" in limits.efforts else limits.efforts[-1]}}
    return {"output_config": {"effort": "low" if reasoning == "minimal" else reasoning}}


def _budget(limit: int, reasoning: str) -> dict[str, Any]:
    """A budget that leaves room for the answer; none where the limit is too small for both."""
    budget = min(_BUDGETS.get(reasoning, 0), limit - min(_ANSWER_ROOM, limit // 2))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _LEAST_BUDGET else {}
