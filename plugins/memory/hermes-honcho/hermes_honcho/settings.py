"""The section `honcho` of config.yaml: what Honcho's own file has no place for."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["HonchoSection"]


class HonchoSection(msgspec.Struct, frozen=True, kw_only=True):
    """The memory kept by Honcho. Everything else is in Honcho's own file: see `hermes honcho status`."""

    base_url: Annotated[
        str, Meta(description="The address of a Honcho server, where neither Honcho's file nor the environment say.")
    ] = ""
    enabled: Annotated[bool, Meta(description="False switches it off, whatever Honcho's file says.")] = True
    recall_wait: Annotated[
        float, Meta(description="Seconds a message waits for what is still being fetched.", ge=0, le=4)
    ] = 0.5
    prompt_wait: Annotated[
        float, Meta(description="Seconds the first message of a conversation waits for Honcho.", ge=0, le=4.5)
    ] = 3.0
    exit_wait: Annotated[
        float, Meta(description="Seconds the end of a conversation waits for what is still to be sent.", ge=0, le=20)
    ] = 5.0
    timeout: Annotated[float, Meta(description="Seconds for one request to Honcho.", gt=0, le=300)] = 30.0
    peers: Annotated[
        dict[str, str],
        Meta(
            description="Peers of people on other surfaces: `telegram:123456: alice` makes that person the peer alice."
        ),
    ] = {}
