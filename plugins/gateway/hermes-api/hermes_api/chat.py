"""POST /v1/chat/completions."""

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
from hermes_api.extra_events import extra_event
from hermes_api.history import chat_messages
from hermes_api.options import no_client_tools, settings_of
from hermes_api.running import Wanted, provenance_of
from hermes_host.errors import HermesError
from hermes_host.events import ReasoningDelta

if TYPE_CHECKING:
    from aiohttp import web

    from hermes_api.call import Call, Stream
    from hermes_api.running import Run, Runs
    from hermes_host.events import Event
    from hermes_host.stream import Usage

__all__ = ["complete"]

log = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
SESSION = "X-Hermes-Session-Id"


async def complete(call: Call, runs: Runs) -> web.StreamResponse:
    """Answer one request."""
    body = call.json()
    wanted = _wanted(call, runs, body)
    async with runs.run(call, wanted) as run:
        headers = {SESSION: run.session.id} if wanted.keep and not runs.is_fast(wanted.model) else {}
        head = _Head(wanted.model)
        if not body.get("stream"):
            return json_answer(call, await _whole(run, head), headers=headers)
        options = body.get("stream_options")
        usage = isinstance(options, dict) and bool(options.get("include_usage"))
        return await _streamed(call, run, head, usage, headers)


def _wanted(call: Call, runs: Runs, body: dict[str, Any]) -> Wanted:
    model = runs.check_model(body.get("model"))
    no_client_tools(body)
    if not isinstance(body.get("stream", False), bool | None):
        raise refused("`stream` is true or false.", "stream")
    asked = chat_messages(body.get("messages"), provenance=provenance_of(call.key), most=call.settings.max_messages)
    session = call.header(SESSION)
    form = form_of(body.get("response_format"), "response_format")
    settings = settings_of(body, ("max_completion_tokens", "max_tokens"))
    if form is not None and form.schema is not None:
        settings["response_schema"] = form.schema
    return Wanted(
        prompt=asked.newest if session else asked.prompt,
        past=() if session else asked.past,
        model=model,
        session=session,
        instructions=asked.instructions,
        settings=settings,
        form=form,
        keep=bool(session) or call.settings.keep_chats,
    )


class _Head:
    """What all pieces of one answer begin with."""

    def __init__(self, model: str) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(14)}"
        self.created = int(time.time())
        self.model = model

    def of(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


async def _whole(run: Run, head: _Head) -> dict[str, Any]:
    async with aclosing(run.events()) as events:
        async for event in events:
            run.segments.feed(event)
    reason = run.finish_reason
    message: dict[str, Any] = {"role": "assistant", "content": run.content, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return {**head.of("chat.completion"), "choices": [choice], "usage": usage_of(run.usage)}


async def _streamed(call: Call, run: Run, head: _Head, usage: bool, headers: dict[str, str]) -> web.StreamResponse:
    async with aclosing(run.events()) as events:
        first = await anext(events)  # what refuses the message is said with a status
        async with call.stream(headers) as stream:
            writer = _Writer(call, stream, head, usage)
            await writer.begin()
            try:
                await writer.event(run, first)
                async for event in events:
                    await writer.event(run, event)
                await writer.end(run)
            except (ApiError, HermesError) as error:
                found = error if isinstance(error, ApiError) else error_of(error)
                call.failed = True
                await stream.data(found.body)
                await stream.send(b"data: [DONE]\n\n")
            return stream.response


class _Writer:
    """Turns events into chunks. What every chunk has is encoded once."""

    def __init__(self, call: Call, stream: Stream, head: _Head, usage: bool) -> None:
        self._stream = stream
        self._extra = call.flag("Events")
        self._reasoning = call.flag("Reasoning")
        self._head = head.of("chat.completion.chunk")
        self._usage = usage
        start = _encode(self._head)[:-1]
        self._before = b"data: " + start + b',"choices":[{"index":0,"delta":{"content":'
        self._before_thought = b"data: " + start + b',"choices":[{"index":0,"delta":{"reasoning_content":'
        self._after = b'},"logprobs":null,"finish_reason":null}]' + (b',"usage":null}\n\n' if usage else b"}\n\n")

    async def begin(self) -> None:
        await self._chunk({"role": "assistant", "content": "", "refusal": None}, None)

    async def event(self, run: Run, event: Event) -> None:
        piece = run.segments.feed(event)
        if piece and run.wanted.form is None:
            await self._stream.send(self._before + _encode(piece) + self._after)
        elif self._reasoning and isinstance(event, ReasoningDelta):
            await self._stream.send(self._before_thought + _encode(event.text) + self._after)
        elif self._extra and (found := extra_event(event)):
            await self._stream.event(*found)

    async def end(self, run: Run) -> None:
        reason = run.finish_reason
        if run.wanted.form is not None:
            await self._stream.send(self._before + _encode(run.content) + self._after)
        await self._chunk({}, reason)
        if self._usage:
            await self._stream.data({**self._head, "choices": [], "usage": usage_of(run.usage)})
        await self._stream.send(b"data: [DONE]\n\n")

    async def _chunk(self, delta: dict[str, Any], reason: str | None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        more = {"usage": None} if self._usage else {}
        await self._stream.data({**self._head, "choices": [choice], **more})


def usage_of(usage: Usage) -> dict[str, Any]:
    """Tokens of all steps, as chat completions count them."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
