"""The logs of conversations, of those that are live here and of those that are over."""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from hermes_host.errors import NotFound, SessionError
from hermes_host.records import SessionRecord
from hermes_learning.experience import REVIEWED, Experience, Reviewed

if TYPE_CHECKING:
    from hermes_host.protocols import SessionStore
    from hermes_host.services import Conversations
    from hermes_learning.debts import Debts

__all__ = ["Book"]

log = logging.getLogger(__name__)


class Book:
    """Reads what a conversation has to teach, and writes down what was reviewed of it."""

    def __init__(self, store: SessionStore, conversations: Conversations, debts: Debts) -> None:
        self.store = store
        self._conversations = conversations
        self._debts = debts

    def experience(self, session_id: str) -> Experience:
        """What is known of a conversation. Raises `NotFound`, `SessionError`."""
        debt = self._debts.get(session_id)
        return Experience(self.store.load(session_id), [debt.done] if debt is not None else [])

    def mark(self, session_id: str, reviewed: Reviewed) -> None:
        """Note what was reviewed: in the conversation's log, or beside it while another process writes to that."""
        data = msgspec.to_builtins(reviewed)
        live = self._conversations.session(session_id)
        if live is not None:
            with suppress(SessionError):  # it is being closed this very moment
                live.context.record(REVIEWED, data)
                self._debts.settle(session_id)
                return
        try:
            self._append(
                session_id, SessionRecord(kind="state", id=secrets.token_hex(6), time=0.0, name=REVIEWED, data=data)
            )
            self._debts.settle(session_id)
        except NotFound:
            self._debts.settle(session_id)
        except SessionError as error:
            log.info("what was reviewed of session %s is noted beside it: %s", session_id, error)
            debt = self._debts.get(session_id)
            if debt is not None:
                self._debts.put(session_id, msgspec.structs.replace(debt, done=reviewed, kinds=(), attempts=0))

    def free(self, session_id: str) -> bool:
        """Whether no process has the conversation open. Raises `NotFound`."""
        try:
            self._append(session_id)
        except NotFound:
            raise
        except SessionError:
            return False
        return True

    def _append(self, session_id: str, *records: SessionRecord) -> None:
        """Write into a conversation that is over, so that neither its end nor its time changes."""
        info = self.store.find(session_id)
        writer = self.store.open(session_id)
        try:
            if records:
                writer.append(*(msgspec.structs.replace(record, time=info.updated) for record in records))
            if info.ended:
                writer.end(info.ended)
        finally:
            writer.close()
