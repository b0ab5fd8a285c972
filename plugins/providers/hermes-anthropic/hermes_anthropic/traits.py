"""What the models can do that a request must respect, as data.

Sources: https://platform.claude.com/docs/en/about-claude/models/overview and the pages on thinking, effort and
preserved thinking, as of November 2026. A model is found by the longest beginning of its name, so that dated names
share an entry with their alias.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["ModelTraits", "traits_of"]

Effort = Literal["low", "medium", "high", "xhigh", "max"]

_LOW_TO_HIGH: tuple[Effort, ...] = ("low", "medium", "high")
_WITH_MAX: tuple[Effort, ...] = (*_LOW_TO_HIGH, "max")
_ALL: tuple[Effort, ...] = (*_LOW_TO_HIGH, "xhigh", "max")


class ModelTraits(msgspec.Struct, frozen=True, kw_only=True):
    """One model's limits."""

    max_output: int
    """The most that `max_tokens` may be."""
    thinking: Literal["none", "budget", "adaptive"] = "adaptive"
    """No thinking; thinking with a budget in tokens; thinking as much as the model deems right, steered by effort."""
    efforts: tuple[Effort, ...] = ()
    thinks_unasked: bool = False
    off: Literal["omit", "disabled", "between_tools", "never"] = "omit"
    """How thinking is switched off: by not asking for it, by a `type` of its own, or not at all."""
    binds_thinking: bool = False
    """Whether thoughts sent back are refused when what stood before them has changed, as after a compression."""
    sampling: bool = True
    """Whether `temperature` may be set."""
    forced_tools: bool = True
    """Whether a call can be demanded (`tool_choice` of type `any`)."""


_CURRENT = ModelTraits(
    max_output=128_000,
    efforts=_ALL,
    thinks_unasked=True,
    off="never",
    binds_thinking=True,
    sampling=False,
    forced_tools=False,
)
_FIFTH = ModelTraits(max_output=128_000, efforts=_ALL, thinks_unasked=True, off="disabled", sampling=False)
_LATE_FOURTH = ModelTraits(max_output=128_000, efforts=_ALL, sampling=False)
_BUDGET = ModelTraits(max_output=64_000, thinking="budget")

_TRAITS: dict[str, ModelTraits] = {
    "claude-fable-5-1": _CURRENT,
    "claude-fable-5-2": _CURRENT,
    "claude-mythos-5-1": _CURRENT,
    "claude-mythos-5-2": _CURRENT,
    "claude-opus-5-5": _CURRENT,
    "claude-sonnet-5-5": msgspec.structs.replace(_CURRENT, off="between_tools"),
    "claude-haiku-5-5": msgspec.structs.replace(_CURRENT, off="disabled"),
    "claude-fable-5": msgspec.structs.replace(_CURRENT, binds_thinking=False),
    "claude-mythos-5": msgspec.structs.replace(_CURRENT, binds_thinking=False),
    "claude-opus-5": _FIFTH,
    "claude-sonnet-5": _FIFTH,
    "claude-mythos-preview": ModelTraits(max_output=128_000, efforts=_WITH_MAX),
    "claude-opus-4-8": _LATE_FOURTH,
    "claude-opus-4-7": _LATE_FOURTH,
    "claude-opus-4-6": ModelTraits(max_output=128_000, efforts=_WITH_MAX),
    "claude-sonnet-4-6": ModelTraits(max_output=64_000, efforts=_WITH_MAX),
    "claude-opus-4-5": _BUDGET,
    "claude-sonnet-4": _BUDGET,
    "claude-haiku-4": _BUDGET,
    "claude-opus-4": msgspec.structs.replace(_BUDGET, max_output=32_000),
    "claude-3-7": _BUDGET,
    "claude-3-5": ModelTraits(max_output=8_192, thinking="none"),
    "claude-3": ModelTraits(max_output=4_096, thinking="none"),
    # A model newer than this table is most like the newest in it; what it may not know is left out.
    "claude-": msgspec.structs.replace(_CURRENT, binds_thinking=False),
    # Other vendors' models behind the same wire format.
    "": ModelTraits(max_output=32_000, thinking="budget"),
}
_BY_LENGTH = sorted(_TRAITS, key=len, reverse=True)


def traits_of(model: str) -> ModelTraits:
    """The traits of a model; stated assumptions for one that is not in the table."""
    name = model.rpartition("/")[2].lower().replace(".", "-")
    name = name[max(0, name.find("claude-")) :]
    return _TRAITS[next(prefix for prefix in _BY_LENGTH if name.startswith(prefix))]
