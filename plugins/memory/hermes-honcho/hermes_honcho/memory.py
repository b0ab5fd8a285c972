"""The memory itself: what it says before a turn, and what it keeps of one."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Literal

from hermes_honcho.access import Access, HonchoError
from hermes_honcho.exchanges import SILENT_SOURCES, entries_of
from hermes_honcho.migration import Migration
from hermes_honcho.names import LOCAL_SOURCES, Names, names_of
from hermes_honcho.outbox import Outbox
from hermes_honcho.sender import Sender
from hermes_honcho.words import attached, dialectic_question, level_for, prompt_section
from hermes_host.errors import HermesError
from hermes_host.protocols import SessionStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_honcho.configuration import Configuration
    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.messages import Message
    from hermes_host.protocols import Exchange
    from hermes_host.specs import MemorySpec

__all__ = ["HonchoMemory", "connect", "conversation_names", "outbox_of"]

log = logging.getLogger(__name__)

STATE = "honcho.session"
"""The state record that keeps a conversation with the Honcho session it began with."""

_FETCH = "honcho.fetch"
_TURNS = "honcho.turns"
_OBSERVING = "honcho.observing"


async def connect(context: PluginContext, spec: MemorySpec) -> HonchoMemory:
    """Make the memory."""
    return HonchoMemory(context, await context.services.get(Access))


def outbox_of(context: PluginContext, configuration: Configuration) -> Outbox:
    """The queue for the configured server and workspace. Makes no file."""
    server = configuration.base_url or configuration.environment
    return Outbox(context.home / "plugins" / context.plugin, f"{server} {configuration.workspace}")


async def conversation_names(access: Access, session: SessionContext) -> Names:
    """The Honcho session and the peers of a conversation; the session stays the same for the conversation's life."""
    configuration = access.configuration
    kept = session.recorded(STATE)
    if kept.get("workspace") == configuration.workspace and kept.get("session"):
        names = names_of(configuration, session)
        return Names(str(kept["session"]), names.user, names.ai)
    store: Any = await access.context.services.find(SessionStore)
    title = ""
    if store is not None:
        try:
            title = store.find(session.id).title
        except HermesError:
            title = ""
    names = names_of(configuration, session, title=title)
    session.record(STATE, {"workspace": configuration.workspace, "session": names.session})
    return names


