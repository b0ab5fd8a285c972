"""How long a server wants to be left alone."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["retry_after"]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, at least 0, by any of the headers that say so; None where none does. Names are in lower case."""
    said = headers.get("retry-after", "")
    if said:
        try:
            return _span(float(said))
        except ValueError:
            pass
        try:
            return _span(parsedate_to_datetime(said).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError):
            return None
    try:
        if "ratelimit-reset" in headers:
            return _span(float(headers["ratelimit-reset"]))
        if "x-ratelimit-reset" in headers and headers.get("x-ratelimit-remaining", "0") == "0":
            return _span(float(headers["x-ratelimit-reset"]) - time.time())
    except ValueError:
        pass
    return None


def _span(seconds: float) -> float | None:
    return max(0.0, seconds) if math.isfinite(seconds) else None
