"""A request sent twice with one Idempotency-Key happens once: also at the same time, and after a restart."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING

from aiohttp import web

from hermes_api.errors import ApiError, refused
from hermes_api.ledger import Remembered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hermes_api.call import Call
    from hermes_api.ledger import Ledger

__all__ = ["Once"]

HEADER = "Idempotency-Key"
_SESSION = "X-Hermes-Session-Id"
_LONGEST = 255


class Once:
    """Knows what was answered to whom for a day."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._begun: dict[tuple[str, str], asyncio.Future[None]] = {}

    async def answer(self, call: Call, handle: Callable[[], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        """Answer by `handle`, or as the first time. Raises `ApiError` for a key that another request has."""
        given = call.header(HEADER)
        if not given:
            return await handle()
        if len(given) > _LONGEST or not given.isprintable():
            raise refused(f"{HEADER}: at most {_LONGEST} printable characters.", HEADER)
        key = (call.key.id, given)
        asked = (call.request.method.encode(), call.place, call.header(_SESSION).encode(), call.raw)
        fingerprint = hashlib.sha256(b"\n".join(asked)).hexdigest()
        while (other := self._begun.get(key)) is not None:
            self._check(key, fingerprint)
            async with call.attended():
                await asyncio.shield(other)
        known = self._check(key, fingerprint)
        if known is not None:
            return await self._again(call, known)
        return await self._first(call, key, fingerprint, handle)

    def _check(self, key: tuple[str, str], fingerprint: str) -> Remembered | None:
        known = self._ledger.remembered(*key)
        if known is not None and known.fingerprint != fingerprint:
            raise ApiError(
                409, f"That {HEADER} was used for another request.", code="idempotency_conflict", param=HEADER
            )
        return known

    async def _first(
        self,
        call: Call,
        key: tuple[str, str],
        fingerprint: str,
        handle: Callable[[], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        done = self._begun[key] = asyncio.get_running_loop().create_future()
        note = Remembered(fingerprint=fingerprint, made=time.time(), status=0, kind="", session="", body=b"")
        self._ledger.remember(*key, note)
        call.keeps = True
        kept = False
        try:
            response = await handle()
            body = b"".join(call.sent) if call.sent is not None else getattr(response, "body", None)
            if isinstance(body, bytes) and response.status < 400 and not call.failed:
                session = response.headers.get(_SESSION, "")
                kind = response.headers.get("Content-Type", "application/json")
                answer = Remembered(
                    fingerprint=fingerprint,
                    made=time.time(),
                    status=response.status,
                    kind=kind,
                    session=session,
                    body=body,
                )
                self._ledger.remember(*key, answer)
                kept = True
            return response
        finally:
            if not kept:  # it failed, or nobody waited for it: the next one may try
                self._ledger.unremember(*key)
            del self._begun[key]
            done.set_result(None)

    async def _again(self, call: Call, known: Remembered) -> web.StreamResponse:
        if known.status == 0:
            raise ApiError(
                409,
                "The server was ended while that request was worked on: what it did is not known. Look at the "
                f"conversation, or send it with another {HEADER}.",
                code="idempotency_unknown",
            )
        headers = {**call.headers, "Content-Type": known.kind, "Idempotent-Replayed": "true"}
        if known.session:
            headers[_SESSION] = known.session
        return web.Response(body=known.body, status=known.status, headers=headers)
