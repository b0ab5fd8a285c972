"""Having Telegram post news to the gateway's server.

What is posted carries a secret that Telegram was told when it was given the address; it is made of the bot's token, so
nothing has to be kept. Telegram posts an update again until it is told that it was taken.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from hermes_gateway.parts import WebServer
from hermes_gateway.web import error_response, read_body

from hermes_host.errors import ConfigError, ConnectionLost, HermesError, RateLimited
from hermes_telegram.failures import Refused
from hermes_telegram.polling import Pauses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_host.context import Services
    from hermes_host.protocols import Inbox
    from hermes_telegram.api import Api
    from hermes_telegram.settings import TelegramSettings
    from hermes_telegram.wire import User

__all__ = ["PREFIX", "Webhook", "address_of", "secret_of"]

log = logging.getLogger(__name__)

PREFIX = "/telegram"
_HEADER = "X-Telegram-Bot-Api-Secret-Token"
_LOOK_SECONDS = 300.0
"""How often Telegram is asked whether it still posts here."""


def secret_of(token: str) -> str:
    """What Telegram sends along with every update, from which the token cannot be told."""
    return hmac.new(token.encode(), b"hermes webhook", hashlib.sha256).hexdigest()


def address_of(settings: TelegramSettings, public_url: str) -> str:
    """Where Telegram is to post. Raises `ConfigError` where there is no such place."""
    scheme = urlsplit(public_url).scheme
    if scheme != "https" and not (scheme and settings.base_url):  # a Bot API server of one's own takes http
        raise ConfigError(
            "telegram.webhook needs an address that Telegram reaches.",
            remedy="`hermes config set server.public_url https://…`, or set telegram.webhook to false.",
        )
    return f"{public_url.rstrip('/')}{PREFIX}"


class Webhook:
    """Takes the updates of the bot `me`. `deliver` returns when they are kept."""

    def __init__(
        self,
        api: Api,
        settings: TelegramSettings,
        inbox: Inbox,
        me: User,
        deliver: Callable[[Sequence[dict[str, Any]]], Awaitable[None]],
        *,
        url: str,
        secret: str,
    ) -> None:
        self._api = api
        self._settings = settings
        self._inbox = inbox
        self._me = me
        self._deliver = deliver
        self._secret = secret
        self._url = url
        self._told = False

    async def run(self, services: Services) -> None:
        """Serve until cancelled. Raises `AuthFailed`, and `ConfigError` when Telegram refuses the address."""
        server = await services.get(WebServer)
        router = web.UrlDispatcher()
        router.add_route("POST", PREFIX, self._receive)
        server.mount(PREFIX, router)
        pauses = Pauses()
        try:
            while True:
                try:
                    await self._register()
                except (ConnectionLost, RateLimited) as error:
                    self._inbox.trouble(error.message)
                    await pauses.wait(getattr(error, "retry_after", None) or 0.0)
                else:
                    pauses.reset()
                    await asyncio.sleep(_LOOK_SECONDS)
        finally:
            # Telegram goes on posting, and keeps for a day what nobody takes.
            server.unmount(PREFIX)

    async def _register(self) -> None:
        url, failure, failed_at = await self._api.webhook()
        if url and url != self._url:
            log.warning("Telegram posted the messages of @%s to another address", self._me.username)
        try:
            # Said at every start: Telegram does not tell which secret it has.
            if not self._told or url != self._url:
                await self._api.set_webhook(self._url, self._secret)
        except Refused as error:
            raise ConfigError(
                f"Telegram does not take {self._url} as a webhook: {error.description}.",
                remedy="It must be https, at port 443, 80, 88 or 8443; see server.public_url.",
            ) from None
        self._told = True
        self._inbox.connected(str(self._me.id), name=f"@{self._me.username}")
        if failure and time.time() - failed_at < _LOOK_SECONDS:
            self._inbox.trouble(f"Telegram could not post to {self._url}: {failure}.")

    async def _receive(self, request: web.BaseRequest) -> web.Response:
        given = request.headers.get(_HEADER, "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._secret.encode()):
            return error_response(401, "The secret is missing or wrong.")
        body = await read_body(request, self._settings.max_body_bytes)
        try:
            update = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            return error_response(400, "The body is no JSON.")
        if not (isinstance(update, dict) and isinstance(update.get("update_id"), int)):
            return error_response(400, "The body is no update.")
        try:
            await self._deliver([update])
        except HermesError as error:
            log.warning("an update could not be kept: %s", error)
            return error_response(503, "It could not be kept; try again.", **{"Retry-After": "5"})
        return web.Response()
