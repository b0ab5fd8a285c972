"""The clockwork: looks what is due, claims it, runs it beside the others, writes down what became of it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from hermes_cron.delivering import Deliverer
from hermes_cron.outputs import compose, remove_output, write_output
from hermes_cron.running import Outcome, Runner
from hermes_cron.runs_table import INTERRUPTED_AT_MOST, targets
from hermes_cron.waking import Waker
from hermes_host.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hermes_cron.holders import Holder, Kind
    from hermes_cron.records import Run
    from hermes_cron.runs_table import Claimed
    from hermes_cron.store import Store
    from hermes_host.context import PluginContext

__all__ = ["Scheduler"]

log = logging.getLogger(__name__)

_SEEN = 20.0
_FOLLOW = 5.0
_PATIENCE = 10.0
"""Seconds: between two signs of life; until messages on their way are looked at again; that ended runs get to end."""

_DELIVERY_SECONDS = 10.0


class Scheduler:
    """Runs jobs in this process. Several processes may: each instant is run by one of them."""

    def __init__(self, context: PluginContext, store: Store, *, kind: Kind) -> None:
        self._context = context
        self._store = store
        self._kind = kind
        self._clock = store.clock
        self._runner = Runner(context, store.settings)
        self._deliverer = Deliverer(context, store.runs, store.clock)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._removed: set[int] = set()
        self._unwritten: list[Callable[[], None]] = []
        self._holder: Holder | None = None
        self._seen = 0.0
        self._only = ""
        self._delivering: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    # --------------------------------------------------------------------------------------------------- working

    async def run(self, started: Callable[[], None]) -> None:
        """Work until cancelled. What runs then is interrupted, and its job's policy says what becomes of it."""
        await asyncio.to_thread(self._store.database.examine)
        self._begin()
        try:
            async with Waker(self._store.home) as waker:
                self._changed = waker.event
                started()
                while True:
                    self._changed.clear()
                    until = self._look_safely()
                    await self._clock.wait(until, self._changed)
        finally:
            await self._end()

    async def run_due(self, *, only: str = "") -> Sequence[Run]:
        """Run what is due now and what waits, until nothing of it is left; gives those runs as they ended.

        With `only`, an id, nothing but what waits of that job.
        """
        self._only = only
        self._begin()
        made: list[int] = []
        try:
            self._look()
            while self._tasks:
                made += [number for number in self._tasks if number not in made]
                await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(0)
                self._look()
            if self._delivering is not None:
                await asyncio.wait({self._delivering})
            await self._deliverer.deliver(patience=_DELIVERY_SECONDS)
        finally:
            await self._end()
        return [self._store.runs.get(number) for number in made]

    def _begin(self) -> None:
        now = self._clock.now()
        self._store.holders.settle(now)
        self._holder = self._store.holders.take(self._kind, now)
        self._seen = now

    async def _end(self) -> None:
        tasks = [*self._tasks.values(), *([self._delivering] if self._delivering is not None else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_PATIENCE)
        if self._holder is not None:
            self._holder.release(self._clock.now())
            self._holder = None

    # --------------------------------------------------------------------------------------------------- looking

    def _look_safely(self) -> float | None:
        """One look. A store that cannot be used ends the work, unless something runs: that is brought to its end."""
        try:
            return self._look()
        except SessionError as error:
            log.error("jobs cannot be looked at: %s", error)
            if not self._tasks:
                raise
            return self._clock.now() + _FOLLOW

    def _look(self) -> float | None:
        """Do what is due; gives when to look again at the latest."""
        store, holder = self._store, self._holder
        assert holder is not None, "it has begun"
        now = self._clock.now()
        self._write_the_rest()
        for run in store.runs.recover(now, store.holders.alive):
            log.warning("job %r (run %d) was interrupted: its process ended", run.name, run.id)
        room = store.settings.max_parallel - len(self._tasks)
        for claimed in store.runs.look(now, holder.id, room=room, only=self._only):
            self._spawn(claimed)
        self._stop_removed(holder.id)
        if abs(now - self._seen) >= _SEEN:
            holder.seen(now)
            self._seen = now
        times = [store.jobs.first_due(), store.runs.first_waiting(now)]
        if store.runs.undelivered() or self._unwritten:
            self._deliver_beside()
            times.append(now + _FOLLOW)
        return min((each for each in times if each is not None), default=None)

    def _spawn(self, claimed: Claimed) -> None:
        task = asyncio.create_task(self._work(claimed), name=f"cron-{claimed.row.job.id}-{claimed.run.id}")
        self._tasks[claimed.run.id] = task
        task.add_done_callback(lambda _: self._done(claimed.run.id))

    def _done(self, number: int) -> None:
        self._tasks.pop(number, None)
        self._removed.discard(number)
        self._changed.set()

    def _stop_removed(self, holder: str) -> None:
        for number in self._store.runs.of_removed_jobs(holder) if self._tasks else ():
            task = self._tasks.get(number)
            if task is not None and number not in self._removed:
                self._removed.add(number)
                task.cancel()

    def _deliver_beside(self) -> None:
        if self._delivering is None or self._delivering.done():
            self._delivering = asyncio.create_task(self._deliver(), name="cron-deliver")

    async def _deliver(self) -> None:
        try:
            if await self._deliverer.deliver():
                self._changed.set()
        except Exception:
            # Whatever a delivery fails of, the other jobs run on; it is tried again at the next look.
            log.exception("answers could not be delivered")

    # ------------------------------------------------------------------------------------------------- one run

    async def _work(self, claimed: Claimed) -> None:
        run = claimed.run
        try:
            outcome = await self._runner.run(claimed.row.job, run, lambda session: self._began(run.id, session))
        except asyncio.CancelledError:
            self._leave(claimed)
            raise
        except Exception as error:
            log.exception("job %r failed", run.name)
            outcome = Outcome(state="failed", reason=f"Internal error: {type(error).__name__}: {error}")
        self._keep(lambda: self._finish(claimed, outcome))

    def _began(self, number: int, session: str) -> None:
        if self._holder is not None:
            self._store.runs.note(number, self._holder.id, lambda run: msgspec.structs.replace(run, session=session))

    def _leave(self, claimed: Claimed) -> None:
        """Its process ends, or its job is gone."""
        if claimed.run.id in self._removed:
            outcome = Outcome(state="cancelled", reason="The job was removed.", again=False)
        else:
            retry = (claimed.row.job.on_interrupt or self._store.settings.on_interrupt) == "retry"
            outcome = Outcome(state="interrupted", reason="The process that ran it was stopped.", again=retry)
        self._keep(lambda: self._finish(claimed, outcome))

    def _keep(self, write: Callable[[], None]) -> None:
        """Write how a run ended; what the disk refuses now is written later."""
        try:
            write()
        except (SessionError, OSError) as error:
            log.error("the end of a run cannot be written yet: %s", error)
            self._unwritten.append(write)

    def _write_the_rest(self) -> None:
        waiting, self._unwritten = self._unwritten, []
        for write in waiting:
            self._keep(write)

    def _finish(self, claimed: Claimed, outcome: Outcome) -> None:
        holder = self._holder
        if holder is None:
            return
        store, job, run, now = self._store, claimed.row.job, claimed.run, self._clock.now()
        again = self._again(claimed, outcome, now)
        output = ""
        if not again and outcome.state != "cancelled":
            try:
                output = write_output(store.home, job, run, outcome)
            except OSError as error:
                # The answer itself is in the store; a file that cannot be written must not cost it.
                outcome = msgspec.structs.replace(outcome, notes=(*outcome.notes, f"No file was written: {error}"))
        message = (
            ""
            if again or outcome.state == "cancelled"
            else compose(job, run, outcome, wrap=store.settings.wrap_response)
        )
        note = (f"Attempt {run.attempt}: {outcome.reason}",) if again else ()

        def change(kept: Run) -> Run:
            return msgspec.structs.replace(
                kept,
                state=outcome.state,
                reason=outcome.reason,
                text=outcome.text,
                notes=(*kept.notes, *outcome.notes, *note),
                cost=outcome.cost if kept.cost is None else kept.cost + (outcome.cost or 0.0),
                output=output,
                message=message,
                delivery=targets(job) if message else (),
            )

        store.runs.finish(run.id, holder.id, now, change, again=again)
        for old in store.runs.forget(job.id, store.settings.keep_runs):
            remove_output(store.home, old.output)

    def _again(self, claimed: Claimed, outcome: Outcome, now: float) -> float:
        """When it is tried again; 0 for not."""
        settings, run = self._store.settings, claimed.run
        if outcome.state == "interrupted" and outcome.again:
            return now if run.attempt < INTERRUPTED_AT_MOST else 0.0
        retries = settings.retries if claimed.row.job.retries is None else claimed.row.job.retries
        if outcome.state not in ("failed", "timed_out") or not outcome.again or run.attempt > retries:
            return 0.0
        return now + settings.retry_pause * 2.0 ** (run.attempt - 1)
