"""`hermes cron`: make jobs, look at them, change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from msgspec import UNSET

from hermes_cron.errors import JobError
from hermes_cron.protocol import Jobs, JobWish
from hermes_cron.showing import print_job, print_jobs, print_next
from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_cron.protocol import JobView
    from hermes_host.host import Host

__all__ = ["cron", "service"]


@click.group(invoke_without_command=True, epilog="Example: hermes cron add 'every weekday at 9' 'Sum up my mail.'")
@click.pass_context
def cron(ctx: click.Context) -> None:
    """Have jobs run by themselves. Without a command: list them.

    A JOB is an id, a name, or a unique beginning of one.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_jobs, everything=False, as_json=False)


async def service(host: Host) -> Jobs:
    """The jobs of a host."""
    return await host.services.get(Jobs)


_OPTIONS: Sequence[tuple[tuple[str, ...], dict[str, Any]]] = (
    (("--name",), {"help": "A name; without one, the beginning of the prompt."}),
    (("--tz", "timezone"), {"metavar": "ZONE", "help": "The time zone, such as Europe/Berlin."}),
    (
        ("--deliver",),
        {
            "multiple": True,
            "metavar": "PLACE",
            "help": "Where answers go: local (a file), a platform, platform:#name, an address. Repeatable.",
        },
    ),
    (("--skill", "skills"), {"multiple": True, "metavar": "NAME", "help": "A skill it follows. Repeatable."}),
    (("--script",), {"help": "Shell commands that run first; the job sees what they print."}),
    (("-m", "--model"), {"help": "The model, as provider:model."}),
    (("--toolsets",), {"metavar": "LIST", "help": "Its toolsets and tools, with commas; without, those of `cron`."}),
    (("-C", "--directory"), {"help": "Where it works."}),
    (("--terminal",), {"metavar": "NAME", "help": "The terminal backend it works on."}),
    (("--repeat",), {"type": click.IntRange(0), "help": "How often it runs in all; 0: no end."}),
    (("--timeout",), {"type": click.FloatRange(0), "help": "Seconds one run may take; 0: no limit."}),
    (("--retries",), {"type": click.IntRange(0, 10), "help": "How often a failed run is tried again."}),
    (("--missed",), {"type": click.Choice(["once", "skip", "all"]), "help": "What becomes of missed times."}),
    (("--grace",), {"type": click.FloatRange(0), "help": "Seconds a run may be late."}),
    (
        ("--on-interrupt",),
        {"type": click.Choice(["report", "retry"]), "help": "What becomes of a run whose process died."},
    ),
    (("--max-cost",), {"type": click.FloatRange(0), "help": "US dollars one run may cost."}),
)


def _job_options(function: Callable[..., None]) -> Callable[..., None]:
    for names, options in reversed(_OPTIONS):
        default: dict[str, Any] = {} if options.get("multiple") else {"default": None}
        function = click.option(*names, **default, **options)(function)
    return function


def _wish(given: dict[str, Any]) -> JobWish:
    """What was said; the rest is unset."""
    wished: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, ())}
    for name in ("deliver", "skills"):
        if name in wished:
            wished[name] = tuple(part.strip() for text in wished[name] for part in text.split(",") if part.strip())
    if "toolsets" in wished:
        wished["toolsets"] = tuple(word.strip() for word in wished["toolsets"].split(",") if word.strip())
    return JobWish(**wished)


@cron.command(
    epilog="\b\nExamples:\n  hermes cron add 'every weekday at 9' 'Sum up my mail.' --deliver telegram\n"
    "  hermes cron add 'in 20 minutes' 'Remind me of the oven.'\n"
    "  hermes cron add '0 9 * * MON#1' 'Write the report.' --name report --tz Europe/Berlin"
)
@click.argument("schedule")
@click.argument("prompt", default="")
@_job_options
@json_option
@pass_host
def add(host: Host, /, schedule: str, prompt: str, as_json: bool, **given: Any) -> None:
    """Make a job that does what PROMPT says, by SCHEDULE.

    The prompt must say all it needs: each run is a conversation of its own, and nobody can be asked.
    """
    wish = _wish({**given, "schedule": schedule, "prompt": prompt or None})

    async def work() -> JobView:
        return await (await service(host)).create(wish)

    _show(run_async(host, work), as_json)


def _show(view: JobView, as_json: bool) -> None:
    if as_json:
        print_json(view)
    else:
        print_job(view)


@cron.command("list", epilog="Example: hermes cron list --all --json")
@click.option("-a", "--all", "everything", is_flag=True, help="Completed ones too.")
@json_option
@pass_host
def list_jobs(host: Host, everything: bool, as_json: bool) -> None:
    """List the jobs, the next one first."""

    async def work() -> Any:
        jobs = await service(host)
        return await jobs.jobs(everything=everything), await jobs.status()

    views, status = run_async(host, work)
    if as_json:
        print_json(views)
        return
    print_jobs(views)
    if views and not status.will_run:
        click.echo(f"! Nothing runs these jobs. {status.detail} {status.remedy}", err=True)
    for problem in status.problems:
        click.echo(f"! {problem}", err=True)


