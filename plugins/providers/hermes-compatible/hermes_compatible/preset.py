"""What the options of a provider's spec mean: where an endpoint is, and how it differs from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from hermes_host.specs import ProviderSpec

__all__ = ["Preset", "Quirks", "preset_of"]


class Quirks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an endpoint differs from OpenAI's own: about the wire only, not about what a model can do."""

    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    stream_usage: bool = True
    """Whether `stream_options.include_usage` is understood (an endpoint without it sends usage unasked, or refuses)."""
    reasoning: Literal["", "effort", "object", "thinking", "enable_thinking"] = ""
    """How an effort is asked for: `reasoning_effort`; `reasoning: {effort}`; `thinking: {type}`; `enable_thinking`;
    empty: it cannot be asked for."""
    efforts: tuple[str, ...] = ("none", "minimal", "low", "medium", "high", "xhigh")
    """The efforts it knows, in rising order; another one is moved to the nearest."""
    echo: Literal["", "reasoning_content", "reasoning_details", "think"] = ""
    """How the model's reasoning goes back to it: not at all, in a field, or as `<think>` tags in the content."""
    think_tags: bool = False
    """Whether reasoning may come as `<think>` tags at the beginning of the content."""
    cache_key: bool = False
    """Whether `prompt_cache_key` is understood."""
    short_call_ids: bool = False
    """Whether the ids of tool calls must be nine letters and digits."""
    read_timeout: float = 0.0
    """Seconds between two reads of an answer, where the usual 60 are too few; 0 for the usual."""
    models_path: str = ""
    """Another place for the list of models, from the root of the host, tried before `/models`."""
    headers: dict[str, str] = {}
    """Headers the vendor asks for."""


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a provider's spec."""

    kind: Literal["preset", "custom", "named"]
    base_url: str = ""
    """Without a slash at its end."""
    url_variable: str = ""
    """The variable that overrides `base_url`."""
    hosts: tuple[str, ...] = ()
    """Further hosts of the same vendor, to which the key may go when the base URL is overridden."""
    key_bases: dict[str, str] = {}
    """Base URLs by the first characters of the key, where a vendor has kinds of keys for different endpoints."""
    quirks: Quirks = Quirks()


def preset_of(spec: ProviderSpec) -> Preset:
    """The decoded options of a spec. Raises `msgspec.ValidationError`."""
    return msgspec.convert(spec.options, Preset)
