"""/api/sessions: conversations of the host, for the key that made them."""

from __future__ import annotations

import secrets
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_api.call import json_answer
from hermes_api.errors import ApiError, error_of, refused
from hermes_api.history import chat_messages
from hermes_api.instructions import STATE
from hermes_api.running import SOURCE, Wanted, provenance_of
from hermes_host.errors import HermesError, NotFound
from hermes_host.events import TurnFinished, encode_event
from hermes_host.messages import encode_message
from hermes_host.records import SessionRecord

if TYPE_CHECKING:
    from aiohttp import web

    from hermes_api.call import Call
    from hermes_api.ledger import Ledger
    from hermes_api.running import Run, Runs
    from hermes_host.records import SessionInfo
    from hermes_host.services import Conversations

__all__ = ["Sessions"]

SESSION = "X-Hermes-Session-Id"
_MOST = 200


class Sessions:
    """Lists, reads, changes and goes on with conversations."""

    def __init__(self, runs: Runs, ledger: Ledger, conversations: Conversations) -> None:
        self._runs = runs
        self._ledger = ledger
        self._conversations = conversations

    async def list(self, call: Call) -> web.StreamResponse:
        """The newest ones."""
        limit = _limit(call)
        if call.key.may("all"):
            infos = list(self._runs.store.list(limit=limit, source=call.query.get("source", "")))
        else:
            infos = [info for session in self._ledger.owned(call.key.id, limit) if (info := self._find(session))]
        return json_answer(call, {"object": "list", "data": [_shown(info) for info in infos]})

    async def create(self, call: Call) -> web.StreamResponse:
        """Begin one, with a title, instructions and a past where they are given."""
        body = call.json()
        title = _text(body, "title", 100)
        records = []
        if instructions := _text(body, "instructions", 200_000):
            records.append(_record("state", name=STATE, data={"text": instructions}))
        if past := body.get("messages"):
            ended = {"role": "user", "content": "-"}
            entries = [*past, ended] if isinstance(past, list) else past
            asked = chat_messages(entries, provenance=provenance_of(call.key), most=call.settings.max_messages)
            records += [_record("message", message=message) for message in asked.past]
        writer = self._runs.store.create(source=SOURCE, title=title)
        try:
            self._ledger.own(writer.info.id, call.key.id)
            writer.append(*records)
            shown = _shown(writer.info)
        finally:
            writer.close()
        return json_answer(call, shown, status=201, headers={SESSION: writer.info.id})

    async def read(self, call: Call) -> web.StreamResponse:
        """One."""
        return json_answer(call, _shown(await self._owned(call)))

    async def messages(self, call: Call) -> web.StreamResponse:
        """What was said in it."""
        info = await self._owned(call)
        records = self._runs.store.load(info.id)
        removed = {
            identity
            for record in records
            if record.kind == "state" and record.name == "host.removed"
            for identity in record.data.get("records", ())
        }
        found = [
            {"id": record.id, "created_at": record.time, **_plain(record)}
            for record in records
            if record.kind == "message" and record.message is not None and record.id not in removed
        ]
        return json_answer(call, {"object": "list", "session_id": info.id, "data": found[-_limit(call, 1000) :]})

    async def rename(self, call: Call) -> web.StreamResponse:
        """Give it a title."""
        info = await self._owned(call)
        title = _text(call.json(), "title", 100)
        if not title:
            raise refused("`title` is missing.", "title")
        live = self._conversations.session(info.id)
        if live is not None:
            live.rename(title)
            return json_answer(call, _shown(live.info))
        writer = self._runs.store.open(info.id)
        try:
            writer.rename(title)
            return json_answer(call, _shown(writer.info))
        finally:
            writer.close()

    async def fork(self, call: Call) -> web.StreamResponse:
        """A copy of it, up to the message `until` where that is given."""
        info = await self._owned(call)
        writer = self._runs.store.fork(info.id, until=_text(call.json(), "until", 100))
        try:
            self._ledger.own(writer.info.id, call.key.id)
            shown = _shown(writer.info)
        finally:
            writer.close()
        return json_answer(call, shown, status=201, headers={SESSION: writer.info.id})

    async def delete(self, call: Call) -> web.StreamResponse:
        """Remove it for good."""
        info = await self._owned(call)
        self._runs.store.delete(info.id)
        self._ledger.disown(info.id)
        return json_answer(call, {"id": info.id, "object": "session", "deleted": True})

    async def steer(self, call: Call) -> web.StreamResponse:
        """Add words to the turn at work."""
        text = _text(call.json(), "content", 100_000)
        if not text.strip():
            raise refused("`content` is missing.", "content")
        (await self._live(call)).steer(text)
        return json_answer(call, {"object": "session", "id": call.path["id"], "steered": True}, status=202)

    async def stop(self, call: Call) -> web.StreamResponse:
        """End the turn at work."""
        (await self._live(call)).interrupt()
        return json_answer(call, {"object": "session", "id": call.path["id"], "stopped": True}, status=202)

    async def say(self, call: Call) -> web.StreamResponse:
        """A turn: as events of the host's own form, or in one piece."""
        body = call.json()
        info = await self._owned(call)
        entries = [{"role": "user", "content": body.get("content")}]
        asked = chat_messages(entries, provenance=provenance_of(call.key), most=1)
        model = body.get("model") or call.settings.model_name
        wanted = Wanted(
            prompt=asked.prompt,
            model=self._runs.check_model(model),
            session=info.id,
            instructions=_text(body, "instructions", 200_000) or None,
        )
        async with self._runs.run(call, wanted) as run:
            if body.get("stream", True):
                return await self._streamed(call, run)
            async with aclosing(run.events()) as events:
                async for event in events:
                    run.segments.feed(event)
            return json_answer(call, _told(run), headers={SESSION: info.id})

    async def _streamed(self, call: Call, run: Run) -> web.StreamResponse:
        async with aclosing(run.events()) as events:
            first = await anext(events)
            async with call.stream({SESSION: run.session.id}) as stream:
                try:
                    await stream.send(_sse(first))
                    async for event in events:
                        await stream.send(_sse(event))
                        call.failed = isinstance(event, TurnFinished) and event.outcome != "completed"
                except HermesError as error:
                    call.failed = True
                    await stream.event("error", error_of(error).body)
                return stream.response

    # ------------------------------------------------------------------------------------------------------ finding

    def _find(self, session: str) -> SessionInfo | None:
        try:
            info = self._runs.store.find(session)
        except NotFound:
            return None
        return info if info.id == session else None

    async def _owned(self, call: Call) -> SessionInfo:
        session = call.path["id"]
        self._runs.owns(call.key, session)
        await self._runs.settled(session)
        info = self._find(session)
        if info is None:
            raise ApiError(404, f"There is no conversation {session[:100]!r}.", code="not_found")
        return info

    async def _live(self, call: Call) -> Any:
        info = await self._owned(call)
        live = self._conversations.session(info.id)
        if live is None or not live.busy:
            raise ApiError(409, "No turn runs in that conversation.", code="no_turn")
        return live


