"""The section `telegram`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

__all__ = ["PublicAddress", "ReplyMode", "TelegramSettings"]

ReplyMode = Literal["off", "first", "all"]


class TelegramSettings(Struct, frozen=True, kw_only=True):
    """How the bot reads and writes. Who may talk to it is said in `gateway.access`."""

    require_mention: Annotated[
        bool,
        Meta(
            description="In groups and channels, answer only when mentioned, replied to, or given a command.",
            extra={"environment": ("TELEGRAM_REQUIRE_MENTION",)},
        ),
    ] = True
    free_response_chats: Annotated[
        list[str | int] | str | int,
        Meta(
            description="Ids of groups where every message is for the agent; as one text, with commas between them.",
            extra={"environment": ("TELEGRAM_FREE_RESPONSE_CHATS",)},
        ),
    ] = []
    mention_patterns: Annotated[
        list[str] | str,
        Meta(
            description="Regular expressions that count as a mention, such as '\\bhermes\\b'; case does not matter.",
            extra={"environment": ("TELEGRAM_MENTION_PATTERNS",)},
        ),
    ] = []
    reply_to_mode: Annotated[
        ReplyMode,
        Meta(
            description="Whether answers quote the message they answer: never, the first one to it, or all.",
            extra={"environment": ("TELEGRAM_REPLY_TO_MODE",)},
        ),
    ] = "first"
    disable_link_previews: Annotated[bool, Meta(description="Send links without previews of their pages.")] = False
    webhook: Annotated[
        bool, Meta(description="Have Telegram post to `server.public_url` (https) instead of asking it all the time.")
    ] = False
    poll_seconds: Annotated[int, Meta(description="How long a request for news waits for some.", ge=1, le=50)] = 30
    conflict_seconds: Annotated[
        float, Meta(description="How long to wait for another program to let go of the bot.", ge=0)
    ] = 90.0
    base_url: Annotated[
        str, Meta(description="The address of a Bot API server of your own, such as http://127.0.0.1:8081.")
    ] = ""
    proxy: Annotated[
        str,
        Meta(
            description="An HTTP or SOCKS proxy for Telegram alone; otherwise HTTPS_PROXY counts.",
            extra={"environment": ("TELEGRAM_PROXY",)},
        ),
    ] = ""
    max_body_bytes: Annotated[int, Meta(description="The largest body a webhook takes.", ge=1000)] = 1_048_576


class PublicAddress(Struct, frozen=True, kw_only=True):
    """The part of the section `server` that Telegram must know."""

    public_url: Annotated[str, Meta(description="Its address as seen from outside, such as that of a proxy.")] = ""