class HonchoMemory:
    """Implements `hermes_host.protocols.MemoryProvider`."""

    def __init__(self, context: PluginContext, access: Access, *, pause: float = 1.0) -> None:
        """`pause` as for `Sender`."""
        self._context = context
        self._access = access
        self._outbox = outbox_of(context, access.configuration)
        self._sender = Sender(
            access, self._outbox, lambda work: context.spawn(work, name="sending to Honcho"), pause=pause
        )
        self._began = False

    @property
    def sender(self) -> Sender:
        """What empties the queue."""
        return self._sender

    # --------------------------------------------------------------------------------------------- before a turn

    async def prompt_section(self, session: SessionContext) -> str:
        """What is known of the user, once for each conversation; waits `honcho.prompt_wait` seconds at most."""
        configuration = self._access.configuration
        if not configuration.active:
            return ""
        names = await conversation_names(self._access, session)
        user = ai = None
        if configuration.recall_mode != "tools":
            try:
                async with asyncio.timeout(configuration.section.prompt_wait):
                    await self._access.ensure(names)
                    user, ai = await asyncio.gather(
                        self._access.known(names, tokens=configuration.context_tokens),
                        self._access.known(names, tokens=configuration.context_tokens, about=names.ai, summary=False),
                    )
            except (TimeoutError, HonchoError) as error:
                log.info("nothing is known of the user yet: %s", error or "Honcho took too long")
        self._begin()
        if user is not None:
            self._context.spawn(self._offer_files(session, names), name="looking for local files")
        return prompt_section(configuration, names, user, ai)

    async def recall(self, message: Message, session: SessionContext) -> str:
        """What was fetched after the turn before; waits `honcho.recall_wait` seconds at most, and never asks itself."""
        fetch: asyncio.Task[str] | None = session.memory.get(_FETCH)
        if fetch is None or not self._recalls(session) or message.provenance == "external":
            # What is private does not go beside words from outside.
            return ""
        await asyncio.wait({fetch}, timeout=self._access.configuration.section.recall_wait)
        if not fetch.done():
            # It may still serve the next message.
            return ""
        del session.memory[_FETCH]
        return "" if fetch.cancelled() or fetch.exception() is not None else fetch.result()

    def _recalls(self, session: SessionContext) -> bool:
        configuration = self._access.configuration
        return configuration.active and configuration.recall_mode != "tools" and session.source not in SILENT_SOURCES

    # ---------------------------------------------------------------------------------------------- after a turn

    async def observe(self, exchange: Exchange, session: SessionContext) -> None:
        """Keep what was said, send it as `writeFrequency` says, and fetch what the next message may need."""
        configuration = self._access.configuration
        if not configuration.active:
            return
        observing: set[asyncio.Task[Any] | None] = session.memory.setdefault(_OBSERVING, set())
        task = asyncio.current_task()
        observing.add(task)
        try:
            await self._observe(exchange, session)
        finally:
            observing.discard(task)

    async def _observe(self, exchange: Exchange, session: SessionContext) -> None:
        if self._recalls(session):
            # First, and without waiting for anything: the next message may come at once.
            self._fetch(exchange, session)
        self._begin()
        if self._access.configuration.save_messages and session.source not in SILENT_SOURCES:
            await self._keep(exchange, session, await conversation_names(self._access, session))

    async def _keep(self, exchange: Exchange, session: SessionContext, names: Names) -> None:
        frequency = self._access.configuration.write_frequency
        entries = entries_of(exchange, session, names)
        held = frequency == "session" or isinstance(frequency, int)
        if entries:
            await asyncio.to_thread(self._outbox.add, names, entries, ready=not held)
        if isinstance(frequency, int):
            turns = session.memory[_TURNS] = session.memory.get(_TURNS, 0) + 1
            if turns % frequency:
                return
            await asyncio.to_thread(self._outbox.release, names.session)
        elif held:
            return
        self._sender.wake()
        if frequency == "turn":
            await self._sender.finish(self._access.configuration.section.exit_wait)

    def _fetch(self, exchange: Exchange, session: SessionContext) -> None:
        said = next((message.said for message in exchange.messages if message.role == "user"), "").strip()
        earlier: asyncio.Task[str] | None = session.memory.get(_FETCH)
        if not said or (earlier is not None and not earlier.done()):
            return
        fetch = asyncio.get_running_loop().create_task(
            self._look(said, session), name="honcho: fetching for the next message"
        )
        session.memory[_FETCH] = fetch
        self._context.spawn(_until_the_end(fetch), name="fetching for the next message")

    async def _look(self, said: str, session: SessionContext) -> str:
        configuration = self._access.configuration
        names = await conversation_names(self._access, session)
        await self._access.ensure(names)
        known, answer = await asyncio.gather(
            self._access.known(names, tokens=configuration.context_tokens, query=said[:1000], summary=False),
            self._access.answer(names, dialectic_question(said), level=level_for(said, configuration.level)),
            return_exceptions=True,
        )
        for failed in (known, answer):
            if isinstance(failed, BaseException):
                if not isinstance(failed, HonchoError):
                    raise failed
                log.info("Honcho gave nothing for the next message: %s", failed)
        return attached(
            None if isinstance(known, BaseException) else known,
            "" if isinstance(answer, BaseException) else answer,
            configuration.dialectic_characters,
        )

    def _begin(self) -> None:
        """At the first use: send what earlier processes left behind."""
        if self._began:
            return
        self._began = True
        if self._outbox.path.exists():
            self._context.spawn(self._send_leftovers(), name="sending what was left behind")

    async def _send_leftovers(self) -> None:
        # Whatever an earlier process held back until its end, its end has come; or it sends it a little early.
        await asyncio.to_thread(self._outbox.release)
        self._sender.wake()

    async def _offer_files(self, session: SessionContext, names: Names) -> None:
        """Say once for each home that Honcho can learn from local files. Nothing is sent without a command."""
        said = self._context.state_directory / "migration-offered"
        if said.exists() or session.source not in LOCAL_SOURCES:
            return
        found = await asyncio.to_thread(lambda: Migration(self._context.home).sources())
        if not found or not await self._access.is_empty(names.session):
            return
        said.touch(mode=0o600)
        session.announce("Honcho can learn from your local memory files: `hermes honcho migrate`.", code="honcho")

    # ------------------------------------------------------------------------------------------------ at the end

    async def flush(
        self, messages: Sequence[Message], session: SessionContext, reason: Literal["compaction", "reset", "exit"]
    ) -> None:
        """Send what is held back. Every finished turn is in the queue already, so nothing depends on this."""
        configuration = self._access.configuration
        if not configuration.active:
            return
        if reason != "compaction":
            await self._settle(session)
        if not self._outbox.path.exists():
            return
        names = await conversation_names(self._access, session)
        await asyncio.to_thread(self._outbox.release, names.session)
        if reason == "compaction":
            self._sender.wake()
        elif (await asyncio.to_thread(self._outbox.waiting)).unsent:
            await self._sender.finish(self._access.configuration.section.exit_wait)

    async def _settle(self, session: SessionContext) -> None:
        """Let what is told of the last turn come into the queue, and give up what nobody will read."""
        await asyncio.sleep(0)  # what was begun just before has then begun
        observing = {task for task in session.memory.get(_OBSERVING, ()) if task is not asyncio.current_task()}
        if observing:
            await asyncio.wait(observing, timeout=self._access.configuration.section.exit_wait)
        fetch: asyncio.Task[str] | None = session.memory.pop(_FETCH, None)
        if fetch is not None:
            fetch.cancel()
            await asyncio.wait({fetch})


async def _until_the_end(fetch: asyncio.Task[str]) -> None:
    """Give up what is being fetched when the host ends before the conversation was flushed."""
    try:
        await asyncio.wait({fetch})
    finally:
        fetch.cancel()
        await asyncio.wait({fetch})
