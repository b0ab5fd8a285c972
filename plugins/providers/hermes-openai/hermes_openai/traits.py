"""What the models can do that a request must respect, as data.

Sources: https://developers.openai.com/api/docs/models and the guides on reasoning and on the latest models, read in
November 2026. A model is found by the first pattern that fits its name.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

import msgspec

__all__ = ["Effort", "ModelTraits", "traits_of"]

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

_LEVELS: tuple[Effort, ...] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class ModelTraits(msgspec.Struct, frozen=True, kw_only=True):
    """One model's limits."""

    apis: Literal["both", "responses", "chat"] = "both"
    chat_tools: bool = True
    """Whether chat completions take tools for this model."""
    efforts: tuple[Effort, ...] = ()
    """How much it can be told to think, in rising order; empty where it does not think."""
    summary: bool = True
    """Whether a summary of its thoughts can be asked for."""
    known: bool = True

    @property
    def thinks(self) -> bool:
        """Whether this is a reasoning model."""
        return bool(self.efforts)

    def effort(self, wanted: str) -> str:
        """The effort nearest to what is wanted, rather more than less: none for a model that does not think, and what
        is wanted for one that is not known."""
        if not wanted or not self.known:
            return wanted
        if not self.efforts:
            return ""
        place = _LEVELS.index(wanted)
        return min(self.efforts, key=lambda level: (abs(_LEVELS.index(level) - place), -_LEVELS.index(level)))


def _thinking(first: Effort, last: Effort, **more: bool | str) -> ModelTraits:
    efforts = _LEVELS[_LEVELS.index(first) : _LEVELS.index(last) + 1]
    if first == "none":
        efforts = tuple(level for level in efforts if level != "minimal")
    return msgspec.convert({"efforts": efforts, **more}, ModelTraits)


_PLAIN = ModelTraits()
_CHAT_ONLY = ModelTraits(apis="chat")

_UNKNOWN = ModelTraits(summary=False, known=False)
"""A model behind a name of the user's own: only what was asked for is sent."""

_TRAITS: tuple[tuple[str, ModelTraits], ...] = (
    ("gpt-audio*", _CHAT_ONLY),
    ("gpt-4o*-audio-*", _CHAT_ONLY),
    ("gpt-4o*-search-*", _CHAT_ONLY),
    ("gpt-oss*", msgspec.structs.replace(_thinking("low", "high"), summary=False)),
    ("gpt-3.5*", _PLAIN),
    ("gpt-4*", _PLAIN),
    ("chatgpt-*", _PLAIN),
    ("gpt-5*-chat-latest", _PLAIN),
    ("gpt-5-pro*", _thinking("high", "high", apis="responses")),
    ("gpt-5-codex*", _thinking("low", "high", apis="responses")),
    ("gpt-5.1-codex-max*", _thinking("low", "xhigh", apis="responses")),
    ("gpt-5.1-codex*", _thinking("low", "high", apis="responses")),
    ("gpt-5.1*", _thinking("none", "high")),
    ("gpt-5.*-pro*", _thinking("medium", "xhigh", apis="responses")),
    ("gpt-5.*-codex*", _thinking("low", "xhigh", apis="responses")),
    ("gpt-5.[2-5]*", _thinking("none", "xhigh")),
    ("gpt-5.*", _thinking("none", "max", chat_tools=False)),
    ("gpt-5*", _thinking("minimal", "high")),
    ("codex-mini*", _thinking("low", "high", apis="responses")),
    ("o[134]*-deep-research*", _thinking("medium", "medium", apis="responses")),
    ("o[13]-pro*", _thinking("low", "high", apis="responses")),
    ("o1*", msgspec.structs.replace(_thinking("low", "high"), summary=False)),
    ("o[2-9]*", _thinking("low", "high")),
    # The sixth generation cannot be told not to think, and in chat completions takes no tools.
    ("gpt-[6-9]*", _thinking("low", "max", chat_tools=False)),
)


def traits_of(model: str) -> ModelTraits:
    """The traits of a model, by its name with or without a vendor's prefix or that of a fine-tuned model."""
    name = model.rpartition("/")[2].lower().removeprefix("ft:")
    return next((traits for pattern, traits in _TRAITS if fnmatchcase(name, pattern)), _UNKNOWN)
