"""`/cron`: jobs in any chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_cron.protocol import Author, Jobs, JobWish
from hermes_cron.schedule import spell
from hermes_cron.views import delivery_word
from hermes_host.errors import Denied
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_cron.protocol import JobView
    from hermes_cron.records import Run
    from hermes_host.frontends import SlashCall

__all__ = ["cron"]

USAGE = """\
- `/cron` lists the jobs
- `/cron add every weekday at 9 | Sum up my mail.` makes one
- `/cron show|pause|resume|run|remove|history JOB`, by id or name
- `/cron status` says whether something runs them"""


async def cron(call: SlashCall) -> str:
    """`/cron [WORD] [REST]`."""
    jobs = await call.host.services.get(Jobs)
    chat = call.session.context.chat
    owner = chat is None or chat.role == "owner"
    user = None if owner or chat is None else chat.user
    word, _, rest = call.arguments.strip().partition(" ")
    rest = rest.strip()
    if word in ("", "list"):
        return _listed(await jobs.jobs(everything=rest == "--all", user=user))
    if word in ("add", "create"):
        if not owner:
            raise Denied("Only the owner makes jobs by /cron.", remedy="Ask the agent for it instead.")
        schedule, bar, prompt = rest.partition("|")
        if not bar:
            return "Say when and what, with a bar between: `/cron add every weekday at 9 | Sum up my mail.`"
        author = Author(chat=chat.address if chat else "")
        return _one(await jobs.create(JobWish(schedule=schedule.strip(), prompt=prompt.strip()), author))
    if word == "status":
        status = await jobs.status()
        return "\n\n".join(filter(None, (status.detail, status.remedy, *status.problems)))
    if word == "history":
        return _history(await jobs.history(rest, limit=10, user=user))
    if not rest or word not in ("show", "pause", "resume", "run", "remove"):
        return USAGE
    if word == "run":
        run = await jobs.trigger(rest, user=user)
        status = await jobs.status()
        return f"{run.name} runs now." if status.will_run else f"Nothing will run it. {status.remedy}"
    if word == "show":
        return _one(await jobs.show(rest, user=user))
    act = {"pause": jobs.pause, "resume": jobs.resume, "remove": jobs.remove}[word]
    view = await act(rest, user=user)
    return f"**{one_line(view.name)}** (`{view.id}`) is {view.state} now."


def _listed(views: Sequence[JobView]) -> str:
    if not views:
        return f"There are no jobs.\n\n{USAGE}"
    return "\n".join(
        f"- `{view.id}` **{one_line(view.name, 60)}** {view.state}: {view.meaning}"
        + (f"; next {view.next_runs[0]}" if view.next_runs else "")
        + (f"; last {view.last_state}" if view.last_state else "")
        for view in views
    )


def _one(view: JobView) -> str:
    lines = [f"**{one_line(view.name)}** (`{view.id}`, {view.state}): {view.meaning}"]
    lines += [f"⚠️ {note}" if note.isupper() or note.startswith("NOTHING") else note for note in view.notes]
    lines += [f"- {text}" for text in view.next_runs]
    if view.last_state:
        lines.append(f"Last: {view.last_run} {view.last_state} {view.last_error}".rstrip())
    return "\n".join(lines)


def _history(runs: Sequence[Run]) -> str:
    rows = [
        f"- {spell(run.due, 'UTC')} {one_line(run.name, 40)}: {run.state.replace('_', ' ')}"
        + (f" ({one_line(run.reason, 100)})" if run.reason else "")
        + (f"; {delivery_word(run)}" if run.delivery else "")
        for run in runs
    ]
    return "\n".join(rows) or "Nothing has been due yet."
