"""Hours in which nobody is disturbed."""

from __future__ import annotations

from datetime import datetime

import pytest
from hermes_gateway.quiet import end_of_quiet

from hermes_host.errors import ConfigError


def at(hour: int, minute: int = 0, day: int = 10) -> float:
    return datetime(2026, 6, day, hour, minute).astimezone().timestamp()


@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        ("", at(3), at(3)),
        ("22:00-07:00", at(12), at(12)),
        ("22:00-07:00", at(23, 30), at(7, day=11)),
        ("22:00-07:00", at(3), at(7)),
        ("22:00-07:00", at(7), at(7)),
        ("13:00 - 14:30", at(13, 10), at(14, 30)),
        ("13:00-13:00", at(13), at(13)),
    ],
)
def test_a_message_waits_until_they_are_over(hours: str, now: float, expected: float):
    assert end_of_quiet(hours, now) == expected


@pytest.mark.parametrize("hours", ["22-7", "25:00-07:00", "always"])
def test_what_means_no_hours_is_refused(hours: str):
    with pytest.raises(ConfigError):
        end_of_quiet(hours, at(3))
