"""`/insights`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hermes_host.errors import HermesError
from hermes_insights.gather import gather
from hermes_insights.markdown import markdown
from hermes_insights.period import LONGEST, last_days

if TYPE_CHECKING:
    from hermes_host.frontends import SlashCall

__all__ = ["asked_for", "insights"]

USAGE = f"Usage: `/insights [--days N] [--source NAME]`, N from 1 to {LONGEST:,}. Example: `/insights --days 7`"


async def insights(call: SlashCall) -> str:
    """`/insights [--days N] [--source NAME]`; a number alone is the days."""
    try:
        days, source = asked_for(call.arguments)
    except ValueError:
        return USAGE
    try:
        report = await gather(call.host.services, last_days(days), source=source)
    except HermesError as error:
        return str(error)
    return markdown(report)


def asked_for(arguments: str) -> tuple[int, str]:
    """Days and surface. Raises `ValueError` for what cannot be understood."""
    days, source = 30, ""
    words = iter(shlex.split(arguments))
    for word in words:
        name, equals, value = word.partition("=")
        if name not in ("--days", "--source"):
            name, value = "--days", word
        elif not equals:
            value = next(words, "")
        if name == "--source":
            source = _given(value)
        elif value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= LONGEST:
            days = int(value)
        else:
            raise ValueError(value)
    return days, source


def _given(value: str) -> str:
    if not value:
        raise ValueError("--source")
    return value
