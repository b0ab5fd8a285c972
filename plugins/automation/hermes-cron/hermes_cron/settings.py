"""The section `cron`, and the setting `timezone` of Hermes Agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import Meta

from hermes_cron.errors import ScheduleError
from hermes_host.registry import near_names

if TYPE_CHECKING:
    from hermes_host.context import PluginContext

__all__ = ["CronSettings", "TimeZone", "configured_zone", "zone_named", "zone_shown"]

Missed = Literal["once", "skip", "all"]
OnInterrupt = Literal["report", "retry"]

TimeZone = Annotated[str, Meta(description="The time zone of schedules, such as Europe/Berlin; empty: the machine's.")]


class CronSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that run by themselves. Most of these can be set for each job too."""

    enabled: Annotated[bool, Meta(description="Whether the gateway runs jobs.")] = True
    max_parallel: Annotated[int, Meta(description="Jobs that run at once.", ge=1, le=64)] = 3
    timeout: Annotated[float, Meta(description="Seconds one run may take; 0: no limit.", ge=0)] = 600.0
    retries: Annotated[int, Meta(description="How often a failed run is tried again.", ge=0, le=10)] = 0
    retry_pause: Annotated[float, Meta(description="Seconds before that, doubled each time.", ge=1)] = 60.0
    missed: Annotated[
        Missed,
        Meta(
            description="What becomes of instants nobody was there for: `once` runs the last one late, within the "
            "grace; `skip` none; `all` each of them."
        ),
    ] = "once"
    grace: Annotated[
        float,
        Meta(
            description="Seconds a run may be late; 0: half its period, from 2 minutes to 2 hours, and a day for a job "
            "that runs once.",
            ge=0,
        ),
    ] = 0.0
    on_interrupt: Annotated[
        OnInterrupt,
        Meta(description="What becomes of a run whose process died: `report` it, or `retry` (it may act twice)."),
    ] = "report"
    shortest_interval: Annotated[float, Meta(description="The shortest interval, in seconds.", ge=1)] = 10.0
    wrap_response: Annotated[bool, Meta(description="Put the job's name around what is delivered.")] = True
    model: Annotated[str, Meta(description="The model of jobs that name none; empty: the configured one.")] = ""
    provider: Annotated[str, Meta(description="The provider of that model.")] = ""
    max_turns: Annotated[int, Meta(description="Model requests of one run; 0: agent.max_turns.", ge=0)] = 0
    max_cost: Annotated[float, Meta(description="US dollars one run may cost; 0: no limit.", ge=0)] = 0.0
    keep_runs: Annotated[int, Meta(description="Runs of a job that are kept, with their output.", ge=1)] = 100


def zone_named(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises `ScheduleError`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        near = near_names(name, available_timezones())
        hint = f"Did you mean {near}?" if near else "Use a name such as Europe/Berlin or UTC."
        raise ScheduleError(f"There is no time zone {name!r}.", remedy=hint) from None


def zone_shown(name: str) -> ZoneInfo:
    """The time zone in which times of a job are shown: its own, or UTC where that is not known any more."""
    try:
        return zone_named(name)
    except ScheduleError:
        return ZoneInfo("UTC")


def configured_zone(context: PluginContext) -> str:
    """The name of the time zone schedules are in: `HERMES_TIMEZONE`, else the setting, else the machine's.

    Raises `ScheduleError` for one there is not: jobs at other hours than the user thinks are worse than none.
    """
    name = context.secret("HERMES_TIMEZONE") or context.section(str, "timezone")
    if name:
        return zone_named(name).key
    from tzlocal import get_localzone_name

    return get_localzone_name() or "UTC"
