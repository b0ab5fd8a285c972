"""What hermes-cron contributes: a daemon that runs jobs, a tool, commands, a service, a check, its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    DaemonSpec,
    PluginInfo,
    PromptSectionSpec,
    SecretSpec,
    SectionSpec,
    ServiceSpec,
    SlashCommandSpec,
    ToolSpec,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="Jobs that run by themselves: at a time, again and again, unattended",
        sections=(
            SectionSpec(name="cron", target="hermes_cron.settings:CronSettings"),
            SectionSpec(name="timezone", target="hermes_cron.settings:TimeZone"),
        ),
        secrets=(SecretSpec(name="HERMES_TIMEZONE", summary="The time zone of schedules", sensitive=False),),
    )


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    yield ToolSpec(
        name="cronjob",
        summary="Jobs that run later or again and again, unattended, in conversations of their own: the prompt must "
        "say all they need. schedule in plain words (every weekday at 9; in 20 minutes; tomorrow at 7pm) or cron. Tell "
        "the user the meaning and the next run that come back.",
        parameters="hermes_cron.tool:CronjobArguments",
        target="hermes_cron.tool:cronjob",
        available="hermes_cron.availability:nothing_runs_jobs",
        assess="hermes_cron.tool:assess",
        effects=frozenset({"write", "send"}),
        toolset="cronjob",
        shows="action",
    )


@hookimpl
def hermes_daemons() -> Iterable[DaemonSpec]:
    yield DaemonSpec(
        name="cron",
        summary="Runs jobs when they are due",
        target="hermes_cron.daemon:connect",
        configured="hermes_cron.daemon:missing",
    )


@hookimpl
def hermes_services() -> Iterable[ServiceSpec]:
    yield ServiceSpec(
        name="cron.jobs",
        summary="Makes, shows and changes jobs",
        provides="hermes_cron.protocol:Jobs",
        target="hermes_cron.jobs:connect",
    )


@hookimpl
def hermes_prompt_sections() -> Iterable[PromptSectionSpec]:
    yield PromptSectionSpec(
        name="cron",
        summary="What a job's conversation should know: nobody is there",
        target="hermes_cron.prompt:unattended",
        order=710,
    )


@hookimpl
def hermes_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(name="cron", summary="Have jobs run by themselves.", target="hermes_cron.commands:cron")
    for name, summary in _MORE.items():
        target = name.replace("-", "_")
        yield CommandSpec(name=f"cron {name}", summary=summary, target=f"hermes_cron.running_commands:{target}")


_MORE = {
    "run": "Run a job once now.",
    "run-due": "Run what is due, then end.",
    "status": "Show whether something runs the jobs.",
    "history": "Show what became of due runs.",
    "restore": "Bring jobs back from a backup.",
}


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(
        name="cron",
        summary="Show and steer scheduled jobs.",
        target="hermes_cron.slash:cron",
        usage="[list|add SCHEDULE | PROMPT|show|pause|resume|run|remove|history|status]",
        while_busy=True,
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        name="cron", summary="Whether jobs are whole, understood and run", target="hermes_cron.checks:jobs_fare"
    )
