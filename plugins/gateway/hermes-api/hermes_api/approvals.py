"""Tool calls of turns at work that wait for somebody's consent, given over the API."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_api.errors import ApiError, refused
from hermes_host.protocols import ApprovalRequest, Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_api.keys import Key

__all__ = ["Asker", "Desk"]


class _Waiting(msgspec.Struct):
    request: ApprovalRequest
    owner: str
    until: float
    answer: asyncio.Future[Decision]


class Desk:
    """What waits."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}
        self._over: deque[str] = deque(maxlen=1000)

    async def decide(self, request: ApprovalRequest, owner: str) -> Decision:
        """The answer to a request of a turn that was begun with the key `owner`."""
        waiting = _Waiting(request, owner, time.time() + request.timeout, asyncio.get_running_loop().create_future())
        self._waiting[request.id] = waiting
        try:
            return await waiting.answer
        finally:
            del self._waiting[request.id]
            self._over.append(request.id)

    def list(self, key: Key) -> Sequence[dict[str, Any]]:
        """What waits and may be answered with this key."""
        return [_shown(waiting) for waiting in self._waiting.values() if _may(key, waiting)]

    def answer(self, key: Key, identity: str, choice: Any, note: Any) -> dict[str, Any]:
        """Answer one. Raises `ApiError`: each is answered once, in time, and with the key of its turn."""
        waiting = self._waiting.get(identity)
        if waiting is None or waiting.answer.done():
            if waiting is not None or identity in self._over:
                raise ApiError(409, "That was answered already, or its time is up.", code="already_answered")
            raise ApiError(404, "Nothing of that id waits for an answer.", code="not_found")
        if not _may(key, waiting):
            raise ApiError(403, "That turn was begun with another key.", code="foreign_session")
        choices = [word for word in waiting.request.choices if word != "always" or key.may("all")]
        if choice not in choices:
            raise refused(f"It can be answered with {', '.join(choices)}.", "choice")
        if not isinstance(note, str):
            raise refused("`note` must be a string.", "note")
        waiting.answer.set_result(Decision(choice=choice, note=note[:1000], by="person"))
        return {"id": identity, "object": "approval", "choice": choice}


class Asker:
    """Who is asked in one turn."""

    def __init__(self, desk: Desk, owner: str) -> None:
        self._desk, self._owner = desk, owner

    async def decide(self, request: ApprovalRequest) -> Decision:
        """See `hermes_host.protocols.Approver`."""
        return await self._desk.decide(request, self._owner)


def _may(key: Key, waiting: _Waiting) -> bool:
    return key.may("all") or key.id == waiting.owner


def _shown(waiting: _Waiting) -> dict[str, Any]:
    request = waiting.request
    return {
        "id": request.id,
        "object": "approval",
        "session_id": request.session_id,
        "call_id": request.call.id,
        "tool": request.call.name,
        "shown": request.shown,
        "reason": request.reason,
        "choices": list(request.choices),
        "directory": request.directory,
        "terminal": request.terminal,
        "expires_at": int(waiting.until),
    }
