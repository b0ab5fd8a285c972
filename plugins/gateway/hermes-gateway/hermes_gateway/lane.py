"""Slash commands in chats. They run beside the turn and never wait for it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hermes_gateway.admission import Admitted
from hermes_gateway.quick import execute, resolve
from hermes_gateway.rights import rights_of
from hermes_gateway.wording import failure_of
from hermes_host.errors import HermesError
from hermes_host.frontends import SlashCall, split_slash_command
from hermes_host.protocols import Chat, CommandEntry, Inbound
from hermes_host.slash import commands, find, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from hermes_gateway.actors import Actor, Workplace
    from hermes_gateway.approving import Asks
    from hermes_gateway.opened import Held
    from hermes_gateway.pairing import Pairing
    from hermes_gateway.people import Standing
    from hermes_gateway.shared import Shared
    from hermes_host.agent.session import Session
    from hermes_host.host import Host
    from hermes_host.protocols import Attachment

__all__ = ["GUESTS", "MEMBERS", "Call", "Lane", "Listing", "Parsed", "menu", "parse"]

log = logging.getLogger(__name__)

GUESTS = frozenset({"help", "new", "status", "stop"})
"""Commands of guests."""

MEMBERS = GUESTS | frozenset(
    {
        *("approve", "background", "busy", "compress", "deny", "fork", "history", "link", "queue", "resend", "resume"),
        *("retry", "sessions", "steer", "title", "undo", "usage", "whoami"),
    }
)
"""Commands of members, unless the settings name others."""

_KEPT_BACK = frozenset({"clear", "quit", "save"})
"""Commands of the host that make no sense in a chat."""


class Parsed(NamedTuple):
    """A command as it was written."""

    name: str
    arguments: str


def parse(update: Inbound) -> Parsed | None:
    """The command an update is; None for a message. `//text` is a message, and so is what was forwarded."""
    text = update.text.strip()
    if update.forwarded or update.prompt:
        return None
    head, *rest = text.split(None, 1)[:2] or [""]
    found = split_slash_command(f"{head} {rest[0] if rest else ''}".rstrip())
    if found is None:
        return None
    return Parsed(found[0].partition("@")[0].lower(), found[1])


class Listing(NamedTuple):
    """Commands with their summaries, each list in the order of the names."""

    own: Sequence[CommandEntry]
    """The gateway's, with the quick commands."""
    host: Sequence[CommandEntry]
    """Those plugins declare."""
    found_later: Sequence[CommandEntry]
    """Those known at run time alone: skills and the like."""


@dataclass(slots=True, kw_only=True)
class Call:
    """One use of a command in a chat."""

    name: str
    arguments: str
    key: str
    item: Admitted
    standing: Standing
    lane: Lane

    @property
    def update(self) -> Inbound:
        """Where it was written."""
        return self.item.update


