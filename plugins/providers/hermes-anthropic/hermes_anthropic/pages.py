"""Web pages that stand where an answer should be: a proxy's error, a portal's sign-in form."""

from __future__ import annotations

import re

__all__ = ["is_page", "page_text"]

_SHOWN = 300


def is_page(body: bytes) -> bool:
    """Whether this is HTML."""
    return body.lstrip()[:1] == b"<"


def page_text(body: bytes) -> str:
    """The first words of a page, without its markup."""
    text = body[:4096].decode("utf-8", "replace")
    return " ".join(re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", text).split())[:_SHOWN]
