"""POST /v1/responses, and the responses that are kept."""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_api.answers import form_of
from hermes_api.call import json_answer
from hermes_api.errors import ApiError, error_of, refused
from hermes_api.history import response_items
from hermes_api.ledger import Kept
from hermes_api.options import no_client_tools, settings_of
from hermes_api.response_events import Items
from hermes_api.response_items import resource, usage_of
from hermes_api.running import Wanted, provenance_of
from hermes_host.errors import HermesError, NotFound

if TYPE_CHECKING:
    from aiohttp import web

    from hermes_api.call import Call, Stream
    from hermes_api.ledger import Ledger
    from hermes_api.running import Run, Runs

__all__ = ["Responses"]

log = logging.getLogger(__name__)

SESSION = "X-Hermes-Session-Id"
_CONVERSATION = 256
_encode = msgspec.json.Encoder().encode


class Responses:
    """Answers that can be read again and gone on from."""

    def __init__(self, runs: Runs, ledger: Ledger) -> None:
        self._runs = runs
        self._ledger = ledger

    async def create(self, call: Call) -> web.StreamResponse:
        """Answer one request."""
        body = call.json()
        asked, conversation, previous = self._wanted(call, body)
        async with self._runs.run(call, asked) as run:
            response = resource(
                body,
                f"resp_{secrets.token_hex(14)}",
                int(time.time()),
                instructions=asked.instructions,
                previous_response_id=previous.id if previous else None,
            )
            items = Items(response, show_tools=call.settings.show_tools, reasoning=_shows_reasoning(call, body))
            headers = {SESSION: run.session.id} if asked.keep and not self._runs.is_fast(asked.model) else {}
            if body.get("stream"):
                return await self._streamed(call, run, items, conversation, headers)
            async with aclosing(run.events()) as events:
                async for event in events:
                    items.take(run, event)
            self._end(run, items)
            self._keep(call, run, response, conversation)
            return json_answer(call, response, headers=headers)

    async def read(self, call: Call) -> web.StreamResponse:
        """A response that was kept."""
        return json_answer(call, self._kept(call).body)

    async def inputs(self, call: Call) -> web.StreamResponse:
        """What a response answered."""
        return json_answer(call, self._kept(call).input)

    async def delete(self, call: Call) -> web.StreamResponse:
        """Forget a response; the conversation stays."""
        kept = self._kept(call)
        self._ledger.forget(kept.id)
        return json_answer(call, {"id": kept.id, "object": "response", "deleted": True})

    def _kept(self, call: Call, identity: str = "") -> Kept:
        identity = identity or call.path["id"]
        kept = self._ledger.response(identity)
        # Nobody learns of responses made with other keys.
        if kept is None or not (call.key.may("all") or kept.owner == call.key.id):
            raise ApiError(404, f"There is no response {identity[:100]!r}.", code="response_not_found")
        return kept

    def _wanted(self, call: Call, body: dict[str, Any]) -> tuple[Wanted, str, Kept | None]:
        model = self._runs.check_model(body.get("model"))
        no_client_tools(body)
        if body.get("background"):
            raise refused("`background` is not served.", "background")
        conversation, previous = self._before(call, body)
        asked = response_items(body.get("input"), provenance=provenance_of(call.key), most=call.settings.max_messages)
        form = form_of(
            body.get("text", {}).get("format") if isinstance(body.get("text"), dict) else None, "text.format"
        )
        settings = settings_of(body, ("max_output_tokens",))
        if form is not None and form.schema is not None:
            settings["response_schema"] = form.schema
        given = body.get("instructions")
        if given is not None and not isinstance(given, str):
            raise refused("`instructions` must be a string.", "instructions")
        said = "\n\n".join(filter(None, (given, asked.instructions)))
        wanted = Wanted(
            prompt=asked.newest if previous else asked.prompt,
            past=() if previous else asked.past,
            model=model,
            session=self._session(previous) if previous else "",
            instructions=said or None,
            settings=settings,
            form=form,
            keep=body.get("store") is not False or bool(previous) or call.settings.keep_chats,
        )
        return wanted, conversation, previous

    def _before(self, call: Call, body: dict[str, Any]) -> tuple[str, Kept | None]:
        identity, conversation = body.get("previous_response_id"), body.get("conversation")
        if isinstance(conversation, dict):
            conversation = conversation.get("id")
        if identity and conversation:
            raise refused("Either `previous_response_id` or `conversation`, not both.", "conversation")
        if conversation is not None and (
            not isinstance(conversation, str) or not 0 < len(conversation) <= _CONVERSATION
        ):
            raise refused(f"`conversation` is a name of at most {_CONVERSATION} characters.", "conversation")
        if identity is not None and not isinstance(identity, str):
            raise refused("`previous_response_id` must be a string.", "previous_response_id")
        if conversation:
            last = self._ledger.last_of(call.key.id, conversation)
            return conversation, self._ledger.response(last) if last else None
        return "", self._kept(call, identity) if identity else None

    def _session(self, previous: Kept) -> str:
        """The conversation to go on with: the response's own, or a fork from where it stood in it."""
        if self._ledger.is_last(previous):
            return previous.session
        try:
            writer = self._runs.store.fork(previous.session, until=previous.until)
        except NotFound:
            raise ApiError(404, "The conversation of that response is gone.", code="response_not_found") from None
        fork = writer.info.id
        writer.close()
        self._ledger.own(fork, previous.owner)
        return fork

    async def _streamed(
        self, call: Call, run: Run, items: Items, conversation: str, headers: dict[str, str]
    ) -> web.StreamResponse:
        async with aclosing(run.events()) as events:
            first = await anext(events)
            async with call.stream(headers) as stream:
                writer = _Writer(stream)
                await writer.send(items.begin())
                try:
                    await writer.send(items.take(run, first))
                    async for event in events:
                        await writer.send(items.take(run, event))
                    await writer.send(self._end(run, items))
                    self._keep(call, run, items.response, conversation)
                except (ApiError, HermesError) as error:
                    found = error if isinstance(error, ApiError) else error_of(error)
                    call.failed = True
                    await writer.send(items.fail(found))
                else:
                    await writer.send([items.last()])
                return stream.response

    def _end(self, run: Run, items: Items) -> list[dict[str, Any]]:
        reason = run.finish_reason
        events = items.finish(run)
        response = items.response
        response["usage"] = usage_of(run.usage)
        response["completed_at"] = int(time.time())
        response["status"] = "completed" if reason == "stop" else "incomplete"
        if reason != "stop":
            details = "max_output_tokens" if reason == "length" else "content_filter"
            response["incomplete_details"] = {"reason": details}
            response["completed_at"] = None
        return events

    def _keep(self, call: Call, run: Run, response: dict[str, Any], conversation: str) -> None:
        if not response["store"] or self._runs.is_fast(response["model"]):
            return
        given = call.json().get("input")
        entries = [{"role": "user", "content": given}] if isinstance(given, str) else given
        listed = {"object": "list", "data": entries, "has_more": False}
        kept = Kept(
            id=response["id"],
            owner=call.key.id,
            session=run.session.id,
            until=run.last_record,
            made=time.time(),
            instructions=response["instructions"],
            body=_encode(response),
            input=_encode(listed),
        )
        self._ledger.keep(kept, conversation)


def _shows_reasoning(call: Call, body: dict[str, Any]) -> bool:
    reasoning = body.get("reasoning")
    return call.flag("Reasoning") or (isinstance(reasoning, dict) and bool(reasoning.get("summary")))


class _Writer:
    """Numbers events and sends them."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._number = 0

    async def send(self, events: list[dict[str, Any]]) -> None:
        pieces = []
        for event in events:
            event["sequence_number"] = self._number
            self._number += 1
            pieces.append(b"event: " + event["type"].encode() + b"\ndata: " + _encode(event) + b"\n\n")
        if pieces:
            await self._stream.send(b"".join(pieces))
