"""How much a model may think and write: `max_tokens`, `thinking`, `output_config` and `temperature` of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_anthropic.traits import ModelTraits, traits_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_host.protocols import ModelSettings

__all__ = ["BINDING_BETA", "betas_of", "generation_fields"]

BINDING_BETA = "thinking-binding-controls-2026-08-01"
"""Lets a request say that thoughts which no longer fit are dropped instead of refused."""

_BUDGETS = {"minimal": 2_000, "low": 4_000, "medium": 8_000, "high": 16_000, "xhigh": 32_000}
_LEAST_BUDGET = 1_024
_ROOM = 8_192
"""Tokens left for the answer beside the thoughts, where the limit allows for both."""


def generation_fields(
    model: str, settings: ModelSettings, *, display: str, tools: bool, bind: bool = False
) -> dict[str, Any]:
    """The fields of the request body. `display` says how thoughts are shown, `bind` whether the beta may be used."""
    traits = traits_of(model)
    limit = min(settings.max_output_tokens or traits.max_output, traits.max_output)
    forced = tools and settings.tool_choice == "required" and traits.forced_tools
    # The API demands a choice between forced calls and thoughts.
    reasoning = "none" if forced and traits.off != "never" else settings.reasoning
    fields: dict[str, Any] = {"max_tokens": limit}
    if traits.thinking == "adaptive":
        fields.update(_adaptive(traits, reasoning, display, bind))
    elif traits.thinking == "budget":
        fields.update(_budget(limit, reasoning))
    thinks = fields.get("thinking", {}).get("type") in ("enabled", "adaptive")
    if settings.temperature is not None and traits.sampling and not thinks:
        fields["temperature"] = min(1.0, settings.temperature)
    if tools and settings.tool_choice != "auto":
        kind = "any" if forced else "auto" if settings.tool_choice == "required" else "none"
        fields["tool_choice"] = {"type": kind}
    return fields


def betas_of(model: str, betas: Iterable[str], *, bind: bool) -> list[str]:
    """The betas a request to `model` names, with those the user set; `bind` as in `generation_fields`."""
    return [*betas, BINDING_BETA] if bind and traits_of(model).binds_thinking else [*betas]


def _adaptive(traits: ModelTraits, reasoning: str, display: str, bind: bool) -> dict[str, Any]:
    thinking: dict[str, Any] = {"type": "adaptive", "display": display}
    if bind and traits.binds_thinking:
        thinking["block_binding"] = {"prefix_mismatch_behavior": "drop_block"}
    if not reasoning:
        return {"thinking": thinking} if traits.thinks_unasked else {}
    if reasoning != "none":
        return {"thinking": thinking, "output_config": {"effort": _effort(traits, reasoning)}}
    if traits.off == "never":
        return {"thinking": thinking, "output_config": {"effort": traits.efforts[0]}}
    return {} if traits.off == "omit" else {"thinking": {"type": traits.off}}


def _effort(traits: ModelTraits, reasoning: str) -> str:
    if reasoning == "xhigh":
        return next(effort for effort in ("xhigh", "max", "high") if effort in traits.efforts)
    return "low" if reasoning == "minimal" else reasoning


def _budget(limit: int, reasoning: str) -> dict[str, Any]:
    wanted = _BUDGETS.get(reasoning, 0)
    budget = min(wanted, limit - min(_ROOM, limit // 2))
    return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _LEAST_BUDGET else {}