class Lane:
    """All commands of all chats."""

    def __init__(
        self,
        place: Workplace,
        asks: Asks,
        pairing: Pairing,
        *,
        actor: Callable[[str], Actor],
        handlers: Mapping[str, tuple[Callable[[Call], Awaitable[str]], str]],
        admit: Callable[[Admitted, str], None],
        again: Callable[[str], Awaitable[None]],
    ) -> None:
        """`handlers` are the gateway's own commands, with their summaries; `actor` gives a conversation's, made where
        there is none; `admit` has a new row worked on, in a busy mode or in the conversation's; `again` takes up the
        turn of a conversation that was laid aside."""
        self.place = place
        self.shared: Shared = place.shared
        self.asks = asks
        self.pairing = pairing
        self.actor = actor
        self.handlers = handlers
        self.admit = admit
        self.again = again

    async def run(self, key: str, item: Admitted, command: Parsed) -> None:
        """Do a command and say what came of it."""
        standing = self.shared.standing(item.update)
        call = Call(name=command.name, arguments=command.arguments, key=key, item=item, standing=standing, lane=self)
        try:
            said = await self._do(call)
        except Exception as error:  # whatever a command runs into, its sender hears of it
            if not isinstance(error, HermesError):
                log.exception("/%s failed", command.name)
            said = failure_of(error)
        self.settle(item, said)

    def settle(self, item: Admitted, said: str) -> None:
        """Say something about an update and have done with it, both or neither."""
        shared = self.shared
        with shared.database.transaction() as connection:
            self.place.rows.settle([item.id])
            if said:
                shared.deliveries.enqueue(
                    connection,
                    item.update.address,
                    said,
                    key=f"command:{item.id}",
                    reply_to=item.update.message if not item.update.action else "",
                    source="gateway",
                )
        shared.deliveries.wake()

    async def _do(self, call: Call) -> str:
        quick = self.shared.settings.quick_commands
        call.name, call.arguments = resolve(quick, call.name, call.arguments)
        if call.name in quick and quick[call.name].command and call.name not in self.handlers:
            if not self.allowed(call.standing, call.name):
                return self._refused(call)
            self.once(call)
            return await execute(self.shared.host, quick[call.name])
        if call.name in self.handlers:
            call.name = _CANONICAL.get(call.name, call.name)
            return await self._own(call)
        if call.standing.role == "guest":
            return self._refused(call)
        held = await self.acquire(call)
        try:
            found = await find(self.shared.host, held.session, call.name)
            call.name = found.name
            if call.name in self.handlers:
                return await self._own(call)
            if not self.allowed(call.standing, call.name) or call.name in _KEPT_BACK:
                return self._refused(call)
            self.once(call)
            if found.spec.while_busy:
                return await run(found, self._slash_call(call, held.session))
            if call.key in self.place.turns.running:
                return f"/{call.name} must wait until the turn is over. /stop ends it."
            async with self.place.opened.alone(call.key):
                return await run(found, self._slash_call(call, held.session))
        finally:
            self.place.opened.release(held)

    def once(self, call: Call) -> None:
        """Have done with the command before it acts: after a crash it is not done a second time."""
        self.place.rows.settle([call.item.id])

    async def _own(self, call: Call) -> str:
        if not self.allowed(call.standing, call.name):
            return self._refused(call)
        handler, _ = self.handlers[call.name]
        return await handler(call)

    def _refused(self, call: Call) -> str:
        return f"/{call.name} is not for you here. /help lists what is."

    def allowed(self, standing: Standing, name: str) -> bool:
        """Whether somebody may use a command, by its full name."""
        if standing.role == "owner":
            return True
        if standing.role == "member":
            chosen = self.shared.settings.gateway.member_commands
            return name in (MEMBERS if chosen is None else {*chosen, *GUESTS})
        return standing.role == "guest" and name in GUESTS

    async def acquire(self, call: Call) -> Held:
        """The conversation's session, open; `Opened.release` afterwards. It may be at work."""
        update, opened = call.update, self.place.opened
        row = self.place.conversations.meet(call.key, update)
        platform = update.address.platform
        chat = Chat(
            platform=platform,
            address=str(update.address),
            kind=update.kind,
            name=update.chat_name,
            user=call.standing.person,
            user_name=update.sender.name,
            role=call.standing.role or "guest",  # type: ignore[arg-type]
        )
        rights = rights_of(self.shared, platform, call.standing.role, update.toolsets)
        held = await opened.acquire(call.key, row.session, platform, rights, chat, title=row.details.title, beside=True)
        if held.session.id != row.session:
            self.keep(call, held.session.id)
        return held

    def keep(self, call: Call, session_id: str) -> None:
        """Have the conversation go on with a session."""
        self.place.conversations.begin_anew(call.key, session=session_id)
        with self.shared.database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO owned_sessions (session, conversation, person, began) VALUES (?, ?, ?, ?)",
                (session_id, call.key, call.standing.person, self.shared.clock()),
            )

    def _slash_call(self, call: Call, session: Session) -> SlashCall:
        async def switch(new: Session) -> None:
            # The command has opened it; the conversation opens it again with what it may use here.
            await new.close("parked")
            await self.place.opened.let_go(call.key)
            self.keep(call, new.id)

        def submit(message: object) -> None:
            text = message if isinstance(message, str) else getattr(message, "said", "")
            self.submit(call, text)

        return SlashCall(
            name=call.name,
            arguments=call.arguments,
            host=self.shared.host,
            session=session,
            surface=call.update.address.platform,
            switch_session=switch,
            submit=submit,
        )

    def submit(
        self, call: Call, text: str, *, mode: str = "", conversation: str = "", **fields: object
    ) -> Admitted | None:
        """Have a text worked on as if it had been written after the command. Once, however often this is called."""
        update = msgspec.structs.replace(
            call.update,
            update=f"{call.update.update}/{call.name}",
            text=f"/{text}" if text.startswith("/") else text,  # it is a message, whatever it begins with
            action="",
            quote="",
            **fields,
        )
        key = conversation or call.key
        with self.shared.database.transaction() as connection:
            done = connection.execute(
                "INSERT OR IGNORE INTO updates (platform, account, update_id, conversation, body, admitted, state) "
                "SELECT platform, account, ?, ?, ?, ?, 'waiting' FROM updates WHERE id = ?",
                (update.update, key, msgspec.json.encode(update), self.shared.clock(), call.item.id),
            )
            row = done.lastrowid if done.rowcount == 1 else None
        if row is None:
            return None
        item = Admitted(row, key, update)
        self.admit(item, mode)
        return item

    def attachments_of(self, updates: Sequence[object]) -> tuple[Attachment, ...]:
        """What came with updates that are known still."""
        found: list[Attachment] = []
        with self.shared.database.reading() as connection:
            for number in updates:
                row = connection.execute("SELECT body FROM updates WHERE id = ?", (number,)).fetchone()
                if row is not None:
                    found += msgspec.json.decode(row["body"], type=Inbound).attachments
        return tuple(found)

    async def listing(self, call: Call, *, whole: bool = False) -> Listing:
        """The commands somebody may use; those known at run time only where `whole`."""
        host = self.shared.host
        own = {name: summary for name, (_, summary) in self.handlers.items() if name not in _CANONICAL}
        for name, quick in self.shared.settings.quick_commands.items():
            own.setdefault(name, f"`{quick.command or quick.target}`")
        declared: dict[str, str] = {}
        later: dict[str, str] = {}
        if call.standing.role != "guest":
            declared = {item.name: item.spec.summary for item in host.slash_commands if item.name not in own}
        if whole and declared:
            held = await self.acquire(call)
            try:
                found = await commands(host, held.session)
            finally:
                self.place.opened.release(held)
            later = {item.name: item.spec.summary for item in found if item.name not in {**own, **declared}}

        def allowed(names: Mapping[str, str]) -> Sequence[CommandEntry]:
            return [
                CommandEntry(name=name, summary=summary)
                for name, summary in sorted(names.items())
                if self.allowed(call.standing, name) and name not in _KEPT_BACK
            ]

        return Listing(allowed(own), allowed(declared), allowed(later))

    def full_name(self, name: str) -> str:
        """The name of a command that may have others."""
        return _CANONICAL.get(name, name)


_CANONICAL = {"reset": "new", "q": "queue", "bg": "background", "set-home": "sethome", "commands": "help"}
"""Other names of the gateway's own commands."""


def menu(host: Host) -> Sequence[CommandEntry]:
    """The commands a platform's menu shows: the gateway's own first, then the host's."""
    from hermes_gateway.chat_commands import HANDLERS

    found = {name: summary for name, (_, summary) in HANDLERS.items() if name not in _CANONICAL}
    for item in host.slash_commands:
        if item.name not in _KEPT_BACK:
            found.setdefault(item.name, item.spec.summary)
    return [CommandEntry(name=name, summary=summary) for name, summary in found.items()]
