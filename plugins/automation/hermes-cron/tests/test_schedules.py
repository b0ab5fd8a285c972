"""What schedules mean: words, cron expressions, ISO times; daylight saving both ways; and what is refused."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hermes_cron.english import understand
from hermes_cron.errors import ScheduleError
from hermes_cron.schedule import coming, meaning, next_after, till

ZONE = "Europe/Berlin"
NOW = datetime(2026, 11, 22, 17, 30, tzinfo=ZoneInfo(ZONE)).timestamp()
"""A Sunday."""


def times(text: str, number: int = 3, *, now: float = NOW, zone: str = ZONE) -> list[str]:
    """The next runs of a schedule, as wall times."""
    found = understand(text, now=now, zone=zone).schedule
    shown = (datetime.fromtimestamp(moment, ZoneInfo(found.zone)) for moment in coming(found, now))
    return [f"{moment:%m-%d %H:%M}" for moment in islice(shown, number)]


RECURRING = {
    "every weekday at 9": ["11-23 09:00", "11-24 09:00", "11-25 09:00"],
    "weekdays at 8:15": ["11-23 08:15", "11-24 08:15", "11-25 08:15"],
    "monday to friday at 7": ["11-23 07:00", "11-24 07:00", "11-25 07:00"],
    "every monday and thursday at 18:30": ["11-23 18:30", "11-26 18:30", "11-30 18:30"],
    "every Monday, Wednesday and Friday at 6pm": ["11-23 18:00", "11-25 18:00", "11-27 18:00"],
    "every 2 hours between 9 and 17": ["11-23 09:00", "11-23 11:00", "11-23 13:00"],
    "every 90 minutes between 9 and 17": ["11-23 09:00", "11-23 10:30", "11-23 12:00"],
    "every 15 min from 9am to 5pm on weekdays": ["11-23 09:00", "11-23 09:15", "11-23 09:30"],
    "every hour on weekdays": ["11-23 00:00", "11-23 01:00", "11-23 02:00"],
    "on the first Monday of the month": ["12-07 09:00", "01-04 09:00", "02-01 09:00"],
    "first and third monday of the month at 10": ["12-07 10:00", "12-21 10:00", "01-04 10:00"],
    "every last friday of the month at 5pm": ["11-27 17:00", "12-25 17:00", "01-29 17:00"],
    "every second tuesday of the month at 9": ["12-08 09:00", "01-12 09:00", "02-09 09:00"],
    "every other tuesday at 8am": ["11-24 08:00", "12-08 08:00", "12-22 08:00"],
    "every 2 weeks on monday at 9": ["11-23 09:00", "12-07 09:00", "12-21 09:00"],
    "every 3 days at 10am": ["11-23 10:00", "11-26 10:00", "11-29 10:00"],
    "every 2 months on the 5th at 9": ["12-05 09:00", "02-05 09:00", "04-05 09:00"],
    "monthly on the 15th at 7:30": ["12-15 07:30", "01-15 07:30", "02-15 07:30"],
    "1st and 15th of every month": ["12-01 09:00", "12-15 09:00", "01-01 09:00"],
    "last day of the month at 18:00": ["11-30 18:00", "12-31 18:00", "01-31 18:00"],
    "every year on march 5": ["03-05 09:00", "03-05 09:00", "03-05 09:00"],
    "daily at noon": ["11-23 12:00", "11-24 12:00", "11-25 12:00"],
    "every day at 9 and 17:30": ["11-23 09:00", "11-23 17:30", "11-24 09:00"],
    "every sunday evening at 7": ["11-22 19:00", "11-29 19:00", "12-06 19:00"],
    "on weekends at 11": ["11-28 11:00", "11-29 11:00", "12-05 11:00"],
    "every 15 minutes": ["11-22 17:45", "11-22 18:00", "11-22 18:15"],
    "every 1h30m": ["11-22 19:00", "11-22 20:30", "11-22 22:00"],
    "every 1w": ["11-29 17:30", "12-06 17:30", "12-13 17:30"],
    "0 9 * * MON": ["11-23 09:00", "11-30 09:00", "12-07 09:00"],
    "30 8 1-7 JAN,FEB *": ["01-01 08:30", "01-02 08:30", "01-03 08:30"],
    "0 9 * * MON#1": ["12-07 09:00", "01-04 09:00", "02-01 09:00"],
    "@daily": ["11-23 00:00", "11-24 00:00", "11-25 00:00"],
    "every day at 9 UTC": ["11-23 09:00", "11-24 09:00", "11-25 09:00"],
}

ONCE = {
    "in 20 minutes": "11-22 17:50",
    "30m": "11-22 18:00",
    "in half an hour": "11-22 18:00",
    "an hour and a half from now": "11-22 19:00",
    "in 2 days at 9": "11-24 09:00",
    "tomorrow at 7pm": "11-23 19:00",
    "noon tomorrow": "11-23 12:00",
    "tonight at 9": "11-22 21:00",
    "day after tomorrow at 10": "11-24 10:00",
    "next friday at 10": "11-27 10:00",
    "on december 24 at 18:00": "12-24 18:00",
    "24th of December": "12-24 09:00",
    "31.12.2026 23:59": "12-31 23:59",
    "2026-12-01 09:00": "12-01 09:00",
    "2026-12-01T09:00:00Z": "12-01 10:00",
    "2026-12-01T09:00+05:30": "12-01 04:30",
    "at 9": "11-23 09:00",
    "29 February at 8:00": "02-29 08:00",
}

REFUSED = [
    "",
    "hello",
    "every",
    "at",
    "every 5",
    "every day at 25",
    "tomorrow at 25:00",
    "at 13pm",
    "every day at 9:75",
    "blah every day blub",
    "every day except sunday at 9",
    "when it rains",
    "twice a day",
    "every quarter",
    "yesterday",
    "every 0 minutes",
    "30 February",
    "2026-02-30 10:00",
    "every 31 april at 9",
    "0 0 30 2 *",
    "0 0 31 2,4 *",
    "60 * * * *",
    "0 9 * * 1 2",
    "@reboot",
    "every day at 9 Europe/Atlantis",
    "2020-01-01 10:00",
    "2026-11-22 17:30",
    "every hour between 17 and 9",
    "every 5th monday and 3rd at 9",
    "every sixth monday of the month",
    "every day between 9 and 17",
    "every day at 9 every",
    "9 9 9",
]


@pytest.mark.parametrize(("text", "expected"), RECURRING.items())
def test_what_repeats_comes_when_its_words_say(text: str, expected: list[str]):
    assert times(text) == expected


@pytest.mark.parametrize(("text", "expected"), ONCE.items())
def test_what_comes_once_comes_when_its_words_say(text: str, expected: str):
    assert times(text) == [expected]


@pytest.mark.parametrize("text", [text for text in REFUSED if text != "every day at 9 every"])
def test_what_is_not_understood_or_never_comes_is_refused(text: str):
    with pytest.raises(ScheduleError) as caught:
        understand(text, now=NOW, zone=ZONE)
    assert len(str(caught.value)) > 15


def test_what_was_not_clear_is_said():
    assert understand("at 9", now=NOW, zone=ZONE).notes == (
        "9 means 09:00, not 21:00.",
        "It runs once; `every day` repeats it.",
    )
    assert understand("every day", now=NOW, zone=ZONE).notes == ("No time was given: it is 09:00.",)
    assert (
        understand("the 31st of every month at 9:00", now=NOW, zone=ZONE).notes[0].startswith("Months without day 31")
    )
    assert understand("every weekday at 9:00", now=NOW, zone=ZONE).notes == ()


def test_the_meaning_names_the_time_zone():
    assert meaning(understand("every weekday at 9", now=NOW, zone=ZONE).schedule) == (
        "at 09:00 on Monday through Friday (Europe/Berlin)"
    )
    elsewhere = understand("every weekday at 9am (America/New_York)", now=NOW, zone=ZONE).schedule
    assert elsewhere.zone == "America/New_York" and next_after(elsewhere, NOW) == next_after(
        understand("every weekday at 15:00", now=NOW, zone=ZONE).schedule, NOW
    )


def utc(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


SPRING, AUTUMN = utc("2026-03-28T12:00:00"), utc("2026-10-24T12:00:00")
"""The days before the changes in Berlin: on March 29 2:00 becomes 3:00, on October 25 3:00 becomes 2:00."""


def instants(text: str, now: float, number: int) -> list[str]:
    schedule = understand(text, now=now, zone=ZONE).schedule
    return [
        f"{datetime.fromtimestamp(moment, ZoneInfo('UTC')):%d %H:%M}"
        for moment in islice(coming(schedule, now), number)
    ]


def test_a_time_the_clock_leaps_over_in_spring_comes_right_after_the_leap_and_only_that_day():
    assert instants("every day at 2:30", SPRING, 3) == ["29 01:00", "30 00:30", "31 00:30"]
    at_nine = instants("every day at 9:00", SPRING, 2)
    assert at_nine == ["29 07:00", "30 07:00"], "nine o'clock stays nine o'clock"


def test_a_time_the_clock_shows_twice_in_autumn_comes_once():
    assert instants("every day at 2:30", AUTUMN, 3) == ["25 00:30", "26 01:30", "27 01:30"]


def test_every_hour_by_the_calendar_comes_every_hour_through_both_changes():
    for start in (SPRING, AUTUMN):
        found = list(islice(coming(understand("0 * * * *", now=start, zone=ZONE).schedule, start), 30))
        assert [after - before for before, after in zip(found, found[1:], strict=False)] == [3600.0] * 29


def test_one_moment_in_the_gap_or_in_the_hour_that_comes_twice_is_said():
    spring = understand("tomorrow at 2:30", now=SPRING, zone=ZONE)
    assert spring.schedule.at == utc("2026-03-29T01:30:00") and "leaps over 02:30" in spring.notes[-1]
    autumn = understand("2026-10-25 02:30", now=AUTUMN, zone=ZONE)
    assert autumn.schedule.at == utc("2026-10-25T00:30:00") and "twice" in autumn.notes[-1]


@pytest.mark.parametrize(
    "text",
    ["every 7 minutes", "*/20 1-3 * * *", "every day at 2:30", "every 3 days at 10am", "every other tuesday at 8am"],
)
@pytest.mark.parametrize("start", [SPRING, AUTUMN, NOW])
def test_looking_back_finds_the_instants_that_looking_forward_does(text: str, start: float):
    schedule = understand(text, now=start, zone=ZONE).schedule
    end = start + 40 * 86400.0
    forward: list[float] = []
    for moment in coming(schedule, start):
        if moment > end:
            break
        forward.append(moment)
    assert list(till(schedule, forward[0], end, 100_000)[0]) == forward
    few, more = till(schedule, forward[0], end, 2)
    assert (list(few), more) == (forward[-2:], len(forward) > 2)


def test_intervals_are_counted_from_their_anchor():
    schedule = understand("every 7 minutes", now=NOW, zone=ZONE).schedule
    later = NOW + 1_000_003.7
    found = next_after(schedule, later)
    assert found is not None and (found - NOW) % 420 == 0 and 0 < found - later <= 420


async def test_the_time_zone_is_the_variable_then_the_setting_then_the_machines(tmp_path: Any):
    from hermes_cron.settings import configured_zone

    from hermes_host.testing import StandInHost

    environ = {"PATH": "/usr/bin:/bin"}
    async with StandInHost(tmp_path, plugins=["cron"], overrides={"timezone": "Asia/Tokyo"}, environ=environ) as host:
        assert configured_zone(host.context("cron")) == "Asia/Tokyo"
    environ["HERMES_TIMEZONE"] = "America/Lima"
    async with StandInHost(tmp_path, plugins=["cron"], overrides={"timezone": "Asia/Tokyo"}, environ=environ) as host:
        assert configured_zone(host.context("cron")) == "America/Lima"
    async with StandInHost(tmp_path, plugins=["cron"], overrides={"timezone": "Europe/Berlim"}) as host:
        with pytest.raises(ScheduleError, match="Did you mean 'Europe/Berlin'"):
            configured_zone(host.context("cron"))
    (tmp_path / "config.yaml").write_text("timezone: Asia/Tokyo\n", encoding="utf-8")
    async with StandInHost(tmp_path, plugins=["cron"]) as host:
        assert configured_zone(host.context("cron")) == "Asia/Tokyo" and not host.config.problems