@cron.command(epilog="Example: hermes cron show report --json")
@click.argument("job")
@json_option
@pass_host
def show(host: Host, job: str, as_json: bool) -> None:
    """Show a job: what it does, when it comes, how its last run went."""

    async def work() -> JobView:
        return await (await service(host)).show(job)

    _show(run_async(host, work), as_json)


@cron.command(
    epilog="\b\nExamples:\n  hermes cron edit report --schedule 'every Friday at 17:00'\n"
    "  hermes cron edit report --prompt 'Write the report in German.' --clear-skills"
)
@click.argument("job")
@click.option("--schedule", default=None, help="When it runs.")
@click.option("--prompt", default=None, help="What it does.")
@click.option("--add-skill", multiple=True, metavar="NAME", help="One more skill. Repeatable.")
@click.option("--remove-skill", multiple=True, metavar="NAME", help="A skill less. Repeatable.")
@click.option("--clear-skills", is_flag=True, help="No skills.")
@_job_options
@json_option
@pass_host
def edit(
    host: Host,
    /,
    job: str,
    schedule: str | None,
    prompt: str | None,
    add_skill: tuple[str, ...],
    remove_skill: tuple[str, ...],
    clear_skills: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Change a job: only what is given. A new schedule counts from now on."""
    wished = {**given, "schedule": schedule, "prompt": prompt}
    if not clear_skills and not add_skill and not remove_skill and _wish(wished) == JobWish():
        raise JobError("There is nothing to change.", remedy="Give an option, such as --schedule.")

    async def work() -> JobView:
        jobs = await service(host)
        wish = _wish(wished)
        if clear_skills or add_skill or remove_skill:
            kept = wish.skills if wish.skills is not UNSET else (await jobs.show(job)).skills
            kept = () if clear_skills else tuple(kept)
            skills = tuple(name for name in (*kept, *add_skill) if name not in remove_skill)
            wish = JobWish(
                **{**{n: getattr(wish, n) for n in wish.__struct_fields__}, "skills": tuple(dict.fromkeys(skills))}
            )
        return await jobs.update(job, wish)

    _show(run_async(host, work), as_json)


@cron.command(epilog="Example: hermes cron pause report --reason 'on holiday'")
@click.argument("job")
@click.option("--reason", default="", help="Why, for listings.")
@json_option
@pass_host
def pause(host: Host, job: str, reason: str, as_json: bool) -> None:
    """Run a job by its schedule no more, until it is resumed."""

    async def work() -> JobView:
        return await (await service(host)).pause(job, reason)

    _said(run_async(host, work), as_json)


@cron.command(epilog="Example: hermes cron resume report")
@click.argument("job")
@json_option
@pass_host
def resume(host: Host, job: str, as_json: bool) -> None:
    """Go on with a paused job from now; what was due meanwhile is not made up for."""

    async def work() -> JobView:
        return await (await service(host)).resume(job)

    _show(run_async(host, work), as_json)


@cron.command(epilog="Example: hermes cron remove report")
@click.argument("job")
@json_option
@pass_host
def remove(host: Host, job: str, as_json: bool) -> None:
    """Take a job out. A run under way is stopped; its outputs stay."""

    async def work() -> JobView:
        return await (await service(host)).remove(job)

    _said(run_async(host, work), as_json)


def _said(view: JobView, as_json: bool) -> None:
    if as_json:
        print_json(view)
    else:
        click.echo(f"{view.name} ({view.id}) is {view.state} now.")


@cron.command(
    "next", epilog="\b\nExamples:\n  hermes cron next\n  hermes cron next --try 'every 2nd Tuesday of the month at 10'"
)
@click.option("-n", "--number", default=10, show_default=True, type=click.IntRange(1, 500), help="How many.")
@click.option(
    "--try", "schedule", default="", metavar="SCHEDULE", help="Show what a schedule would mean; makes no job."
)
@json_option
@pass_host
def next_runs(host: Host, number: int, schedule: str, as_json: bool) -> None:
    """Show the runs that come next, of all jobs in order, or of a schedule to try."""

    async def work() -> Any:
        from hermes_cron.coming import coming_runs, tried

        jobs = await service(host)
        return tried(jobs, schedule, number) if schedule else await coming_runs(jobs, number)

    found = run_async(host, work)
    if as_json:
        print_json(found)
    else:
        print_next(found)


for _short, _long in {"create": add, "rm": remove, "delete": remove}.items():
    cron.add_command(click.Command(_short, callback=_long.callback, params=_long.params, help=_long.help, hidden=True))
