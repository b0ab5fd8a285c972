"""The mailbox as an adapter: it waits for mail and puts it, and sends answers into their threads."""

from __future__ import annotations

import asyncio
import logging
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from hermes_email import smtp
from hermes_email.authentication import look_up
from hermes_email.composing import Envelope, compose, message_id, message_ids, plain_subject
from hermes_email.imap import Connection
from hermes_email.reading import Reader, fetch
from hermes_email.records import Records, thread_name
from hermes_email.sender import normalised
from hermes_email.servers import login, server
from hermes_email.settings import EmailSettings
from hermes_host.errors import (
    AuthFailed,
    ConnectionLost,
    DeliveryRefused,
    DeliveryUncertain,
    HermesError,
    InvalidResponse,
    Unsupported,
)
from hermes_host.protocols import AdapterLimits, Receipt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hermes_email.authentication import Lookup
    from hermes_host.context import PluginContext
    from hermes_host.protocols import Address, Attachment, CommandEntry, Inbox, Outbound
    from hermes_host.specs import AdapterSpec

__all__ = ["EmailAdapter", "connect"]

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
_FIRST_WAIT = 2.0
"""Seconds until the first look after a mail, whether the server tells of one or not; each next one waits four times as
long, up to `idle_seconds`."""
_REFUSED_LOGINS = 5
"""A login that worked before may be refused so often in a row, as servers in trouble do."""
_SUBJECT_LENGTH = 70


def connect(context: PluginContext, spec: AdapterSpec) -> EmailAdapter:
    """The adapter."""
    return EmailAdapter(context)


