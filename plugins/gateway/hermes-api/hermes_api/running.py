"""Turns for clients: a conversation begun or gone on with, one message, and its events."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_api.answers import Form, Segments
from hermes_api.approvals import Asker, Desk
from hermes_api.errors import ApiError, error_of, refused, turn_error
from hermes_api.instructions import instruct
from hermes_host.errors import HermesError, NotFound
from hermes_host.events import MessageAdded, Notice, TurnFinished
from hermes_host.messages import Message, user_message
from hermes_host.stream import Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    from hermes_api.access import Access
    from hermes_api.call import Call
    from hermes_api.keys import Key
    from hermes_api.ledger import Ledger
    from hermes_api.settings import ApiSettings
    from hermes_host.agent.session import Session
    from hermes_host.events import Event
    from hermes_host.messages import Provenance
    from hermes_host.protocols import SessionStore
    from hermes_host.services import Conversations

__all__ = ["Run", "Runs", "Wanted", "provenance_of"]

log = logging.getLogger(__name__)

SOURCE = "api"
_FAST_PROMPT = "You are a helpful assistant. Answer briefly, from what you were told alone."
_REPAIR = "Your answer cannot be used: {problem}. {instruction}"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a turn is to be."""

    prompt: Message
    model: str
    """As the client named it."""
    session: str = ""
    """The conversation to go on with; empty for a new one."""
    past: tuple[Message, ...] = ()
    instructions: str | None = None
    settings: dict[str, Any] = {}
    """Fields of `ModelSettings`."""
    form: Form | None = None
    keep: bool = True


def provenance_of(key: Key) -> Provenance:
    """Whose words come with a key: the owner's only with the one that may do everything."""
    return "owner" if key.may("all") else "member"


