"""Asking Telegram for news.

An update counts as read once a later one is asked for, so that is done only when the inbox has it. Every request has an
end, so a connection that died in silence is noticed; and when nothing came for long, the bot is asked for its name,
which shows whether Telegram still answers it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ConfigError, ConnectionLost, RateLimited
from hermes_telegram.failures import Refused, Taken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from hermes_host.protocols import Inbox
    from hermes_telegram.api import Api
    from hermes_telegram.settings import TelegramSettings
    from hermes_telegram.wire import User

__all__ = ["Pauses", "Poller"]

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
_OVERDUE = 20.0
"""Seconds after which a request that should have ended is given up."""
_SILENCE = 300.0
"""Seconds without an update after which the bot is asked for its name."""
_CALM = 60.0
"""Seconds without a conflict after which the next one is a new one."""
_EMPTY_SECONDS = 0.2
"""A server that does not wait for news is asked no faster."""


class Pauses:
    """Growing pauses between attempts that never end."""

    def __init__(self) -> None:
        self._next = _FIRST_PAUSE

    async def wait(self, least: float = 0.0) -> None:
        """Pause, longer each time."""
        await asyncio.sleep(max(least, self._next * random.uniform(0.8, 1.2)))
        self._next = min(self._next * 2, _LONGEST_PAUSE)

    def reset(self) -> None:
        """Begin with short ones."""
        self._next = _FIRST_PAUSE


class Poller:
    """Gets the updates of the bot `me`. `deliver` returns when they are kept."""

    def __init__(
        self,
        api: Api,
        settings: TelegramSettings,
        inbox: Inbox,
        me: User,
        deliver: Callable[[Sequence[dict[str, Any]]], Awaitable[None]],
    ) -> None:
        self._api = api
        self._settings = settings
        self._inbox = inbox
        self._me = me
        self._deliver = deliver
        self._offset = 0
        self._connected = False
        self._heard = time.monotonic()
        self._conflict_began = 0.0
        self._conflict_seen = 0.0

    async def run(self) -> None:
        """Deliver until cancelled. Raises `AuthFailed` when the token is revoked, `ConfigError` when another program
        goes on reading the bot's messages, and what `deliver` raises."""
        pauses = Pauses()
        while True:
            try:
                updates = await self._ask()
            except Taken as error:
                await self._contend(error)
            except RateLimited as error:
                self._lost(error.message)
                await pauses.wait(error.retry_after or 0.0)
            except (ConnectionLost, Refused, TimeoutError) as error:
                self._lost(str(error) or "Telegram does not answer.")
                await pauses.wait()
            else:
                pauses.reset()
                if not self._connected:
                    self._connected = True
                    self._inbox.connected(str(self._me.id), name=f"@{self._me.username}")
                if updates:
                    self._heard = time.monotonic()
                    await self._deliver(updates)
                    self._offset = max(update["update_id"] for update in updates) + 1

    async def _ask(self) -> Sequence[dict[str, Any]]:
        """The next updates; the first request does not wait for any, so that trouble shows at once."""
        if time.monotonic() - self._heard > _SILENCE:
            await self._probe()
        seconds = self._settings.poll_seconds if self._connected else 0
        begun = time.monotonic()
        async with asyncio.timeout(seconds + _OVERDUE):
            updates = await self._api.updates(self._offset, seconds)
        if not updates and seconds and time.monotonic() - begun < _EMPTY_SECONDS:
            await asyncio.sleep(_EMPTY_SECONDS)
        return updates

    async def _probe(self) -> None:
        log.debug("no update for %.0f s; asking who the bot is", time.monotonic() - self._heard)
        async with asyncio.timeout(_OVERDUE):
            await self._api.me()
        self._heard = time.monotonic()

    def _lost(self, text: str) -> None:
        if self._connected:
            log.warning("Telegram: %s", text)
        self._connected = False
        self._inbox.trouble(text)

    async def _contend(self, error: Taken) -> None:
        """Deal with somebody else who gets the bot's messages: right after a restart that is the old process, whose
        last request Telegram has not ended yet."""
        now = time.monotonic()
        if not self._conflict_seen or now - self._conflict_seen > _CALM:
            self._conflict_began = now
        self._conflict_seen = now
        limit = self._settings.conflict_seconds
        if error.webhook and now == self._conflict_began:
            self._lost("Telegram posts the bot's messages to a webhook; that is ended now.")
            await self._end_webhook()
            return
        if now - self._conflict_began >= limit:
            raise ConfigError(
                f"Another program reads the messages of @{self._me.username}, and Telegram gives them to one only.",
                remedy="Stop the other program (another gateway, another machine), or give this one a bot of its own; "
                "then `hermes gateway restart`. If you know of none, somebody has the token: revoke it at @BotFather.",
            )
        self._lost(
            f"Another program reads the messages of @{self._me.username}; trying for {limit:.0f} s to have them back."
        )
        await asyncio.sleep(min(10.0, limit / 5))

    async def _end_webhook(self) -> None:
        try:
            await self._api.delete_webhook()
        except (ConnectionLost, RateLimited) as error:
            self._lost(str(error))
            await asyncio.sleep(1.0)