class EmailAdapter:
    """See `hermes_host.protocols.Adapter`."""

    def __init__(self, context: PluginContext, *, lookup: Lookup = look_up, retry_seconds: float = 60.0) -> None:
        """`lookup` gives the DNS records that signatures are checked with; where it cannot just now, the mail is
        looked at again after `retry_seconds`."""
        self._context = context
        self._settings = context.section(EmailSettings)
        self._sender = normalised(self._settings.address)
        self._lookup = lookup
        self._retry_seconds = retry_seconds
        self._records = Records(context.state_directory)
        self._fetching = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def limits(self) -> AdapterLimits:
        """Mail has hardly any; these keep one readable and below what servers take."""
        return AdapterLimits(
            text=50_000,
            caption=50_000,
            send_interval=1.0,
            media_in=self._settings.max_file_bytes,
            media_out=self._settings.max_sent_bytes,
            media_per_message=10,
        )

    def measure(self, text: str) -> int:
        """Characters of Markdown, which is the plain text of the mail."""
        return len(text)

    # ------------------------------------------------------------------------------------------------------ coming in

    async def run(self, inbox: Inbox) -> None:
        """Wait for mail until cancelled. Lost connections are opened again for ever."""
        calls = _Calls()
        reader = Reader(self._settings, self._records, inbox, self._lookup, calls, self._retry_seconds)
        state = _State()
        try:
            while True:
                try:
                    await self._watch(inbox, reader, calls, state)
                except AuthFailed as error:
                    state.refused += 1
                    if not state.worked or state.refused > _REFUSED_LOGINS:
                        raise
                    inbox.trouble(str(error))
                except (ConnectionLost, InvalidResponse) as error:
                    inbox.trouble(str(error))
                await asyncio.sleep(state.pause * random.uniform(0.8, 1.2))
                state.pause = min(state.pause * 2, _LONGEST_PAUSE)
        finally:
            calls.close()

    async def _watch(self, inbox: Inbox, reader: Reader, calls: _Calls, state: _State) -> None:
        """Read over one connection until it breaks."""
        async with self._connection(calls) as connection:
            folder = await calls(connection.select, self._settings.folder)
            progress = await reader.open(connection, folder)
            state.worked, state.refused, state.pause = True, 0, _FIRST_PAUSE
            inbox.connected(self._sender, name=self._settings.address)
            wait = _FIRST_WAIT
            while True:
                before = progress.next
                await reader.take_new(connection, progress)
                # Some servers forget to tell of what comes at the moment they begin to; mails seldom come alone.
                wait = _FIRST_WAIT if progress.next != before else wait * 4
                longest = min(wait, self._settings.idle_seconds, self._retry_seconds if progress.later else wait)
                if connection.can_idle:
                    await calls(connection.idle, longest)
                else:
                    await asyncio.sleep(
                        min(self._settings.poll_interval, self._retry_seconds if progress.later else 3600.0)
                    )
                    await calls(connection.look)

    @asynccontextmanager
    async def _connection(self, calls: _Calls) -> AsyncIterator[Connection]:
        where = server(self._settings, "imap")
        known = await login(self._context, self._settings)
        opening = calls(Connection, where, known, self._settings.timeout)
        try:
            connection = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_abandon)
            raise
        finished = False
        try:
            yield connection
            finished = True
        finally:
            if not finished:
                connection.abort()  # a call may be waiting in the thread
            calls.let_go(connection.close)

    async def fetch(self, attachment: Attachment, *, limit: int) -> bytes:
        """The bytes of an attachment, over a connection of its own: the other one waits for mail."""
        most = min(limit, self._settings.max_file_bytes)
        return await self._aside(
            lambda connection: fetch(connection, self._settings.folder, attachment.reference, most)
        )

    async def _aside(self, work: Callable[[Connection], T]) -> T:
        """Do something over a connection that is closed again; one at a time."""
        calls = _Calls()
        try:
            async with self._fetching, self._connection(calls) as connection:
                return cast("T", await calls(work, connection))
        finally:
            calls.close()

    # -------------------------------------------------------------------------------------------------------- going out

    async def send(self, to: Address, message: Outbound) -> Receipt:
        """Send one mail to the one address of `to`. With a key it is taken by the server once at most."""
        recipient = normalised(to.chat)
        if not recipient:
            raise DeliveryRefused(f"{to.chat!r} is no mail address.")
        identity = message_id(message.key, str(to), self._sender)
        receipt = Receipt(address=to, messages=(identity,))
        if message.key and await self._left_already(message.key, identity):
            return receipt
        envelope = await asyncio.to_thread(self._envelope, to, recipient, message, identity)
        mail = await asyncio.to_thread(
            compose, envelope, message.text, message.media, most_bytes=self._settings.max_sent_bytes
        )
        await self._submit(recipient, mail, message.key, identity)
        thread = to.thread or thread_name(identity)
        ids = (*envelope.references, identity)
        await asyncio.to_thread(self._records.add, to.chat, thread, plain_subject(envelope.subject), ids, own=True)
        if self._settings.save_sent and self._settings.sent_folder:
            task = asyncio.create_task(self._save(mail))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return receipt

    async def _left_already(self, key: str, identity: str) -> bool:
        """Whether the server has this mail. Raises `DeliveryUncertain` where nobody can tell."""
        state, _ = await asyncio.to_thread(self._records.state, key)
        if state != "sending":
            return state == "sent"
        folder = self._settings.sent_folder
        if folder and not self._settings.save_sent:
            try:
                found = await self._aside(lambda connection: connection.has_message(folder, identity))
            except HermesError as error:
                raise DeliveryUncertain(f"Whether the mail was sent could not be looked up: {error}") from error
            if found:
                await asyncio.to_thread(self._records.sent, key)
                return True
        raise DeliveryUncertain(
            "An earlier attempt was cut off after the mail's text went out; it is not sent a second time.",
            remedy="Look into the folder of sent mail, or ask its recipient.",
        )

    def _envelope(self, to: Address, recipient: str, message: Outbound, identity: str) -> Envelope:
        thread = self._records.thread(to.chat, to.thread) if to.thread else None
        before = [known for known in (thread.mails if thread else ()) if known != identity]
        if answered := message_ids(message.reply_to, most=1):
            before = [*(known for known in before if known != answered[0]), answered[0]]
        return Envelope(
            sender=self._sender,
            name=self._settings.name,
            recipient=recipient,
            subject=message.subject or (thread.subject if thread else "") or _first_words(message.text),
            identity=identity,
            references=tuple(before),
            date=datetime.now(UTC),
        )

    async def _submit(self, recipient: str, mail: bytes, key: str, identity: str) -> None:
        where = server(self._settings, "smtp")
        known = await login(self._context, self._settings) if self._settings.smtp_login else None
        client = await smtp.connect(where, known, self._sender, self._settings.timeout)
        try:
            await smtp.submit(
                client,
                where.host,
                self._sender,
                recipient,
                mail,
                lambda: self._records.sending(key, identity) if key else None,
            )
        except DeliveryUncertain:
            raise
        except HermesError:
            if key:
                await asyncio.to_thread(self._records.not_sent, key)
            raise
        if key:
            await asyncio.to_thread(self._records.sent, key)

    async def _save(self, mail: bytes) -> None:
        folder = self._settings.sent_folder
        try:
            await self._aside(lambda connection: connection.save(folder, mail))
        except HermesError as error:
            log.warning("a copy of a sent mail could not be kept: %s", error)

    # ---------------------------------------------------------------------------------------------------- what it lacks

    async def edit(self, receipt: Receipt, message: Outbound) -> None:
        """Not with mail."""
        raise Unsupported("A mail cannot be changed.")

    async def delete(self, receipt: Receipt) -> None:
        """Not with mail."""
        raise Unsupported("A mail cannot be taken back.")

    async def typing(self, to: Address) -> None:
        """Nothing shows it."""

    async def show_commands(self, commands: Sequence[CommandEntry]) -> None:
        """There is no menu."""

    async def aclose(self) -> None:
        """Close the database."""
        for task in list(self._tasks):
            task.cancel()
        self._records.close()


class _State:
    """How the reading fares."""

    def __init__(self) -> None:
        self.worked = False
        self.refused = 0
        self.pause = _FIRST_PAUSE


class _Calls:
    """Runs blocking calls one after the other in a thread of their own: waiting for mail would take one of the few that
    all share."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="email")

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._executor, partial(function, *arguments))

    def let_go(self, last: Callable[[], None]) -> None:
        """Do one more thing in the thread, and do not wait; later calls get another thread."""
        executor, self._executor = self._executor, ThreadPoolExecutor(max_workers=1, thread_name_prefix="email")
        executor.submit(last)
        executor.shutdown(wait=False)

    def close(self) -> None:
        """Let the thread end."""
        self._executor.shutdown(wait=False)


def _abandon(opening: asyncio.Future[Connection]) -> None:
    """Nobody waits for this connection any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().abort()


def _first_words(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip(" #*>_`~|-")), "")
    words = line.strip(" #*>_`~|-")
    return words if len(words) <= _SUBJECT_LENGTH else f"{words[:_SUBJECT_LENGTH].rsplit(' ', 1)[0]} …"
