"""The plugin's sections of config.yaml."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["AuxiliaryFallbacks", "CredentialPools", "FallbackModel", "Settings", "SmartModelRouting"]

_CANDIDATE = "`provider:model`, or a mapping with provider, model and, for a key of its own, api_key_env"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How long a model call may take, how often it is repeated, and who is asked instead."""

    total_timeout: Annotated[
        float,
        Meta(
            description="Seconds one model call may take, with all its retries and fallbacks.",
            gt=0,
            extra={"environment": ("HERMES_API_TIMEOUT",)},
        ),
    ] = 1800.0
    connect_timeout: Annotated[
        float, Meta(description="Seconds until a connection must stand; 0: the provider's own limit.", ge=0)
    ] = 0.0
    write_timeout: Annotated[
        float, Meta(description="Seconds until more of a request must be accepted; 0: the provider's own limit.", ge=0)
    ] = 0.0
    read_timeout: Annotated[
        float,
        Meta(
            description="Seconds without a single byte after which a connection is given up; 0: the provider's own"
            " limit. The two limits below allow at least as much.",
            ge=0,
            extra={"environment": ("HERMES_STREAM_READ_TIMEOUT",)},
        ),
    ] = 0.0
    first_event_timeout: Annotated[
        float, Meta(description="Seconds until an answer must begin; models may think and load in silence.", gt=0)
    ] = 600.0
    stale_timeout: Annotated[
        float,
        Meta(
            description="Seconds of silence after which an answer that has begun is cut off.",
            gt=0,
            extra={"environment": ("HERMES_STREAM_STALE_TIMEOUT",)},
        ),
    ] = 180.0
    retries: Annotated[
        int,
        Meta(
            description="How often a failed request is repeated; 0: never.",
            ge=0,
            extra={"environment": ("HERMES_STREAM_RETRIES",)},
        ),
    ] = 2
    backoff: Annotated[
        float, Meta(description="The longest wait before the first retry in seconds; it doubles each time.", ge=0)
    ] = 2.0
    backoff_limit: Annotated[float, Meta(description="The longest wait before any retry in seconds.", ge=0)] = 60.0
    longest_wait: Annotated[
        float, Meta(description="A vendor that asks for a longer wait than this many seconds is not waited for.", ge=0)
    ] = 120.0
    cooldown: Annotated[
        float, Meta(description="Seconds a failed model or key is left alone; doubled when it fails again.", ge=0)
    ] = 300.0
    cooldown_limit: Annotated[float, Meta(description="The longest such pause in seconds.", ge=0)] = 3600.0
    fallback_models: Annotated[
        list[dict[str, str] | str], Meta(description=f"Models to ask instead, best first. Each is {_CANDIDATE}.")
    ] = []
    fallback_on_refusal: Annotated[
        bool, Meta(description="Whether a request that a vendor's content filter stopped goes to the next model.")
    ] = False


FallbackModel = Annotated[
    dict[str, str] | list[dict[str, str] | str] | str,
    Meta(description=f"The model to ask instead, or a list. Each is {_CANDIDATE}.", extra={"default": []}),
]

AuxiliaryFallbacks = Annotated[
    dict[str, list[dict[str, str] | str]],
    Meta(description="Models to ask instead for side work, by task, such as `compression: [openai:gpt-5-mini]`."),
]

CredentialPools = Annotated[
    dict[str, list[str]], Meta(description="Names of the secrets a provider may use in turn, by the provider's name.")
]


class SmartModelRouting(msgspec.Struct, frozen=True, kw_only=True):
    """Trivial messages at the beginning of a conversation go to a cheaper model."""

    enabled: Annotated[bool, Meta(description="Whether it is done at all.")] = False
    max_simple_chars: Annotated[int, Meta(description="The longest message that counts as trivial.", ge=0)] = 160
    max_simple_words: Annotated[int, Meta(description="The most words of a message that counts as trivial.", ge=0)] = 28
    max_messages: Annotated[
        int, Meta(description="Messages in a conversation, beyond which it stays with its model.", ge=1)
    ] = 5
    cheap_model: Annotated[dict[str, str] | str, Meta(description=f"The cheaper model: {_CANDIDATE}.")] = ""
