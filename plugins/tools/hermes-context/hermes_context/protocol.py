"""What this plugin offers to the host and asks of others, as protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from hermes_host.context import SessionContext
    from hermes_host.messages import Message

__all__ = ["NOTICES", "Page", "PageReader", "PromptExpander"]

NOTICES = "hermes.notices"
"""The key of a message's `meta` with a list of sentences for the person who sent it. Whoever calls `expand` takes them
out, shows them (as `Notice` events) and stores the message without them."""


class PromptExpander(Protocol):
    """Completes what a user says before a turn begins with it."""

    async def expand(self, message: Message, session: SessionContext) -> Message:
        """The message with what it refers to attached; the same object where there is nothing to add.

        Its own parts come first and are unchanged. Raises `HermesError` to refuse the message: nothing is then sent.
        """
        ...


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A web page as text. `url` is where it was found in the end."""

    url: str
    text: str
    title: str = ""


class PageReader(Protocol):
    """Reads web pages; a plugin for the web offers it."""

    async def read(self, url: str) -> Page:
        """The page's readable text. Raises `HermesError` where it cannot be had or must not be asked for."""
        ...
