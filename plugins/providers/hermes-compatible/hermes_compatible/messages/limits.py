"""What a request must respect of each model, as data.

Sources: https://platform.claude.com/docs/en/models and the pages on thinking and effort, and
https://platform.minimax.io/docs/api-reference/text-anthropic-api. A model is found by the longest beginning of its
name, up to the end of a word or number, so that dated names share an entry.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

__all__ = ["DEFAULT_MAX_OUTPUT", "ModelLimits", "limits_of"]

DEFAULT_MAX_OUTPUT = 32_000
"""`max_tokens` for models the table does not know, in tokens; every request must name one."""


class ModelLimits(Struct, frozen=True, kw_only=True):
    """One model's limits. Token counts are 0 where unknown."""

    max_output: int = 0
    thinking: Literal["none", "budget", "adaptive"] = "budget"
    """It cannot be steered; it takes a budget in tokens; it thinks as much as it deems right."""
    efforts: tuple[str, ...] = ()
    """What `output_config.effort` may be, in rising order; empty where there is no such choice."""
    thinks_unasked: bool = False
    off: Literal["omit", "disabled", "between_tools", "never"] = "omit"
    """How it is told not to think: by saying nothing, by a `thinking.type` of its own, or not at all."""
    bound_thinking: bool = False
    """Whether a thought is refused once what stands before it has changed, as after a compression."""
    temperature: tuple[float, float] | None = (0.0, 1.0)
    """The range allowed; None where it may not be set."""
    forced_calls: bool = True
    """Whether `tool_choice` may demand a call."""


_LOW_TO_HIGH = ("low", "medium", "high")
_WITH_MAX = (*_LOW_TO_HIGH, "max")
_ALL = (*_LOW_TO_HIGH, "xhigh", "max")

_NEWEST = ModelLimits(
    max_output=128_000,
    thinking="adaptive",
    efforts=_ALL,
    thinks_unasked=True,
    off="never",
    bound_thinking=True,
    temperature=None,
    forced_calls=False,
)
_UNBOUND = replace(_NEWEST, bound_thinking=False)
_FIVE = replace(_UNBOUND, off="disabled", forced_calls=True)
_FOUR_LATE = replace(_FIVE, thinks_unasked=False, off="omit")
_FOUR_SIX = replace(_FOUR_LATE, efforts=_WITH_MAX, temperature=(0.0, 1.0))
_BUDGET = ModelLimits(max_output=64_000)
_MINIMAX = ModelLimits(thinking="none", temperature=(0.01, 1.0))

_CLAUDE: dict[str, ModelLimits] = {
    "claude-fable-5-1": _NEWEST,
    "claude-fable-5-2": _NEWEST,
    "claude-mythos-5-1": _NEWEST,
    "claude-mythos-5-2": _NEWEST,
    "claude-opus-5-5": _NEWEST,
    "claude-sonnet-5-5": replace(_NEWEST, off="between_tools"),
    "claude-haiku-5-5": replace(_NEWEST, off="disabled"),
    "claude-fable-5": _UNBOUND,
    "claude-mythos-5": _UNBOUND,
    "claude-opus-5": _FIVE,
    "claude-sonnet-5": _FIVE,
    "claude-mythos-preview": _FOUR_SIX,
    "claude-opus-4-8": _FOUR_LATE,
    "claude-opus-4-7": _FOUR_LATE,
    "claude-opus-4-6": _FOUR_SIX,
    "claude-sonnet-4-6": replace(_FOUR_SIX, max_output=64_000),
    "claude-opus-4-5": _BUDGET,
    "claude-sonnet-4": _BUDGET,
    "claude-haiku-4": _BUDGET,
    "claude-opus-4": replace(_BUDGET, max_output=32_000),
    "claude-3-7": _BUDGET,
    "claude-3-5": ModelLimits(max_output=8_192, thinking="none"),
    "claude-3": ModelLimits(max_output=4_096, thinking="none"),
    # A model newer than this table is most like the newest in it; what it may not know is left out.
    "claude": _UNBOUND,
}
_OTHERS: dict[str, ModelLimits] = {
    # MiniMax's M2 always thinks and takes no budget; M3 can be switched off.
    "minimax-m2": _MINIMAX,
    "minimax": replace(_MINIMAX, thinking="adaptive", off="disabled", max_output=0),
}
_UNKNOWN = ModelLimits()


def _longest_first(table: dict[str, ModelLimits]) -> list[tuple[str, ModelLimits]]:
    return sorted(table.items(), key=lambda entry: len(entry[0]), reverse=True)


_CLAUDE_ALONE, _ALL_MAKERS = _longest_first(_CLAUDE), _longest_first({**_CLAUDE, **_OTHERS})


def limits_of(model: str, *, translated: bool = False) -> ModelLimits:
    """The limits of a model, also by a gateway's name for it such as `anthropic/claude-opus-4.6`.

    `translated` says that models of other makers are asked as Claude's are (see `Quirks.translates`).
    """
    name = model.rpartition("/")[2].lower().replace(".", "-")
    name = name[max(0, name.find("claude-")) :]
    table = _CLAUDE_ALONE if translated else _ALL_MAKERS
    return next((limits for beginning, limits in table if _begins(name, beginning)), _UNKNOWN)


def _begins(name: str, beginning: str) -> bool:
    """Whether a name begins so, up to the end of a word: `claude-fable-5-20260101` is no fable 5.2."""
    return name.startswith(beginning) and not name[len(beginning) : len(beginning) + 1].isalnum()
