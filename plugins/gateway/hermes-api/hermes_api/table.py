"""The table of routes: what the API serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hermes_api import chat
from hermes_api.call import json_answer
from hermes_api.errors import ApiError
from hermes_api.routes import Route, openapi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from hermes_api.approvals import Desk
    from hermes_api.call import Call
    from hermes_api.conversations import Sessions
    from hermes_api.responses import Responses
    from hermes_api.running import Runs
    from hermes_api.settings import ApiSettings

__all__ = ["table"]

_TEXT = {"type": "string"}


def table(
    runs: Runs, responses: Responses, sessions: Sessions, desk: Desk, settings: ApiSettings, started: float
) -> Sequence[Route]:
    """Every route."""
    pages = _Pages(runs, settings, started)

    async def approvals(call: Call) -> web.StreamResponse:
        return json_answer(call, {"object": "list", "data": desk.list(call.key)})

    async def approve(call: Call) -> web.StreamResponse:
        body = call.json()
        return json_answer(call, desk.answer(call.key, call.path["id"], body.get("choice"), body.get("note", "")))

    async def complete(call: Call) -> web.StreamResponse:
        return await chat.complete(call, runs)

    one = "/api/sessions/{id}"
    routes = [
        Route(method="GET", path="/health", summary="Whether it lives.", handle=pages.health, scope=None),
        Route(method="GET", path="/v1/health", summary="Whether it lives.", handle=pages.health, scope=None),
        Route(method="GET", path="/openapi.json", summary="This document.", handle=pages.document, scope=None),
        Route(method="GET", path="/v1/models", summary="List the models.", handle=pages.models),
        Route(method="GET", path="/v1/models/{id}", summary="One model.", handle=pages.model),
        Route(method="GET", path="/v1/capabilities", summary="What is served.", handle=pages.capabilities),
        Route(
            method="POST",
            path="/v1/chat/completions",
            summary="Give the agent messages and get its answer.",
            handle=complete,
            body=_CHAT,
            once=True,
            streams=True,
        ),
        Route(
            method="POST",
            path="/v1/responses",
            summary="Give the agent input and get a response that can be gone on from.",
            handle=responses.create,
            body=_RESPONSES,
            once=True,
            streams=True,
        ),
        Route(method="GET", path="/v1/responses/{id}", summary="A response.", handle=responses.read),
        Route(method="DELETE", path="/v1/responses/{id}", summary="Forget a response.", handle=responses.delete),
        Route(
            method="GET",
            path="/v1/responses/{id}/input_items",
            summary="What a response answered.",
            handle=responses.inputs,
        ),
        Route(
            method="GET",
            path="/api/sessions",
            summary="List conversations, newest first.",
            handle=sessions.list,
            scope="sessions",
            query=("limit", "source"),
        ),
        Route(
            method="POST",
            path="/api/sessions",
            summary="Begin a conversation.",
            handle=sessions.create,
            scope="sessions",
            body=_object(title=_TEXT, instructions=_TEXT, messages={"type": "array", "items": {"type": "object"}}),
        ),
        Route(method="GET", path=one, summary="A conversation.", handle=sessions.read, scope="sessions"),
        Route(
            method="PATCH",
            path=one,
            summary="Rename a conversation.",
            handle=sessions.rename,
            scope="sessions",
            body=_object("title", title=_TEXT),
        ),
        Route(method="DELETE", path=one, summary="Delete a conversation.", handle=sessions.delete, scope="sessions"),
        Route(
            method="GET",
            path=f"{one}/messages",
            summary="What was said in a conversation.",
            handle=sessions.messages,
            scope="sessions",
            query=("limit",),
        ),
        Route(
            method="POST",
            path=f"{one}/messages",
            summary="Give the agent a message in a conversation; its events as a stream.",
            handle=sessions.say,
            scope="sessions",
            body=_object("content", content=_CONTENT, stream={"type": "boolean"}, instructions=_TEXT, model=_TEXT),
            once=True,
            streams=True,
        ),
        Route(
            method="POST",
            path=f"{one}/fork",
            summary="Copy a conversation.",
            handle=sessions.fork,
            scope="sessions",
            body=_object(until=_TEXT),
        ),
        Route(
            method="POST",
            path=f"{one}/steer",
            summary="Add words to the turn at work.",
            handle=sessions.steer,
            scope="sessions",
            body=_object("content", content=_TEXT),
        ),
        Route(
            method="POST",
            path=f"{one}/stop",
            summary="End the turn at work.",
            handle=sessions.stop,
            scope="sessions",
        ),
        Route(
            method="GET",
            path="/api/approvals",
            summary="Tool calls that wait for consent.",
            handle=approvals,
            scope="approvals",
        ),
        Route(
            method="POST",
            path="/api/approvals/{id}",
            summary="Give or refuse consent.",
            handle=approve,
            scope="approvals",
            body=_object(
                "choice", choice={"type": "string", "enum": ["once", "session", "always", "deny"]}, note=_TEXT
            ),
        ),
        *(
            Route(method=method, path=path, summary="Scheduled jobs (not served yet).", handle=pages.jobs, scope="all")
            for method, path in (
                ("GET", "/api/jobs"),
                ("POST", "/api/jobs"),
                ("GET", "/api/jobs/{id}"),
                ("PATCH", "/api/jobs/{id}"),
                ("DELETE", "/api/jobs/{id}"),
            )
        ),
    ]
    pages.routes = routes
    return routes


class _Pages:
    """What needs no turn."""

    def __init__(self, runs: Runs, settings: ApiSettings, started: float) -> None:
        self._runs = runs
        self._settings = settings
        self._created = int(started)
        self.routes: Sequence[Route] = ()

    async def health(self, call: Call) -> web.StreamResponse:
        stopping = self._runs.stopping
        return json_answer(call, {"status": "stopping" if stopping else "ok"}, status=503 if stopping else 200)

    async def document(self, call: Call) -> web.StreamResponse:
        return json_answer(call, openapi(self.routes))

    async def models(self, call: Call) -> web.StreamResponse:
        return json_answer(call, {"object": "list", "data": [self._shown(name) for name in self._runs.models()]})

    async def model(self, call: Call) -> web.StreamResponse:
        return json_answer(call, self._shown(self._runs.check_model(call.path["id"])))

    def _shown(self, name: str) -> dict[str, Any]:
        return {
            "id": name,
            "object": "model",
            "created": self._created,
            "owned_by": "hermes",
            "permission": [],
            "root": name,
            "parent": None,
        }

    async def capabilities(self, call: Call) -> web.StreamResponse:
        return json_answer(
            call,
            {
                "object": "capabilities",
                "models": list(self._runs.models()),
                "endpoints": sorted({f"{route.method} {route.path}" for route in self.routes}),
                "scopes": list(call.key.scopes),
                "honoured": {
                    "chat.completions": [
                        "messages",
                        "model",
                        "stream",
                        "stream_options.include_usage",
                        "temperature",
                        "max_tokens",
                        "max_completion_tokens",
                        "reasoning_effort",
                        "response_format",
                    ],
                    "responses": [
                        "input",
                        "instructions",
                        "model",
                        "stream",
                        "store",
                        "previous_response_id",
                        "conversation",
                        "temperature",
                        "max_output_tokens",
                        "reasoning.effort",
                        "text.format",
                        "metadata",
                    ],
                },
                "refused": ["tools", "functions", "tool_choice=required", "n>1", "logprobs", "background"],
                "headers": [
                    "X-Hermes-Session-Id",
                    "X-Hermes-Events",
                    "X-Hermes-Reasoning",
                    "X-Hermes-Approvals",
                    "Idempotency-Key",
                ],
                "limits": {
                    "body_bytes": self._settings.max_body_bytes,
                    "requests_a_minute": self._settings.rate_limit,
                    "turns_at_a_time": self._settings.max_runs,
                    "messages": self._settings.max_messages,
                },
                "jobs": False,
            },
        )

    async def jobs(self, call: Call) -> web.StreamResponse:
        raise ApiError(501, "There is no scheduler here: jobs are not served.", code="not_implemented")


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


_CONTENT = {"anyOf": [_TEXT, {"type": "array", "items": {"type": "object"}}]}
_CHAT = _object(
    "model",
    "messages",
    model=_TEXT,
    messages={
        "type": "array",
        "minItems": 1,
        "items": _object(
            "role",
            role={"type": "string", "enum": ["system", "developer", "user", "assistant", "tool"]},
            content={"anyOf": [*_CONTENT["anyOf"], {"type": "null"}]},
        ),
    },
    stream={"type": ["boolean", "null"]},
    stream_options={"type": ["object", "null"]},
    temperature={"type": ["number", "null"], "minimum": 0, "maximum": 2},
    max_tokens={"type": ["integer", "null"], "minimum": 1},
    max_completion_tokens={"type": ["integer", "null"], "minimum": 1},
    reasoning_effort={"type": ["string", "null"]},
    response_format={"type": ["object", "null"]},
)
_RESPONSES = _object(
    "model",
    "input",
    model=_TEXT,
    input=_CONTENT,
    instructions={"type": ["string", "null"]},
    stream={"type": ["boolean", "null"]},
    store={"type": ["boolean", "null"]},
    previous_response_id={"type": ["string", "null"]},
    conversation={"anyOf": [_TEXT, {"type": "object"}, {"type": "null"}]},
    temperature={"type": ["number", "null"], "minimum": 0, "maximum": 2},
    max_output_tokens={"type": ["integer", "null"], "minimum": 1},
    reasoning={"type": ["object", "null"]},
    text={"type": ["object", "null"]},
    metadata={"type": ["object", "null"]},
)