class Run:
    """One turn at work, or two: an answer of a wrong form is asked for once more."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self.session = session
        self.wanted = wanted
        self.segments = Segments()
        self.usage = Usage()
        self.last_record = ""
        self.answer = ""
        self.refused = False
        self.finished: TurnFinished | None = None

    async def events(self) -> AsyncGenerator[Event, None]:
        """Everything that happens. Raises `HermesError` where the message is refused."""
        prompt = self.wanted.prompt
        for attempt in (1, 2):
            async with aclosing(self.session.run(prompt)) as events:  # type: ignore[type-var]
                async for event in events:
                    self._note(event)
                    yield event
            problem = self._problem()
            if not problem or attempt == 2 or self.wanted.form is None:
                return
            text = _REPAIR.format(problem=problem, instruction=self.wanted.form.instruction)
            prompt = user_message(text, provenance=self.wanted.prompt.provenance)

    def _note(self, event: Event) -> None:
        if isinstance(event, MessageAdded):
            self.last_record = event.message_id
        elif isinstance(event, Notice) and event.code == "refused":
            self.refused = True
        elif isinstance(event, TurnFinished):
            self.finished = event
            self.usage += event.usage
            self.answer = event.text

    def _problem(self) -> str:
        if self.wanted.form is None or self.finished is None or self.finished.outcome != "completed" or self.refused:
            return ""
        self.answer, problem = self.wanted.form.check(self.finished.text)
        return problem

    @property
    def content(self) -> str:
        """The text for the client: everything that was said, or the answer alone where it must have a form."""
        return self.answer if self.wanted.form is not None else self.segments.text

    @property
    def finish_reason(self) -> str:
        """As chat completions say it. Raises `ApiError` for a turn that failed."""
        finished = self.finished
        if finished is None or finished.outcome == "interrupted":
            raise ApiError(500, "The turn was interrupted.", code="interrupted")
        if self.refused or finished.error_kind == "ContentRefused":
            return "content_filter"
        if finished.outcome == "failed" or finished.error_kind:
            raise turn_error(finished.error_kind, finished.error)
        if finished.outcome in ("truncated", "budget"):
            return "length"
        if problem := self._problem():
            raise ApiError(502, f"The model's answer does not follow the schema: {problem}", code="invalid_structure")
        return "stop"


class Runs:
    """Begins turns, counts them, and ends them with the server."""

    def __init__(
        self,
        conversations: Conversations,
        store: SessionStore,
        ledger: Ledger,
        access: Access,
        desk: Desk,
        settings: ApiSettings,
    ) -> None:
        self._conversations = conversations
        self.store = store
        self._ledger = ledger
        self._access = access
        self._desk = desk
        self._settings = settings
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open_sessions: set[Session] = set()
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self.stopping = False

    def models(self) -> Sequence[str]:
        """The names that can be asked for."""
        name = self._settings.model_name
        return [name, f"{name}-fast", *(other for other in self._settings.models if other != name)]

    def check_model(self, model: Any) -> str:
        """The name, if there is such a model. Raises `ApiError`."""
        if not isinstance(model, str) or not model:
            raise refused("`model` is missing.", "model", "missing_model")
        if model in self.models() or self._settings.echo_models:
            return model
        raise ApiError(
            404,
            f"There is no model {model[:100]!r} here; there are {', '.join(self.models())}.",
            code="model_not_found",
            param="model",
        )

    def owns(self, key: Key, session: str) -> None:
        """Whether a key may use a conversation. Raises `ApiError`, the same whether it exists or not."""
        if not key.may("all") and self._ledger.owner(session) != key.id:
            raise ApiError(403, "That conversation is not one of this key's.", code="foreign_session")

    @asynccontextmanager
    async def run(self, call: Call, wanted: Wanted) -> AsyncIterator[Run]:
        """A turn, as long as the client waits for it. Raises `ApiError`, `ClientGone`."""
        if self.stopping:
            raise ApiError(503, "The server is stopping.", code="stopping", headers={"Retry-After": "10"})
        approver = self._approver(call)
        if wanted.session:
            self.owns(call.key, wanted.session)
        self._access.begin_run(call.key)
        task = asyncio.current_task()
        assert task is not None, "a request is handled in a task"
        self._tasks.add(task)
        try:
            async with call.attended():
                session = await self._open(call.key, wanted, approver)
                self._open_sessions.add(session)
                try:
                    yield Run(session, wanted)
                finally:
                    self._open_sessions.discard(session)
                    self._leave(session, wanted)
        except HermesError as error:
            raise error_of(error) from error
        finally:
            self._tasks.discard(task)
            self._access.end_run(call.key)

    def _approver(self, call: Call) -> Asker | None:
        wish = call.header("X-Hermes-Approvals").lower()
        if wish in ("", "refuse"):
            return None
        if wish != "wait":
            raise refused("X-Hermes-Approvals is `wait` or `refuse`.", "X-Hermes-Approvals")
        if not call.key.may("approvals"):
            raise ApiError(403, "This key has not the scope 'approvals'.", code="insufficient_scope")
        return Asker(self._desk, call.key.id)

    async def _open(self, key: Key, wanted: Wanted, approver: Asker | None) -> Session:
        settings = self._settings
        fast = self.is_fast(wanted.model)
        instructions = wanted.instructions
        if wanted.form is not None:
            instructions = "\n\n".join(filter(None, (instructions, wanted.form.instruction)))
        if wanted.session:
            session = await self._resume(wanted, approver)
        elif fast:
            session = await self._conversations.start(
                model=settings.fast_model or settings.model,
                source=SOURCE,
                toolsets=[],
                memory="none",
                messages=wanted.past,
                system=instructions or _FAST_PROMPT,
            )
        else:
            session = await self._conversations.start(
                model=settings.models.get(wanted.model, settings.model),
                source=SOURCE,
                toolsets=settings.toolsets,
                messages=wanted.past,
                approver=approver,
            )
        try:
            if not wanted.session:
                self._ledger.own(session.id, key.id)
            if wanted.session or not fast:
                await instruct(session, instructions)
            if wanted.settings:
                session.settings = msgspec.structs.replace(session.settings, **wanted.settings)
        except BaseException:
            await session.close("parked")
            raise
        return session

    async def _resume(self, wanted: Wanted, approver: Asker | None) -> Session:
        await self.settled(wanted.session)
        if self._conversations.session(wanted.session) is not None:
            raise ApiError(409, "A turn runs in that conversation.", code="session_busy", headers={"Retry-After": "2"})
        try:
            info = self.store.find(wanted.session)
        except NotFound:
            raise ApiError(404, f"There is no conversation {wanted.session[:100]!r}.", code="not_found") from None
        if info.id != wanted.session:
            raise ApiError(404, "Conversations are named by their whole id.", code="not_found")
        return await self._conversations.resume(
            info.id,
            model=self._settings.models.get(wanted.model, ""),
            toolsets=[] if self.is_fast(wanted.model) else self._settings.toolsets if info.source == SOURCE else None,
            approver=approver,
        )

    def is_fast(self, model: str) -> bool:
        """Whether it is the model without tools."""
        return model == f"{self._settings.model_name}-fast"

    def _leave(self, session: Session, wanted: Wanted) -> None:
        """Close a conversation beside the answers: stores wait for the disk then, and no client should."""
        closing = asyncio.create_task(self._close(session, wanted), name=f"api-close-{session.id}")
        self._closing[session.id] = closing
        closing.add_done_callback(lambda task: self._closed(session.id, task))

    def _closed(self, session: str, task: asyncio.Task[None]) -> None:
        self._closing.pop(session, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("the conversation %s could not be closed", session, exc_info=error)

    async def settled(self, session: str) -> None:
        """Wait until a conversation that was left is closed."""
        if (closing := self._closing.get(session)) is not None:
            await asyncio.wait({closing})

    async def _close(self, session: Session, wanted: Wanted) -> None:
        async with self._one_at_a_time:
            await session.close("parked")
        if not wanted.session and (not wanted.keep or self.is_fast(wanted.model)):
            self._ledger.disown(session.id)
            try:
                self.store.delete(session.id)
            except HermesError as error:
                log.debug("a conversation that is not to be kept is gone already: %s", error)

    async def drain(self) -> None:
        """Take no more turns, give those that run a little time, then interrupt them."""
        self.stopping = True
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=self._settings.drain_seconds)
            for session in self._open_sessions:
                session.interrupt()  # its client is told so
            if late:
                _, late = await asyncio.wait(late, timeout=2.0)
            for task in late:
                task.cancel()
        if self._closing:
            await asyncio.wait(set(self._closing.values()), timeout=2.0)
