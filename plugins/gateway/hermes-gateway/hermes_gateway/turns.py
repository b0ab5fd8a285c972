"""Running turns: from claimed messages to an answer in the outbox."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from hermes_gateway.answers import complete, taken_apart
from hermes_gateway.approving import Starter
from hermes_gateway.incoming import read
from hermes_gateway.recovery import look, resumption
from hermes_gateway.rights import rights_of
from hermes_gateway.wording import failure, failure_of, outcome_text
from hermes_host.errors import BadRequest, HermesError, SessionError
from hermes_host.events import MessageAdded, SteeringAdded, TurnFinished, TurnStarted
from hermes_host.messages import ATTACHED, Media, Message, Text
from hermes_host.protocols import Address, Chat
from hermes_host.visible import one_line

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from hermes_gateway.admission import Admitted
    from hermes_gateway.approving import Asks
    from hermes_gateway.conversation_rows import ConversationRow, ConversationRows
    from hermes_gateway.opened import Held, Opened
    from hermes_gateway.parts import Presenter
    from hermes_gateway.people import Standing
    from hermes_gateway.recovery import Found
    from hermes_gateway.shared import Shared
    from hermes_gateway.turn_rows import Claim, TurnRows
    from hermes_host.agent.session import Session
    from hermes_host.events import Event
    from hermes_host.protocols import Receipt

__all__ = ["Running", "Turns"]

log = logging.getLogger(__name__)

Why = Literal["", "busy", "stop", "revoked", "shutdown"]

_PAUSES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


@dataclass(kw_only=True, slots=True)
class Running:
    """A turn at work."""

    claim: Claim
    items: Sequence[Admitted]
    standing: Standing
    to: Address | None
    """Where the answer goes; None for nowhere."""
    held: Held | None = None
    """The session it runs in, once it is open."""
    phase: Literal["waiting", "preparing", "running", "ending"] = "waiting"
    stored: bool = False
    """Whether the message is in the session's log."""
    why: Why = ""
    """Why it was interrupted."""
    began: float = field(default_factory=time.monotonic)
    heard: float = field(default_factory=time.monotonic)
    """When the turn last gave a sign."""
    steered: list[Admitted] = field(default_factory=list)
    """Messages that were given to the turn and that it has not read yet."""
    media: list[Media] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    returned: bool = False
    """Whether nothing came of it, and its messages wait again."""
    outcome: str = ""


