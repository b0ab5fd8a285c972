"""The section `server`: where the gateway listens."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["ServerSettings"]


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway's HTTP server listens."""

    enabled: Annotated[bool, Meta(description="Whether the gateway listens at all.")] = True
    listen: Annotated[str, Meta(description="HOST:PORT. Everything served checks its own key.")] = "127.0.0.1:8642"
    hosts: Annotated[tuple[str, ...], Meta(description="Names under which it may be asked besides loopback's.")] = ()
    public_url: Annotated[str, Meta(description="Its address as seen from outside, such as that of a proxy.")] = ""
    metrics: Annotated[bool, Meta(description="Serve /metrics to programs on this machine.")] = True
