"""Everything that comes in, and the turns it starts: the rooms put together, and the way from a row to its work."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any

from hermes_gateway.actors import Actor, Workplace
from hermes_gateway.admission import Admission, Admitted, ChatInbox
from hermes_gateway.approving import Asks
from hermes_gateway.attachments import Attachments
from hermes_gateway.chat_commands import HANDLERS
from hermes_gateway.conversation_rows import ConversationRows
from hermes_gateway.lane import Lane, parse
from hermes_gateway.opened import Opened
from hermes_gateway.pairing import ALPHABET, LENGTH, Pairing
from hermes_gateway.settings import GatewaySettings, Settings
from hermes_gateway.shared import Shared, people_of
from hermes_gateway.turn_rows import TurnRows
from hermes_gateway.turns import Turns
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from hermes_gateway.database import Database
    from hermes_gateway.deliveries import Deliveries
    from hermes_gateway.parts import Adapters
    from hermes_host.host import Host
    from hermes_host.protocols import Inbound, Inbox

__all__ = ["Conversations"]

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 3600.0
_INTERRUPT_SECONDS = 3.0

_LINK = re.compile(rf"/link(?:@\S+)?\s+[{ALPHABET}{ALPHABET.lower()}]{{{LENGTH}}}\s*")

_YES_OR_NO = frozenset({"yes", "y", "yeah", "ok", "okay", "sure", "go", "allow", "approve", "no", "n", "nope", "deny"})


class Conversations:
    """Everything that comes in, and the turns it starts."""

    def __init__(
        self,
        host: Host,
        database: Database,
        deliveries: Deliveries,
        adapters: Adapters,
        settings: Settings | GatewaySettings | None = None,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        whole = settings if isinstance(settings, Settings) else Settings.of(host, settings)
        times: dict[str, Any] = {"clock": clock} if clock is not None else {}
        self.shared = shared = Shared(
            host=host,
            database=database,
            deliveries=deliveries,
            adapters=adapters,
            settings=whole,
            people=people_of(host, database, whole, **times),
            **times,
        )
        self.pairing = Pairing(database, shared.people, whole, clock=shared.clock)
        self.rows = TurnRows(database, shared.holder, whole.gateway.lease_seconds, shared.clock)
        self.conversations = ConversationRows(database, shared.clock)
        self.asks = Asks(shared)
        self.opened = Opened(shared, self.asks)
        self.turns = Turns(shared, self.rows, self.conversations, self.opened, self.asks)
        self.place = Workplace(shared, self.rows, self.conversations, self.opened, self.turns)
        self.lane = Lane(
            self.place,
            self.asks,
            self.pairing,
            actor=self._actor,
            handlers=HANDLERS,
            admit=self._take,
            again=self._again,
        )
        self.admission = Admission(
            database,
            shared.people,
            whole,
            spec=adapters.spec,
            admitted=self._admitted,
            stranger=self._meet_stranger,
            clock=shared.clock,
        )
        self._actors: dict[str, Actor] = {}
        self._inboxes: dict[str, ChatInbox] = {}
        self._beside: set[asyncio.Task[None]] = set()
        self._begun = False
        self._found = 0

    # ---------------------------------------------------------------------------------------- what others see

    def inbox(self, platform: str) -> Inbox:
        """Where the adapter of that name delivers."""
        if platform not in self._inboxes:
            self._inboxes[platform] = ChatInbox(platform, self.admission, self.shared.database)
        return self._inboxes[platform]

    def live(self) -> dict[str, int]:
        """Numbers for metrics and status."""
        return {
            "turns_running": len(self.turns.running),
            "turns_total": self.turns.count,
            "updates_waiting": self.rows.count_waiting(),
            "updates_total": self.admission.count,
            "conversations_open": len(self.opened),
            "conversations": self.conversations.count(),
            "quarantined": len(self.rows.quarantined()),
        }

    async def run(self, started: Callable[[], None]) -> None:
        """Recover what was interrupted, then work until cancelled; running turns get time to end."""
        self.place.stopping.clear()
        await self._recover()
        self._begun = True
        started()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hold_turns(), name="gateway-leases")
                group.create_task(self._sweep(), name="gateway-sweep")
        finally:
            await self._drain()

    # ------------------------------------------------------------------------------------------------- the ways

    def _actor(self, key: str) -> Actor:
        if key not in self._actors:
            self._actors[key] = Actor(key, self.place, self._ended)
        return self._actors[key]

    def _ended(self, actor: Actor) -> None:
        if self._actors.get(actor.key) is not actor:
            return
        if actor.waiting or actor.interrupted:
            # Something came in between its last look and its end.
            asyncio.get_running_loop().call_soon(actor.start)
        else:
            del self._actors[actor.key]

    def _admitted(self, item: Admitted) -> None:
        if self._begun and not self.place.stopping.is_set() and item.id > self._found:
            self._route(item)  # else it is found, or was found, among those that wait on disk

    def _route(self, item: Admitted) -> None:
        """Work on an update that is on disk."""
        update = item.update
        try:
            if update.action:
                self._spawn(self._press(item))
            elif not self.shared.external(update.address.platform) and (command := parse(update)) is not None:
                self._spawn(self.lane.run(item.conversation, item, command))
            elif not update.forwarded and self.asks.answer(update):
                self.rows.settle([item.id])
            elif self.asks.waits(update) and update.text.strip(" .!").lower() in _YES_OR_NO:
                self.lane.settle(item, "To answer the request, press a button or write `/approve` or `/deny`.")
            else:
                self._take(item, "")
        except HermesError as error:
            log.error("an update cannot be worked on for now: %s", error)
            self._actor(item.conversation).take(item)

    def _take(self, item: Admitted, mode: str) -> None:
        """Give a message to its conversation: to the running turn, or to the next one."""
        key = item.conversation
        actor = self._actor(key)
        running = key in self.turns.running
        if len(actor.waiting) >= self.shared.settings.gateway.queue_limit:
            self._refuse(item)
            return
        if running and not mode:
            row = self.conversations.get(key)
            mode = (row.details.busy if row is not None else "") or self.shared.settings.display.busy_input_mode
            if not item.update.text and item.update.attachments:
                mode = "queue"  # a picture alone asks nothing; the rest of an album ends no turn
        if running and mode == "steer" and not item.update.attachments and self.turns.steer(key, item):
            return
        actor.take(item)
        if running and mode == "interrupt" and self._is_of(item, key):
            self.turns.interrupt(key, "busy")

    def _is_of(self, item: Admitted, key: str) -> bool:
        """Whether a message is from whoever began the running turn: nobody ends that of somebody else by talking."""
        return self.turns.running[key].items[0].update.sender.id == item.update.sender.id

    def _refuse(self, item: Admitted) -> None:
        self.rows.settle([item.id], "refused")
        limit = self.shared.settings.gateway.queue_limit
        minute = int(self.shared.clock() // 60)
        self._spawn(
            self._say(
                item.update,
                f"{limit} messages wait already, so I do not take more for now. /stop drops them.",
                key=f"full:{item.conversation}:{minute}",
            )
        )

    async def _press(self, item: Admitted) -> None:
        said = await self.asks.press(item.update, self.shared.standing(item.update))
        self.lane.settle(item, said)

    def _meet_stranger(self, update: Inbound) -> None:
        self._spawn(self._answer_stranger(update))

    async def _answer_stranger(self, update: Inbound) -> None:
        platform = update.address.platform
        shared = self.shared
        if _LINK.fullmatch(update.text.strip()):
            await self._say(update, self.pairing.link(update, update.text.split()[-1]), key=f"link:{update.update}")
            return
        spec = shared.adapters.spec(platform)
        if not shared.settings.pairs(platform, usually=spec is None or spec.pairing):
            return
        with shared.database.transaction() as connection:
            said = self.pairing.request(connection, update)
            if said:
                key = f"pairing:{platform}:{update.sender.id}:{shared.clock()}"
                shared.deliveries.enqueue(connection, update.address, said, key=key, source="gateway")
        if said:
            shared.deliveries.wake()

    async def _say(self, update: Inbound, text: str, *, key: str) -> None:
        await self.shared.deliveries.say(update.address, text, key=key, source="gateway")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="gateway-lane")
        self._beside.add(task)
        task.add_done_callback(self._beside_done)

    def _beside_done(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("something beside the turns failed", exc_info=error)

    # ------------------------------------------------------------------------------------------- after a restart

    async def _recover(self) -> None:
        self.rows.begin()
        self._actors.clear()
        await self.asks.void()
        for claim in self.rows.left_behind():
            try:
                found = await self.turns.recover(claim)
            except Exception:  # one conversation that cannot be read must not keep the others from being answered
                log.exception("the turn %d cannot be recovered", claim.id)
                continue
            if found is not None:
                self._actor(claim.conversation).interrupted.append(found)
        self._begun = True
        waiting = self.rows.waiting()
        self._found = max((item.id for item in waiting), default=0)
        for item in waiting:
            self._route(item)
        for actor in list(self._actors.values()):
            actor.start()

    async def _again(self, key: str) -> None:
        """Take up the turn that was laid aside last."""
        claim = self.rows.take_again(key)
        if claim is not None:
            found = await self.turns.recover(claim)
            if found is not None:
                actor = self._actor(key)
                actor.interrupted.append(found)
                actor.start()

    # ---------------------------------------------------------------------------------------------- meanwhile

    async def _hold_turns(self) -> None:
        """Keep the leases of running turns, and end those of people who may no longer talk."""
        while True:
            await asyncio.sleep(min(2.0, self.shared.settings.gateway.lease_seconds / 3))
            running = dict(self.turns.running)
            if not running:
                continue
            try:
                lost = set(self.rows.renew([item.claim for item in running.values()]))
                for key, turn in running.items():
                    if turn.claim.id in lost or not self.shared.standing(turn.items[0].update).role:
                        self.turns.interrupt(key, "revoked")
            except HermesError as error:
                log.warning("the leases could not be renewed: %s", error)

    async def _sweep(self) -> None:
        """Forget what was kept long enough."""
        gateway = self.shared.settings.gateway
        while True:
            try:
                await asyncio.to_thread(Attachments.sweep, self.shared.cache / "incoming", gateway.media.keep_hours)
                self.rows.forget(self.shared.clock() - gateway.keep_days * 86_400)
            except (HermesError, OSError) as error:
                log.warning("sweeping failed: %s", error)
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _drain(self) -> None:
        """Let running turns end; what does not end in time is taken up by the next process."""
        self.place.stopping.set()
        tasks = {task for actor in self._actors.values() if (task := actor.task) is not None and not task.done()}
        for actor in list(self._actors.values()):
            actor.nudge()
        if tasks:
            await asyncio.wait(tasks, timeout=self.shared.settings.gateway.drain_seconds)
        for key in list(self.turns.running):
            self.turns.interrupt(key, "shutdown")
        left = {task for task in tasks if not task.done()}
        if left:
            _, late = await asyncio.wait(left, timeout=_INTERRUPT_SECONDS)
            for task in late:
                task.cancel()
        if self._beside:
            await asyncio.wait(set(self._beside), timeout=_INTERRUPT_SECONDS)
        for task in list(self._beside):
            task.cancel()
        await self.admission.settle()
        await self.opened.aclose()
        self._begun = False