def _sse(event: Any) -> bytes:
    data = encode_event(event)
    kind = msgspec.json.decode(data, type=_Kind).type
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


class _Kind(msgspec.Struct):
    type: str


def _told(run: Run) -> dict[str, Any]:
    finished = run.finished
    assert finished is not None, "its events were read to the end"
    return {
        "object": "turn",
        "session_id": run.session.id,
        "outcome": finished.outcome,
        "text": finished.text,
        "steps": finished.steps,
        "usage": msgspec.to_builtins(finished.usage),
        "error": finished.error,
    }


def _shown(info: SessionInfo) -> dict[str, Any]:
    return {
        "id": info.id,
        "object": "session",
        "title": info.title,
        "source": info.source,
        "model": info.model,
        "parent": info.parent,
        "created_at": int(info.started),
        "updated_at": int(info.updated),
        "messages": info.messages,
        "preview": info.preview,
        "usage": msgspec.to_builtins(info.usage),
    }


def _plain(record: SessionRecord) -> dict[str, Any]:
    """A message without what is the provider's own."""
    assert record.message is not None, "it was looked at"
    message = encode_message(record.message)
    message.pop("meta", None)
    for part in message.get("parts", ()):
        part.pop("meta", None)
    return message


def _record(kind: Any, **values: Any) -> SessionRecord:
    return SessionRecord(kind=kind, id=secrets.token_hex(6), time=time.time(), **values)


def _text(body: dict[str, Any], name: str, longest: int) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str) or len(value) > longest:
        raise refused(f"`{name}` is a text of at most {longest} characters.", name)
    return value


def _limit(call: Call, most: int = _MOST) -> int:
    text = call.query.get("limit", "50" if most == _MOST else str(most))
    if not text.isdecimal() or not 0 < int(text[:9]) <= most:
        raise refused(f"`limit` is a number from 1 to {most}.", "limit")
    return int(text)