class Turns:
    """All turns of this process, one at a time in each conversation."""

    def __init__(
        self, shared: Shared, rows: TurnRows, conversations: ConversationRows, opened: Opened, asks: Asks
    ) -> None:
        self._shared = shared
        self._rows = rows
        self._conversations = conversations
        self._opened = opened
        self._asks = asks
        self._slots = asyncio.Semaphore(shared.settings.gateway.parallel_turns)
        self.running: dict[str, Running] = {}
        self.count = 0

    # ------------------------------------------------------------------------------------------------ the work

    async def work(self, row: ConversationRow, items: Sequence[Admitted], claim: Claim, found: Found | None) -> Running:
        """Do a claimed turn to its end. Never raises but for cancellation."""
        first = items[0].update
        running = Running(
            claim=claim,
            items=items,
            standing=self._shared.standing(first),
            to=self._destination(first.deliver_to, row.address),
        )
        self.running[row.key] = running
        self.count += 1
        task = running.task = asyncio.create_task(self._work(row, running, found), name=f"gateway-turn-{claim.id}")
        try:
            await asyncio.wait({task})
        finally:
            # Whoever waits may be cancelled: the turn itself is ended by `interrupt` alone.
            if task.done():
                self.running.pop(row.key, None)
            else:
                task.add_done_callback(lambda _: self.running.pop(row.key, None))
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a turn could not be brought to its end", exc_info=error)
        return running

    async def _work(self, row: ConversationRow, running: Running, found: Found | None) -> None:
        presenter: Presenter | None = None
        text = ""
        try:
            async with self._slots, self._opened.alone(row.key):
                running.phase = "preparing"
                session, message = await self._prepare(row, running, found)
                presenter = self._presenter(running)
                running.phase = "running"
                finished = await self._converse(session, message, running, presenter)
                running.phase = "ending"
                text = outcome_text(finished)
                running.outcome = finished.outcome
                answer = await complete(self._shared, session, text, [item.update for item in running.items])
                text, running.media = answer.text, [*running.media, *answer.media]
        except asyncio.CancelledError:
            if not running.why:
                raise
        except Exception as error:  # whatever it was, the chat hears of it and the turn ends
            if not isinstance(error, HermesError):
                log.exception("a turn failed outside the agent")
            text = failure_of(error)
            running.outcome = "failed"
        running.phase = "ending"
        try:
            await self._settle(running, text, presenter)
        finally:
            if running.held is not None:
                self._opened.release(running.held)

    async def _settle(self, running: Running, text: str, presenter: Presenter | None) -> None:
        if running.why == "shutdown":
            return  # the row stays as it is: the next process takes the turn up
        receipt = await self._end_presenting(presenter)
        if running.why == "busy" and not running.stored:
            running.returned = await self._surely(lambda: self._rows.release(running.claim))
            return
        if running.why == "revoked" or (running.outcome == "interrupted" and receipt is None):
            text = ""
        await self._end(running, text, receipt)

    async def _end(self, running: Running, text: str, receipt: Receipt | None = None) -> None:
        claim, to = running.claim, running.to
        reply_to = running.items[-1].update.message if to == running.items[-1].update.address else ""

        def also(connection: sqlite3.Connection) -> None:
            if to is not None and (text or running.media):
                self._shared.deliveries.enqueue(
                    connection,
                    to,
                    text,
                    key=f"turn:{claim.id}",
                    media=running.media,
                    reply_to=reply_to,
                    instead_of=receipt,
                    source="gateway",
                    turn=claim.id,
                )

        returned = [item.id for item in running.steered]
        try:
            ours = await self._surely(lambda: self._rows.end(claim, returned=returned, also=also))
        except Exception as error:  # an answer that cannot be put into the outbox must not hold the conversation
            log.exception("the answer of turn %d cannot be sent", claim.id)
            said, to, running.media = failure_of(error), self._address(claim), []
            text, receipt, reply_to = said, None, ""
            ours = await self._surely(lambda: self._rows.end(claim, state="failed", returned=returned, also=also))
        if ours:
            self._shared.deliveries.wake()
        else:
            log.warning("turn %d was taken over; its answer is not sent from here", claim.id)

    def _destination(self, deliver_to: str, address: Address) -> Address | None:
        """Where an answer goes. One that is wanted at a place there is not goes to where the message came from: where
        nobody writes that cannot be delivered, and stands in the outbox for the owner to see."""
        if not deliver_to:
            return address
        if deliver_to == "none":
            return None
        try:
            return self._shared.directory.resolve(deliver_to)
        except HermesError as error:
            log.error("an answer is wanted at %r, which is not known: %s", deliver_to, error)
            return address

    def _address(self, claim: Claim) -> Address | None:
        row = self._conversations.get(claim.conversation)
        return row.address if row is not None else None

    async def _surely(self, write: Callable[[], bool]) -> bool:
        """Write until the disk takes it: what was said is in the session's log all the while."""
        for pause in (*_PAUSES, *[_PAUSES[-1]] * 1000):
            try:
                return write()
            except SessionError as error:
                log.error("the end of a turn cannot be written; it is tried again: %s", error)
                await asyncio.sleep(pause)
        return False

    # ------------------------------------------------------------------------------------------------- beginning

    async def _prepare(self, row: ConversationRow, running: Running, found: Found | None) -> tuple[Session, Message]:
        first = running.items[0].update
        platform = first.address.platform
        chat = Chat(
            platform=platform,
            address=str(row.address),
            kind=first.kind,
            name=first.chat_name,
            user=running.standing.person,
            user_name=first.sender.name,
            role=running.standing.role or "guest",  # type: ignore[arg-type]
        )
        rights = rights_of(self._shared, platform, running.standing.role, first.toolsets)
        wanted = running.claim.session or row.session
        held = running.held = await self._opened.acquire(
            row.key, wanted, platform, rights, chat, title=row.details.title
        )
        session = held.session
        held.asker.starter = Starter(
            conversation=row.key,
            address=running.to or row.address,
            user=first.sender.id,
            standing=running.standing,
            direct=first.kind == "direct",
            reachable=running.to is not None and not self._shared.external(platform),
        )
        notices: Sequence[str] = ("I was restarted in the middle of this and go on.",)
        if found is not None and found.state == "begun":
            message = resumption(running.claim, found)
        else:
            incoming = await read(self._shared, running.items, running.standing, running.claim.id)
            message, notices = self._with_mirrored(incoming.message, row), incoming.notices
            await self._hint(incoming.hints, running, row)
        if running.claim.session != session.id and not self._rows.began(
            running.claim, session.id, running.standing.person
        ):
            raise BadRequest("This turn is being worked on elsewhere.")
        if notices and running.to is not None and not self._shared.external(running.to.platform):
            await self._shared.deliveries.say(
                running.to,
                "\n".join(notices),
                key=f"notice:{running.claim.id}:{running.claim.resumes}",
                source="gateway",
                silent=True,
            )
        return session, message

    async def _hint(self, hints: Sequence[str], running: Running, row: ConversationRow) -> None:
        if running.to is None or self._shared.external(running.to.platform):
            return
        for hint in hints:
            # The outbox takes a key once, for as long as it remembers it.
            await self._shared.deliveries.say(
                running.to, hint, key=f"hint:{row.key}:{hint[:20]}", source="gateway", silent=True
            )

    def _with_mirrored(self, message: Message, row: ConversationRow) -> Message:
        """The message after what other conversations sent into this chat meanwhile."""
        with self._shared.database.reading() as connection:
            found = connection.execute(
                "SELECT text FROM mirrored WHERE address = ? AND time > ? ORDER BY time", (str(row.address), row.used)
            ).fetchall()
        if not found:
            return message
        texts = "\n\n".join(one_line(entry["text"], 1000) for entry in found)
        note = Text(
            text=f"[Sent into this chat by you, from another conversation:\n{texts}]\n\n", meta={ATTACHED: "gateway"}
        )
        return msgspec.structs.replace(message, parts=(note, *message.parts))

    def _presenter(self, running: Running) -> Presenter | None:
        if running.to is None:
            return None
        update = running.items[-1].update
        return self._shared.deliveries.presenter(
            running.to, reply_to=update.message if update.address == running.to else "", turn=running.claim.id
        )

    # --------------------------------------------------------------------------------------------- the conversation

    async def _converse(
        self, session: Session, message: Message, running: Running, presenter: Presenter | None
    ) -> TurnFinished:
        seconds = self._shared.settings.gateway.turn_seconds or None
        finished: TurnFinished | None = None
        async with aclosing(session.run(message, deadline=seconds)) as events:  # type: ignore[type-var]
            async for event in events:
                running.heard = time.monotonic()
                self._note(event, running, session)
                if isinstance(event, TurnFinished):
                    finished = event
                if presenter is not None:
                    await presenter.show(event)
        assert finished is not None, "a turn ends with TurnFinished"
        return finished

    def _note(self, event: Event, running: Running, session: Session) -> None:
        if isinstance(event, TurnStarted):
            running.stored = True
            if running.why:
                session.interrupt()
        elif isinstance(event, SteeringAdded):
            read_now = next((item for item in running.steered if item.update.text == event.text), None)
            if read_now is not None:
                running.steered.remove(read_now)
        elif isinstance(event, MessageAdded):
            if event.message.role == "assistant" and not event.message.tool_calls:
                running.media = [part for part in event.message.parts if isinstance(part, Media)]
        elif isinstance(event, TurnFinished):
            # What it did not read any more is read next.
            session.steering.clear()

    async def _end_presenting(self, presenter: Presenter | None) -> Receipt | None:
        if presenter is None:
            return None
        try:
            return await presenter.end()
        except Exception as error:  # showing is a comfort; the answer is what must arrive
            log.warning("a turn could not be shown to its end", exc_info=error)
            return None

    # -------------------------------------------------------------------------------------------- meanwhile

    def interrupt(self, key: str, why: Why) -> bool:
        """End the turn of a conversation within a second; false when none runs, or it is ending already."""
        running = self.running.get(key)
        if running is None or running.phase == "ending":
            return False
        # Being stopped by a person counts more than making room for the next message.
        if not running.why or why != "busy":
            running.why = why
        if running.phase == "running" and running.held is not None and running.held.session.busy:
            running.held.session.interrupt()
        elif not running.stored and running.task is not None:
            running.task.cancel()
        return True

    def steer(self, key: str, item: Admitted) -> bool:
        """Give a message to the turn that runs; false when it cannot take one."""
        running = self.running.get(key)
        if running is None or running.phase != "running" or not running.stored or running.held is None:
            return False
        session, update = running.held.session, item.update
        # What is steered counts as the words of whoever began the turn: it must be theirs, and an owner's.
        own = update.sender.id == running.items[0].update.sender.id and running.standing.role == "owner"
        if not own or update.forwarded or update.quote or update.provenance:
            return False
        if not session.busy or not self._rows.join(running.claim, item.id):
            return False
        running.steered.append(item)
        session.steer(item.update.text)
        return True

    # -------------------------------------------------------------------------------------------- after a restart

    async def recover(self, claim: Claim) -> tuple[Claim, Sequence[Admitted], Found] | None:
        """What is to be done with a turn that a dead process left: None when it is settled, else how to take it up."""
        items = self._rows.updates(claim.id)
        row = self._conversations.get(claim.conversation)
        if not items or row is None:
            self._rows.end(claim, state="failed")
            return None
        first = items[0].update
        running = Running(
            claim=claim,
            items=items,
            standing=self._shared.standing(first),
            to=self._destination(first.deliver_to, row.address),
        )
        found = look(self._shared.host, claim, items)
        if found.state == "over":
            running.steered = list(found.unread)
            answer = taken_apart(self._shared, _recovered_text(found), _directory(self._shared, claim.session))
            running.media = list(answer.media)
            await self._end(running, answer.text, self._shared.deliveries.shown(claim.id))
            return None
        if not running.standing.role:
            await self._end(running, "")
            return None
        claim = running.claim = self._rows.count_resume(claim)
        if claim.resumes > self._shared.settings.gateway.max_resumes:
            self._lay_aside(running)
            return None
        return claim, items, found

    def _lay_aside(self, running: Running) -> None:
        claim, to = running.claim, running.to

        def say(connection: sqlite3.Connection) -> None:
            if to is not None:
                self._shared.deliveries.enqueue(
                    connection,
                    to,
                    f"⚠️ I was cut off {claim.resumes} times while I worked on your last message, so I laid it aside. "
                    "The owner can have me try again with /retry.",
                    key=f"quarantine:{claim.id}:{claim.fence}",
                    source="gateway",
                )

        self._rows.quarantine(claim, say)
        self._shared.deliveries.wake()


def _directory(shared: Shared, session_id: str) -> str:
    """Where a session worked, if that is known."""
    try:
        return shared.host.sessions.find(session_id).directory
    except HermesError:
        return ""


def _recovered_text(found: Found) -> str:
    if found.outcome == "failed" or not found.text:
        return failure("", "Internal error")
    return found.text
