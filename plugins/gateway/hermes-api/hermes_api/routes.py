"""Every address in one table: what serves it, what it needs, and what the OpenAPI document says about it."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from hermes_gateway.web import PATH

from hermes_api.access import SECURITY_HEADERS
from hermes_api.call import Call, ClientGone
from hermes_api.errors import ApiError, error_of
from hermes_host.errors import HermesError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_api.access import Access
    from hermes_api.idempotency import Once
    from hermes_api.keys import Key
    from hermes_api.settings import ApiSettings

__all__ = ["PREFIXES", "Front", "Route", "openapi"]

log = logging.getLogger(__name__)

PREFIXES = ("/v1", "/api", "/health", "/openapi.json")
_OPEN_KEY: Any = None
_NOTHING = ("/v1/responses/compact",)
"""Addresses of OpenAI's API that are not served and would else be taken for somebody's id."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one address. `scope` is what a key needs; None for a route that needs no key."""

    method: str
    path: str
    summary: str
    handle: Any
    """`async (call: Call) -> web.StreamResponse`."""
    scope: str | None = "chat"
    body: dict[str, Any] | None = None
    """A JSON schema of the body; None where there is none."""
    query: tuple[str, ...] = ()
    once: bool = False
    """Whether an Idempotency-Key counts."""
    streams: bool = False


class Front:
    """Takes requests: checks them, hands them to their route, and turns every failure into an answer."""

    def __init__(self, routes: Sequence[Route], access: Access, once: Once, settings: ApiSettings) -> None:
        self._access = access
        self._once = once
        self._settings = settings
        self._tables: dict[str, dict[str, Route]] = {}
        for route in routes:
            self._tables.setdefault(route.path, {})[route.method] = route

    def routers(self) -> dict[str, web.UrlDispatcher]:
        """What is mounted, by prefix."""
        found = {prefix: web.UrlDispatcher() for prefix in PREFIXES}
        for path in _NOTHING:
            found["/v1"].add_route("*", path, self._handler("", {}))
        for path, table in self._tables.items():
            prefix = next(prefix for prefix in PREFIXES if path == prefix or path.startswith(f"{prefix}/"))
            found[prefix].add_route("*", path, self._handler(path, table))
        for prefix, router in found.items():
            router.add_route("*", prefix + "/{rest:.*}", self._handler("", {}))
        return found

    def _handler(
        self, path: str, table: dict[str, Route]
    ) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        place = path.encode()

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            headers: dict[str, str] = {}
            try:
                headers.update(self._access.cross_origin(request))
                if request.method == "OPTIONS" and headers:
                    return self._preflight(table, headers)
                route = table.get("GET" if request.method == "HEAD" else request.method)
                if route is not None and route.scope is None:
                    return await _handled(route, Call(request, _OPEN_KEY, self._settings, headers))
                key = self._access.key_of(request, route.scope or "" if route else "")
                if route is None:
                    raise _not_here(table)
                return await self._answer(request, route, key, headers, place)
            except ApiError as error:
                return _failure(error, headers)
            except HermesError as error:
                return _failure(error_of(error), headers)
            except ClientGone:
                return web.Response(status=499)

        return handle

    async def _answer(
        self, request: web.BaseRequest, route: Route, key: Key, headers: dict[str, str], place: bytes
    ) -> web.StreamResponse:
        call = Call(request, key, self._settings, headers)
        call.place = b"/".join((place, *(value.encode() for value in request[PATH].values())))
        if route.body is not None:
            await call.read()
            if not call.header("Content-Type").lower().startswith("application/json"):
                raise ApiError(415, "The body must be JSON: `Content-Type: application/json`.", code="not_json")
            call.json()
        try:
            if route.once:
                return await self._once.answer(call, lambda: _handled(route, call))
            return await _handled(route, call)
        except (ApiError, HermesError, ClientGone):
            if call.begun is None:
                raise
            return call.begun
        except Exception:
            log.exception("%s %s failed (%s)", request.method, route.path, call.id)
            if call.begun is None:
                raise ApiError(500, f"Internal error; the log has more about {call.id}.", code="internal") from None
            if request.transport is not None:
                request.transport.close()
            return call.begun

    def _preflight(self, table: dict[str, Route], headers: dict[str, str]) -> web.Response:
        methods = ", ".join(sorted(table)) or "GET"
        return web.Response(status=204, headers={**headers, **self._access.preflight(methods)})


async def _handled(route: Route, call: Call) -> web.StreamResponse:
    response: web.StreamResponse = await route.handle(call)
    return response


def _not_here(table: dict[str, Route]) -> ApiError:
    if table:
        return ApiError(
            405,
            "That method is not served here.",
            code="method_not_allowed",
            headers={"Allow": ", ".join([*sorted(table), "OPTIONS"])},
        )
    return ApiError(404, "There is nothing at this address.", code="unknown_url")


def _failure(error: ApiError, headers: dict[str, str]) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(error.body),
        status=error.status,
        content_type="application/json",
        headers={**SECURITY_HEADERS, **headers, **error.headers},
    )


def openapi(routes: Sequence[Route], *, title: str = "Hermes API", version: str = "1") -> dict[str, Any]:
    """The OpenAPI document of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        names = re.findall(r"\{(\w+)\}", route.path)
        parameters = [_parameter(name, "path") for name in names] + [_parameter(name, "query") for name in route.query]
        if route.once:
            parameters.append(_parameter("Idempotency-Key", "header"))
        answers: dict[str, Any] = {"200": {"description": "The answer.", "content": {"application/json": {}}}}
        if route.streams:
            answers["200"]["content"]["text/event-stream"] = {}
        answers["default"] = {"description": "An error.", "content": {"application/json": {"schema": _ERROR}}}
        operation: dict[str, Any] = {
            "summary": route.summary,
            "operationId": f"{route.method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', route.path)}".rstrip("_"),
            "responses": answers,
            "security": [] if route.scope is None else [{"key": []}],
        }
        if parameters:
            operation["parameters"] = parameters
        if route.body is not None:
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": route.body}}}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
