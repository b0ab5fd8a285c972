"""The many names of one model: dated versions, aliases, routers' prefixes and suffixes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["canonical", "family_of", "shortened", "split_route"]

_ENDINGS = (
    re.compile(r"\[\d+[km]\]$"),  # claude-sonnet-4-5[1m]
    re.compile(r"-\d{4}-\d{2}-\d{2}$"),  # gpt-5-2025-08-07
    re.compile(r"[-@]20\d{6}$"),  # claude-haiku-4-5-20251001
    re.compile(r"-latest$"),
    re.compile(r"-preview-\d{2}-(\d{2}|\d{4})$"),  # gemini-2.5-pro-preview-06-05
    re.compile(r"-(exp|preview)$"),
    re.compile(r"-\d{3,4}$"),  # gemini-2.0-flash-001, deepseek-v4-pro-0813
)


def canonical(name: str) -> str:
    """A form in which equal names are equal: `Claude-Opus-4.5` and `claude-opus-4-5` are one model."""
    return name.strip().lstrip("~").casefold().removeprefix("models/").replace(".", "-")


def shortened(name: str) -> Iterator[str]:
    """A canonical name, then the same with its date, `-latest`, `-preview` or version number taken away."""
    yield name
    for ending in _ENDINGS:
        shorter = ending.sub("", name)
        if shorter != name:
            yield from shortened(shorter)
            return
    yield f"{name}-preview"


def family_of(name: str, families: Iterator[str] | list[str]) -> str:
    """The longest beginning of a canonical name among `families`, empty when there is none."""
    return max((family for family in families if name.startswith(canonical(family))), key=len, default="")


def split_route(name: str) -> tuple[str, str, str]:
    """Prefix, model and variant of a router's name: `deepseek/deepseek-v4-pro:free` gives all three."""
    prefix, slash, rest = name.lstrip("~").rpartition("/")
    if not slash:
        prefix, rest = "", name.lstrip("~")
    rest, _, variant = rest.partition(":")
    return prefix.rpartition("/")[2].casefold(), rest, variant
