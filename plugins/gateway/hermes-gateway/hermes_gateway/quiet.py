"""Hours in which nobody is to be disturbed: what was not asked for then waits until they are over."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from hermes_host.errors import ConfigError

__all__ = ["end_of_quiet"]

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)")


def end_of_quiet(hours: str, now: float) -> float:
    """When a message may be sent: `now`, or the end of the quiet hours (`22:00-07:00`, local time) that it lies in.

    Raises `ConfigError` for what means no hours.
    """
    if not hours.strip():
        return now
    found = _HOURS.fullmatch(hours.strip())
    if found is None:
        raise ConfigError(f"gateway.quiet_hours: {hours!r} means no hours.", remedy="Such as '22:00-07:00'.")
    begin, end = (int(found[1]), int(found[2])), (int(found[3]), int(found[4]))
    moment = datetime.fromtimestamp(now).astimezone()
    clock = (moment.hour, moment.minute)
    inside = begin <= clock < end if begin < end else clock >= begin or clock < end
    if begin == end or not inside:
        return now
    over = moment.replace(hour=end[0], minute=end[1], second=0, microsecond=0)
    return (over if over > moment else over + timedelta(days=1)).timestamp()
