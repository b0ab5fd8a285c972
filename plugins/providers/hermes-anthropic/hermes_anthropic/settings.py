"""The plugin's section of config.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from hermes_host.config import Secret

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Anthropic's Messages API."""

    base_url: Annotated[
        str, Meta(description="Another address for the API, without /v1; its key is anthropic.api_key.")
    ] = ""
    api_key: Annotated[Secret, Meta(description="The key for base_url; without a base_url, for Anthropic itself.")] = (
        Secret()
    )
    connect_timeout: Annotated[float, Meta(description="Seconds until a connection must stand.", gt=0)] = 10.0
    read_timeout: Annotated[float, Meta(description="Seconds an answer may be silent.", gt=0)] = 300.0
    write_timeout: Annotated[float, Meta(description="Seconds the API may take to accept more of a request.", gt=0)] = (
        60.0
    )
    cache: Annotated[
        Literal["5m", "1h", "off"],
        Meta(description="How long the vendor keeps prompts in its cache; an hour costs more to write."),
    ] = "5m"
    thinking_display: Annotated[
        Literal["summarized", "omitted"],
        Meta(description="Whether a summary of the model's thoughts is sent, or only their signature."),
    ] = "summarized"
    betas: Annotated[list[str], Meta(description="Names for the anthropic-beta header.")] = []
    ca_bundle: Annotated[str, Meta(description="A file of certificates to trust instead of the system's.")] = ""
