"""The section `catalog` of config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["ConfiguredModel", "ModelSetting", "Settings"]

Price = Annotated[float, Meta(description="US dollars per million tokens.", ge=0)] | None
Tokens = Annotated[int, Meta(description="Tokens.", ge=1)] | None


class ModelSetting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user says of one model. What is left out is taken from elsewhere.

    `input_price` or `output_price` replace the whole price list, prices for long prompts included; prices of the cache
    alone complete the one there is.
    """

    context: Tokens = None
    max_output: Tokens = None
    input_price: Price = None
    output_price: Price = None
    cached_price: Price = None
    cache_write_price: Price = None
    inputs: Annotated[
        list[Literal["text", "image", "audio", "video", "file"]] | None, Meta(description="What the model can read.")
    ] = None
    reasoning: Annotated[bool | None, Meta(description="Whether the model thinks before it answers.")] = None
    tools: Annotated[bool | None, Meta(description="Whether the model can call tools.")] = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about models."""

    models: Annotated[
        dict[str, ModelSetting], Meta(description="Facts of your own by `provider:model`; they win over all others.")
    ] = {}
    vendor_days: Annotated[
        float, Meta(description="Days for which what `hermes catalog update` fetched is used.", gt=0)
    ] = 7.0


class ConfiguredModel(msgspec.Struct, frozen=True, kw_only=True):
    """The model to use: what the catalog reads of the section it shares with the host."""

    default: Annotated[
        str,
        Meta(
            description="The model, as the provider names it; `provider:model` names both.",
            extra={"shorthand": True, "aliases": ("model",), "project": True},
        ),
    ] = ""
    context_length: Annotated[
        int, Meta(description="The context of this model in tokens; 0: as the catalog says.", ge=0)
    ] = 0
