"""The service `Jobs`: what can be done with jobs, the same for the tool, the commands, the chat and other plugins."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from hermes_cron.english import understand
from hermes_cron.errors import JobError, ScheduleError
from hermes_cron.original import import_original
from hermes_cron.protocol import Author, JobView, JobWish, Status
from hermes_cron.records import Job
from hermes_cron.schedule import next_after, period
from hermes_cron.settings import zone_named
from hermes_cron.status import nobody_runs, status_of
from hermes_cron.store import Store
from hermes_cron.views import view_of
from hermes_cron.waking import wake
from hermes_host.errors import HermesError, NotFound
from hermes_host.services import Accounts, Outbox
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_cron.clock import Clock
    from hermes_cron.records import Run
    from hermes_host.context import PluginContext
    from hermes_host.specs import ServiceSpec

__all__ = ["CronJobs", "connect"]

log = logging.getLogger(__name__)

_OWNER = Author()
_LOUD = "NOTHING WILL RUN THIS JOB: "


def connect(context: PluginContext, spec: ServiceSpec) -> CronJobs:
    """The jobs of a host."""
    return CronJobs(context)


class CronJobs:
    """See `hermes_cron.protocol.Jobs`."""

    def __init__(self, context: PluginContext, clock: Clock | None = None) -> None:
        self.store = Store(context, clock)
        self._context = context
        self.import_problem = ""
        self._import()

    def _import(self) -> None:
        try:
            found = import_original(self.store)
        except HermesError as error:
            # The old jobs wait; those of this store go on.
            self.import_problem = str(error)
            log.warning("%s", error)
            return
        if found:
            log.info("%d jobs of cron/jobs.json were taken over", found)

    # -------------------------------------------------------------------------------------------------- changing

    async def create(self, wish: JobWish, author: Author = _OWNER) -> JobView:
        """Make a job."""
        if not isinstance(wish.schedule, str):
            raise ScheduleError("A job needs a schedule.", remedy="Say for example `every weekday at 9`.")
        store, now = self.store, self.store.clock.now()
        zone = zone_named(wish.timezone).key if isinstance(wish.timezone, str) and wish.timezone else store.zone
        understood = understand(wish.schedule, now=now, zone=zone)
        blank = Job(
            id=secrets.token_hex(6),
            name="",
            schedule=understood.schedule,
            said=wish.schedule,
            origin=author.chat,
            user=author.user,
            author=author.provenance,
            toolsets=author.tools,
            deliver=("origin",) if author.chat else ("local",),
        )
        job = self._wished(blank, wish, author)
        job = msgspec.structs.replace(job, name=self._name(job, wish))
        self._check(job, now)
        await self._check_places(job)
        notes = [*understood.notes, *await self._check_parts(job)]
        row = store.jobs.add(job, now=now, next=next_after(job.schedule, now))
        wake(store.home)
        return view_of(row, now, notes=[*self._nobody_runs(), *notes])

    async def update(
        self, reference: str, wish: JobWish, author: Author = _OWNER, *, user: str | None = None
    ) -> JobView:
        """Change a job."""
        store, now = self.store, self.store.clock.now()
        with store.database.transaction():
            row = store.jobs.find(reference, user=user)
            job, notes = row.job, list[str]()
            if wish.schedule is not UNSET or wish.timezone is not UNSET:
                zone = wish.timezone if isinstance(wish.timezone, str) and wish.timezone else job.schedule.zone
                said = wish.schedule if isinstance(wish.schedule, str) else job.said
                understood = understand(said, now=now, zone=zone_named(zone).key)
                notes += understood.notes
                job = msgspec.structs.replace(job, schedule=understood.schedule, said=said)
            job = self._wished(job, wish, author)
            if author.provenance != "owner":
                job = msgspec.structs.replace(job, author=author.provenance, toolsets=author.tools)
            self._check(job, now)
        await self._check_places(job)
        notes += await self._check_parts(job)
        with store.database.transaction():
            current = store.jobs.get(row.job.id)
            if current.updated != row.updated or current.state != row.state or current.job != row.job:
                raise JobError(f"The job {row.job.name!r} was changed meanwhile.", remedy="Look at it and try again.")
            state, following = current.state, current.next
            if job.schedule != row.job.schedule or (state == "completed" and job.repeat != row.job.repeat):
                following = next_after(job.schedule, now)
                state = "active" if state == "completed" and following is not None else state
                following = None if state == "paused" else following
            changed = store.jobs.change(job, now=now, next=following, state=state, reason=current.reason)
        wake(store.home)
        return view_of(changed, now, notes=[*(self._nobody_runs() if state == "active" else ()), *notes])

    async def pause(self, reference: str, reason: str = "", *, user: str | None = None) -> JobView:
        """Run it by its schedule no more."""
        store, now = self.store, self.store.clock.now()
        with store.database.transaction():
            row = store.jobs.find(reference, user=user)
            if row.state == "completed":
                raise JobError(f"The job {row.job.name!r} is completed: there is nothing to pause.")
            row = store.jobs.change(row.job, now=now, next=None, state="paused", reason=reason)
        wake(store.home)
        return view_of(row, now)

    async def resume(self, reference: str, *, user: str | None = None) -> JobView:
        """Go on from now."""
        store, now = self.store, self.store.clock.now()
        with store.database.transaction():
            row = store.jobs.find(reference, user=user)
            if row.state == "active":
                return view_of(row, now)
            following = next_after(row.job.schedule, now)
            done = bool(row.job.repeat) and row.completed >= row.job.repeat
            if following is None or done:
                raise JobError(
                    f"The job {row.job.name!r} has no run to come.",
                    remedy=f"Give it a new time: `hermes cron edit {row.job.id} --schedule ...`.",
                )
            row = store.jobs.change(row.job, now=now, next=following, state="active")
        wake(store.home)
        return view_of(row, now, notes=self._nobody_runs())

    async def remove(self, reference: str, *, user: str | None = None) -> JobView:
        """Take it out."""
        store, now = self.store, self.store.clock.now()
        with store.database.transaction():
            row = store.jobs.find(reference, user=user)
            store.jobs.remove(row.job.id, now=now)
        wake(store.home)
        return view_of(msgspec.structs.replace(row, state="removed"), now)

    async def trigger(self, reference: str, *, user: str | None = None) -> Run:
        """Have it run once now."""
        store = self.store
        with store.database.transaction():
            run = store.runs.ask_for(store.jobs.find(reference, user=user), store.clock.now())
        wake(store.home)
        return run

    # --------------------------------------------------------------------------------------------------- looking

    async def jobs(self, *, everything: bool = False, user: str | None = None) -> Sequence[JobView]:
        """The jobs."""
        store, now = self.store, self.store.clock.now()
        if not store.database.exists:
            return []
        rows = store.jobs.list(user=user, everything=everything)
        last = store.runs.last([row.job.id for row in rows])
        return [view_of(row, now, last=last.get(row.job.id)) for row in rows]

    async def show(self, reference: str, *, user: str | None = None) -> JobView:
        """One job."""
        row = self.store.jobs.find(reference, user=user)
        last = self.store.runs.last([row.job.id])
        return view_of(row, self.store.clock.now(), last=last.get(row.job.id))

    async def history(self, reference: str = "", *, limit: int = 20, user: str | None = None) -> Sequence[Run]:
        """Runs, the newest first."""
        if reference or user is not None:
            if reference:
                return self.store.runs.history(self.store.jobs.find(reference, user=user).job.id, limit=limit)
            own = {row.job.id for row in self.store.jobs.list(user=user, everything=True)}
            return [run for run in self.store.runs.history(limit=1000) if run.job in own][:limit]
        return self.store.runs.history(limit=limit)

    async def status(self) -> Status:
        """Whether something runs jobs."""
        return status_of(self.store, [self.import_problem] if self.import_problem else [])

    async def aclose(self) -> None:
        """Close the store."""
        self.store.database.close()

    # -------------------------------------------------------------------------------------------------- checking

    def _wished(self, job: Job, wish: JobWish, author: Author) -> Job:
        changes: dict[str, Any] = {
            name: getattr(wish, name)
            for name in wish.__struct_fields__
            if getattr(wish, name) is not UNSET and name not in ("schedule", "timezone")
        }
        if author.provenance != "owner" and (changes.get("script") or job.script):
            raise JobError("Only the owner's jobs may have a script.")
        if author.tools is not None:
            changes["toolsets"] = author.tools
        if "prompt" in changes:
            changes["prompt"] = changes["prompt"].strip()
        if "deliver" in changes:
            deliver = tuple(place.strip() for place in changes["deliver"] if place.strip())
            changes["deliver"] = deliver or ("local",)
        try:
            return msgspec.convert(msgspec.to_builtins(msgspec.structs.replace(job, **changes)), Job)
        except msgspec.ValidationError as error:
            raise JobError(f"The job cannot be like that: {error}.") from None

    def _name(self, job: Job, wish: JobWish) -> str:
        if isinstance(wish.name, str) and wish.name.strip():
            return one_line(wish.name, 100)
        start = one_line(job.prompt or (job.skills[0] if job.skills else "job"), 50)
        taken, name, number = self.store.jobs.names(), start, 2
        while name.casefold() in taken:
            name, number = f"{start} ({number})", number + 1
        return name

    def _check(self, job: Job, now: float) -> None:
        if not job.prompt and not job.skills:
            raise JobError("A job needs a prompt (what is to be done), or skills.")
        if not job.name.strip():
            raise JobError("A job needs a name.")
        length = period(job.schedule, now)
        shortest = self.store.settings.shortest_interval
        if length is not None and length < shortest:
            raise ScheduleError(f"It would run every {length:g} s; cron.shortest_interval is {shortest:g} s.")

    async def _check_places(self, job: Job) -> None:
        """Where answers go must be known now, not when the first one is lost. Raises `NotFound`."""
        outbox: Outbox | None = None
        for place in job.deliver:
            if place == "local":
                continue
            if place == "origin":
                if not job.origin:
                    raise JobError("`origin` is the chat a job is made in, and this was made in none.")
                continue
            outbox = outbox or await self._context.services.find(Outbox)
            if outbox is None:
                raise NotFound(
                    f"Nothing here can deliver to {place!r}.",
                    remedy="`pip install hermes-gateway` and a platform, or deliver to `local` (a file).",
                )
            await outbox.resolve(place)

    async def _check_parts(self, job: Job) -> Sequence[str]:
        """Raises `NotFound` for tools there are not."""
        tools = self._context.registry("tools")
        known = {item.name for item in tools} | {item.spec.toolset or item.plugin for item in tools}
        known |= {item.name for item in self._context.registry("toolsets")} | {"all", "*"}
        for name in job.toolsets or ():
            if name not in known:
                raise NotFound(f"There is no toolset or tool {name!r}.", remedy="See `hermes tools list`.")
        if job.script and "terminal" not in known:
            raise NotFound("A script needs a terminal.", remedy="`pip install hermes-terminal hermes-local`")
        if job.max_cost and await self._context.services.find(Accounts) is None:
            return ["Nothing here knows what a run costs, so its limit has no effect: `pip install hermes-accounting`."]
        return ()

    def _nobody_runs(self) -> Sequence[str]:
        why = nobody_runs(self.store)
        return (f"{_LOUD}{why}",) if why else ()
