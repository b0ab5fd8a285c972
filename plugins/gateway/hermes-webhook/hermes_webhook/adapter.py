"""Webhooks in, as updates of the gateway; messages out, as signed posts to addresses of the owner's."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import time
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from hermes_gateway.parts import WebServer
from hermes_gateway.web import PATH, error_response, read_body

from hermes_host.cli.listing import count
from hermes_host.errors import (
    ConnectionLost,
    DeliveryRefused,
    DeliveryUncertain,
    HermesError,
    RateLimited,
    Unsupported,
)
from hermes_host.protocols import AdapterLimits, Address, Inbound, Receipt, Sender
from hermes_webhook.settings import NAME, Routes, WebhookSettings
from hermes_webhook.signatures import sign, verify
from hermes_webhook.templates import event_of, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext
    from hermes_host.protocols import Attachment, CommandEntry, Inbox, Outbound
    from hermes_host.specs import AdapterSpec
    from hermes_webhook.settings import Route

__all__ = ["WebhookAdapter", "connect", "missing"]

log = logging.getLogger(__name__)

PREFIX = "/webhooks"
_ID = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_MINUTE = 60.0
_ADDRESSES = 10_000
_POST_SECONDS = 30.0


def missing(context: PluginContext) -> str:
    """What webhooks lack: a route or a target."""
    settings = context.section(WebhookSettings)
    if Routes(settings, context.home).all() or settings.targets:
        return ""
    return "There is no webhook yet: `hermes webhook subscribe NAME`."


def connect(context: PluginContext, spec: AdapterSpec) -> WebhookAdapter:
    """The adapter."""
    return WebhookAdapter(context)


class WebhookAdapter:
    """See `hermes_host.protocols.Adapter`."""

    limits = AdapterLimits(text=100_000)

    def __init__(self, context: PluginContext) -> None:
        self._context = context
        self._settings = context.section(WebhookSettings)
        self._routes = Routes(self._settings, context.home)
        self._signed = _Limit(self._settings.rate_limit)
        self._unsigned = _Limit(self._settings.unsigned_limit)
        self._inbox: Inbox | None = None

    async def run(self, inbox: Inbox) -> None:
        """Serve `/webhooks/NAME` until cancelled."""
        server = await self._context.services.get(WebServer)
        router = web.UrlDispatcher()
        router.add_route("POST", f"{PREFIX}/{{name}}", self._receive)
        server.mount(PREFIX, router)
        self._inbox = inbox
        try:
            inbox.connected(name=count(len(self._routes.all()), "webhook"))
            await asyncio.Event().wait()
        finally:
            server.unmount(PREFIX)

    # ---------------------------------------------------------------------------------------------------- coming in

    async def _receive(self, request: web.BaseRequest) -> web.Response:
        name = request[PATH]["name"]
        remote = request.remote or ""
        if not self._unsigned.has_room(remote):
            return error_response(429, "Too many requests.", **{"Retry-After": "60"})
        route = self._routes.get(name) if re.fullmatch(NAME, name) else None
        body = await read_body(request, self._settings.max_body_bytes)
        secret = (route.secret.reveal() if route else "") or self._context.secret("WEBHOOK_SECRET")
        verdict = verify(
            route.scheme if route else "auto", request.headers, body, secret, self._settings.window_seconds
        )
        if route is None or not verdict.genuine:
            # Whoever cannot sign does not learn which webhooks there are.
            self._unsigned.count(remote)
            log.warning("a request for the webhook %r was refused: %s", name[:64], verdict.reason or "unknown")
            return error_response(401, "The signature is missing or wrong.")
        if not self._signed.count(name):
            return error_response(429, "Too many requests for this webhook.", **{"Retry-After": "60"})
        return await self._accept(name, route, request, body, verdict.delivery)

    async def _accept(
        self, name: str, route: Route, request: web.BaseRequest, body: bytes, delivery: str
    ) -> web.Response:
        try:
            payload = _payload(request.content_type, body)
        except ValueError:
            return error_response(400, "The body is neither JSON nor a form.")
        event = event_of(request.headers, payload)
        if event == "ping" and request.headers.get("X-GitHub-Event") == "ping":
            return web.json_response({"status": "pong"})
        if route.events and event not in route.events:
            return web.json_response({"status": "ignored", "event": event})
        known = delivery if _ID.fullmatch(delivery) else hashlib.sha256(delivery.encode() or body).hexdigest()
        assert self._inbox is not None, "requests come while it runs"
        try:
            await self._inbox.put(self._update(name, route, payload, event, known))
        except HermesError:
            log.exception("a webhook could not be kept")
            return error_response(503, "It could not be kept. Try again.", **{"Retry-After": "30"})
        accepted = {"status": "accepted", "route": name, "event": event, "delivery_id": known}
        return web.json_response(accepted, status=202)

    def _update(self, name: str, route: Route, payload: Any, event: str, delivery: str) -> Inbound:
        return Inbound(
            update=f"{name}:{delivery}",
            address=Address(platform="webhook", chat=name, thread=delivery),
            sender=Sender(id=name, name=route.description or name),
            text="",
            prompt=render(route.prompt, payload, event),
            kind="channel",
            chat_name=name,
            time=time.time(),
            provenance="external",
            toolsets=None if route.toolsets is None else tuple(route.toolsets),
            deliver_to="none" if route.deliver in ("", "log", "none") else route.deliver,
        )

    # ---------------------------------------------------------------------------------------------------- going out

    def measure(self, text: str) -> int:
        """Characters."""
        return len(text)

    async def send(self, to: Address, message: Outbound) -> Receipt:
        """Post a message to a target, signed; the same key is the same `webhook-id`, by which a receiver tells."""
        target = self._settings.targets.get(to.chat)
        if target is None or not target.url:
            raise DeliveryRefused(
                f"There is no target {to.chat!r} to post to.", remedy=f"Set webhook.targets.{to.chat}.url."
            )
        delivery = hashlib.sha256(message.key.encode()).hexdigest()[:32] if message.key else hex(time.time_ns())[2:]
        body = json.dumps({"type": "message", "id": delivery, "text": message.text, "thread": to.thread}).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "hermes-webhook"}
        if target.secret:
            headers |= sign(target.secret.reveal(), delivery, body)
        await _post(target.url, body, headers)
        return Receipt(address=to, messages=(delivery,))

    async def edit(self, receipt: Receipt, message: Outbound) -> None:
        """Not here."""
        raise Unsupported("What was posted cannot be changed.")

    async def delete(self, receipt: Receipt) -> None:
        """Not here."""
        raise Unsupported("What was posted cannot be taken back.")

    async def typing(self, to: Address) -> None:
        """Nobody watches."""

    async def fetch(self, attachment: Attachment, *, limit: int) -> bytes:
        """Not here."""
        raise Unsupported("Webhooks carry no files.")

    async def show_commands(self, commands: Sequence[CommandEntry]) -> None:
        """Nobody watches."""

    async def aclose(self) -> None:
        """Nothing is held."""


class _Limit:
    """So many in a minute, for each subject; the number of subjects is limited too."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[str, deque[float]] = {}

    def has_room(self, subject: str) -> bool:
        """Whether the limit is not reached."""
        times = self._times.get(subject)
        if times is None:
            return True
        while times and times[0] < time.monotonic() - _MINUTE:
            times.popleft()
        return len(times) < self._most

    def count(self, subject: str) -> bool:
        """Count one; false when that was one too many."""
        if not self.has_room(subject):
            return False
        if subject not in self._times and len(self._times) >= _ADDRESSES:
            self._times.pop(next(iter(self._times)))
        self._times.setdefault(subject, deque()).append(time.monotonic())
        return True


def _payload(content_type: str, body: bytes) -> Any:
    """What the body says. Raises `ValueError`."""
    if content_type == "application/x-www-form-urlencoded":
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000))
        return json.loads(form["payload"]) if set(form) == {"payload"} else form
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


async def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    begun = False
    try:
        async with ClientSession(timeout=ClientTimeout(total=_POST_SECONDS, connect=10)) as session:
            begun = True
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                status, after = answer.status, answer.headers.get("Retry-After", "")
    except (ClientError, TimeoutError, OSError) as error:
        text = f"The target does not answer: {str(error) or type(error).__name__}."
        if isinstance(error, OSError) and getattr(error, "os_error", None) is not None:
            raise ConnectionLost(text) from error  # no connection was made
        raise DeliveryUncertain(text) if begun else ConnectionLost(text) from error
    if status == 429 or status == 503:
        raise RateLimited(
            f"The target answered {status}.", status=status, retry_after=float(after) if after.isdecimal() else None
        )
    if status >= 500:
        raise DeliveryUncertain(f"The target answered {status}.")
    if status >= 300:
        raise DeliveryRefused(f"The target answered {status}.")
