"""What this plugin asks of others, as a protocol."""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["Page", "PageReader"]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A web page as text. `url` is where it was found in the end."""

    url: str
    text: str
    title: str = ""


class PageReader(Protocol):
    """Reads web pages for `@url:`; a plugin for the web offers it."""

    async def read(self, url: str) -> Page:
        """The page's readable text. Raises `HermesError` where it cannot be had or must not be asked for."""
        ...
