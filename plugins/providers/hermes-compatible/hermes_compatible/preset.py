"""What the options of a provider's spec mean: where an endpoint is, what it speaks, how it differs from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from hermes_host.specs import ProviderSpec

__all__ = ["Preset", "Quirks", "Wire", "preset_of"]

Wire = Literal["chat", "messages"]
"""The format on the wire: OpenAI's chat completions, or Anthropic's messages."""


class Quirks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an endpoint differs from the maker of its wire's own: about the wire only, not about what a model can do."""

    # Of both wires.

    read_timeout: float = 0.0
    """Seconds between two reads of an answer, where the usual 60 are too few; 0 for the usual."""
    headers: dict[str, str] = {}
    """Headers the vendor asks for."""

    # Of chat completions.

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
    models_path: str = ""
    """Another place for the list of models, from the root of the host, tried before `/models`."""

    # Of messages.

    key_header: Literal["x-api-key", "bearer"] = "x-api-key"
    """How the key is sent: in a header of its own, or as `authorization: Bearer`."""
    cache_marks: bool = True
    """Whether `cache_control` is understood, or at least passed over."""
    cache_lifetime: Literal["5m", "1h"] = "5m"
    """How long prompts are kept in the vendor's cache; an hour costs more to write."""
    marks_two_ends: bool = False
    """Whether the end of the request before is marked each time, not only where it is too far back to be found."""
    documents: bool = True
    """Whether documents (PDF, text files) are taken as such; without, text files go as text and PDFs are named."""
    thinking_display: Literal["summarized", "omitted"] = "summarized"
    """Whether a summary of the thoughts of Claude's newer models is sent, or only their signature."""
    unsigned_thinking: bool = False
    """Whether thoughts that came without a signature go back nevertheless."""
    drops_unbound_thinking: bool = False
    """Whether thoughts that no longer fit what stands before them can be dropped by the vendor instead of refused."""
    disables_budgets: bool = True
    """Whether a model with a budget for thoughts is told not to think, where others take silence for that."""
    translates: bool = False
    """Whether models of other makers are asked as Claude's are, since what stands there translates for them."""
    says_auto: bool = False
    """Whether a call that the model does not let one demand is asked for as `auto`, and not by saying nothing."""
    max_output: int = 0
    """`max_tokens` for models that `hermes_compatible.messages.limits` does not know; 0: the default there."""
    strict_events: bool = False
    """Whether events out of order and arguments that are `null` are faults even where nothing is lost by them."""


class Preset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of a provider's spec."""

    kind: Literal["preset", "custom", "named"]
    wire: Wire = "chat"
    """What it speaks, unless a setting or the address says otherwise."""
    base_url: str = ""
    """Without a slash at its end."""
    url_variable: str = ""
    """The variable that overrides `base_url`."""
    hosts: tuple[str, ...] = ()
    """Further hosts of the same vendor, to which the key may go when the base URL is overridden."""
    key_bases: dict[str, str] = {}
    """Base URLs by the first characters of the key, where a vendor has kinds of keys for different endpoints."""
    bearer_keys: tuple[str, ...] = ()
    """Those of its keys that are sent as `authorization: Bearer` whatever `key_header` says."""
    quirks: Quirks = Quirks()


def preset_of(spec: ProviderSpec) -> Preset:
    """The decoded options of a spec. Raises `msgspec.ValidationError`."""
    return msgspec.convert(spec.options, Preset)
