"""Secrets of a server's own settings taken out of texts, beside those the host knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_host.context import PluginContext
    from hermes_mcp.settings import ServerSettings

__all__ = ["names_a_secret", "redactor"]

_SECRET = re.compile(r"(?i)(key|token|secret|password|passwd|authorization|credential|cookie)")
_SHORTEST = 8


def names_a_secret(name: str) -> bool:
    """Whether a variable or a header of that name holds a secret."""
    return _SECRET.search(name) is not None


def redactor(context: PluginContext, settings: ServerSettings) -> Callable[[str], str]:
    """What takes them out."""
    values: dict[str, str] = {}
    for name, value in {**settings.env, **settings.headers, "client_secret": settings.oauth.client_secret}.items():
        if names_a_secret(name):
            # A header such as `Bearer abc`: the part that is secret is the word itself.
            for word in {value, *value.split()}:
                if len(word) >= _SHORTEST:
                    values[word] = name
    address = urlsplit(settings.url)
    query = [value for _, value in parse_qsl(address.query)]
    for value in (address.password or "", *query):
        if len(value) >= _SHORTEST:
            values[value] = "url"
    ordered = sorted(values, key=len, reverse=True)

    def redact(text: str) -> str:
        for value in ordered:
            text = text.replace(value, f"[secret {values[value]}]")
        return context.redact(text)

    return redact
