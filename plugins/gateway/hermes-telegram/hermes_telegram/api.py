"""The Bot API through python-telegram-bot: one bot, its connections, and its failures in the words of the host.

Importing this module loads the library, which takes a while: `hermes_telegram.adapter` does it in a thread, at first
use. The bot's token is a part of every address that is asked, so it is taken out of every error and log record.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

# The library's way of being asked for durations as `timedelta`; without it it warns whenever Telegram says to wait.
os.environ.setdefault("PTB_TIMEDELTA", "true")

import httpx
from telegram import Bot
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.request import HTTPXRequest

from hermes_host import errors
from hermes_host.errors import AuthFailed, ConfigError, ConnectionLost, DeliveryUncertain, HermesError, RateLimited
from hermes_telegram.failures import Migrated, Refused, Taken
from hermes_telegram.reading import KINDS
from hermes_telegram.wire import User

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_telegram.settings import TelegramSettings

__all__ = ["Api"]

OFFICIAL = "https://api.telegram.org"

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""What happens before anything was written to the platform."""

_CONNECT, _ANSWER, _UPLOAD = 10.0, 30.0, 100.0
_LOGGERS = ("httpx", "telegram.Bot")
"""Those that write down whole addresses."""
_WORDY = "telegram.request.BaseRequest"
"""Writes down whole answers that are no JSON, such as pages of a proxy; they become errors anyway."""
_REVOKED = "Get a new one from @BotFather (https://t.me/BotFather), then `hermes config set TELEGRAM_BOT_TOKEN TOKEN`."
_WRONG_SERVER = "telegram.base_url may be wrong: it has neither the token nor `/bot` at its end. Or the token is."
_REMEDIES = {
    "chat not found": "A person must write to the bot first; in a group or channel it must be a member.",
    "blocked by the user": "That person must unblock it.",
    "kicked": "Somebody must add it to the group again.",
    "not enough rights": "Give it the right to write there.",
    "administrator rights": "Make it an administrator of the channel.",
}


class Api:
    """A bot of Telegram. `token` is checked for its form only."""

    def __init__(self, token: str, settings: TelegramSettings) -> None:
        """Raises `ConfigError` for a proxy that cannot be used."""
        self._token = token
        server = (settings.base_url or OFFICIAL).rstrip("/").removesuffix("/bot")
        self._own_server = bool(settings.base_url)
        self._files = f"{server}/file/bot{token}"
        self._filter = _Redacting(token)
        for name in _LOGGERS:
            logging.getLogger(name).addFilter(self._filter)
        logging.getLogger(_WORDY).addFilter(_silent)
        # One context of TLS for all connections: each takes megabytes.
        self._options: dict[str, Any] = {"verify": httpx.create_ssl_context() if server.startswith("https:") else False}
        if settings.proxy:
            self._options["proxy"] = settings.proxy
        try:
            self._request = HTTPXRequest(
                connection_pool_size=16,
                connect_timeout=_CONNECT,
                read_timeout=_ANSWER,
                write_timeout=_ANSWER,
                pool_timeout=_ANSWER,
                media_write_timeout=_UPLOAD,
                httpx_kwargs=self._options,
            )
        except (RuntimeError, ImportError, ValueError) as error:
            raise ConfigError(
                f"telegram.proxy cannot be used: {self.redact(str(error))}",
                remedy="For a SOCKS proxy: `pip install 'hermes-telegram[socks]'`.",
            ) from None
        self.bot = Bot(
            token,
            base_url=f"{server}/bot",
            base_file_url=f"{server}/file/bot",
            request=self._request,
            get_updates_request=self._request,
        )

    def redact(self, text: str) -> str:
        """The text without the token."""
        return text.replace(self._token, "[token]")

    async def aclose(self) -> None:
        """Close its connections."""
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(self._filter)
        logging.getLogger(_WORDY).removeFilter(_silent)
        await self._request.shutdown()

    # ------------------------------------------------------------------------------------------------- receiving

    async def me(self) -> User:
        """Who the bot is."""
        with self.translated(sending=False):
            found = await self.bot.get_me()
        return User(id=found.id, is_bot=True, first_name=found.first_name, username=found.username or "")

    async def updates(self, offset: int, seconds: int) -> Sequence[dict[str, Any]]:
        """What happened, from the update `offset` on, as it came; those before count as read from then on. Waits up to
        `seconds` for something to happen."""
        with self.translated(sending=False):
            # As plain values, since one that the library cannot read would keep all after it from being read. The name
            # is written so that it does not point to its method, which gives objects.
            found: Any = await self.bot.do_api_request(
                "get_Updates",
                api_kwargs={"offset": offset, "timeout": seconds, "limit": 100, "allowed_updates": list(KINDS)},
                read_timeout=seconds + _ANSWER,
            )
        return [item for item in found if isinstance(item, dict) and isinstance(item.get("update_id"), int)]

    async def webhook(self) -> tuple[str, str, float]:
        """The address Telegram posts to (empty for none), its last failure there, and when that was."""
        with self.translated(sending=False):
            info = await self.bot.get_webhook_info()
        at = info.last_error_date.timestamp() if info.last_error_date else 0.0
        return info.url, info.last_error_message or "", at

    async def set_webhook(self, url: str, secret: str) -> None:
        """Have Telegram post to `url`, one update after the other: in parallel they would come in any order."""
        with self.translated(sending=False):
            await self.bot.set_webhook(url, secret_token=secret, allowed_updates=list(KINDS), max_connections=1)

    async def delete_webhook(self) -> None:
        """Have Telegram post nowhere; what waits is kept."""
        with self.translated(sending=False):
            await self.bot.delete_webhook(drop_pending_updates=False)

    async def download(self, reference: str, limit: int) -> bytes:
        """A file. Raises `BadRequest` for one that is larger than `limit`, or gone."""
        try:
            with self.translated(sending=False):
                file = await self.bot.get_file(reference)
        except Refused as error:
            raise errors.BadRequest(f"Telegram does not give the file: {error.description}.", status=400) from None
        path = (file.file_path or "").removeprefix(f"{self._files}/")
        if not path or "://" in path or path.startswith("/"):
            raise errors.BadRequest("Telegram does not say where the file lies.", status=400)
        if (file.file_size or 0) > limit:
            raise _too_large(limit)
        try:
            return await self._read(f"{self._files}/{path}", limit)
        except httpx.HTTPError as error:
            raise ConnectionLost(f"The file could not be fetched: {type(error).__name__}.") from None

    async def _read(self, url: str, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async with httpx.AsyncClient(timeout=_ANSWER, **self._options) as client, client.stream("GET", url) as answer:
            if answer.status_code >= 500:
                raise ConnectionLost(f"The file could not be fetched: Telegram answered {answer.status_code}.")
            if answer.status_code != 200:
                raise errors.BadRequest("The file is gone.", status=answer.status_code)
            async for piece in answer.aiter_bytes():
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                pieces.append(piece)
        return b"".join(pieces)

    # -------------------------------------------------------------------------------------------------- failures

    @contextmanager
    def translated(self, *, sending: bool) -> Iterator[None]:
        """The library's errors as those of the host. When `sending`, one that leaves open whether the request was
        carried out is `DeliveryUncertain`."""
        try:
            yield
        except TelegramError as error:
            # Not chained: what is below names addresses, of which the token is a part.
            raise self._translate(error, sending=sending) from None

    def _translate(self, error: TelegramError, *, sending: bool) -> HermesError:
        # Without the page that was sent in place of an answer, which the library puts behind.
        said = self.redact(error.message).partition(". Parsing the server response")[0][:500]
        said = said.removeprefix("Bad Request: ").removeprefix("Forbidden: ").rstrip(".")
        match error:
            case InvalidToken():
                if self._own_server and said.startswith("Not Found"):
                    return AuthFailed("The Bot API server does not know the bot.", remedy=_WRONG_SERVER, status=404)
                return AuthFailed("Telegram does not know the bot's token.", remedy=_REVOKED, status=401)
            case RetryAfter():
                wait = error.retry_after
                seconds = float(wait) if isinstance(wait, int) else wait.total_seconds()
                return RateLimited(f"Telegram asks to wait for {seconds:g} s.", retry_after=seconds)
            case ChatMigrated():
                return Migrated(error.new_chat_id)
            case Conflict():
                return Taken(said)
            case BadRequest() | Forbidden():
                remedy = next((remedy for word, remedy in _REMEDIES.items() if word in said.lower()), "")
                return Refused(said, remedy=remedy)
            case NetworkError():
                return _network(error, said, sending=sending)
        return _open(f"Telegram's answer cannot be understood: {said}.", sending=sending)


def _network(error: NetworkError, said: str, *, sending: bool) -> HermesError:
    cause = error.__cause__
    if isinstance(cause, _NOT_SENT):
        return ConnectionLost(f"Telegram cannot be reached: {said}.", remedy="Look at the network, and telegram.proxy.")
    if isinstance(cause, httpx.HTTPError):
        return _open(f"The connection to Telegram broke: {said}.", sending=sending)
    if said.startswith("Too Many Requests"):
        return RateLimited("Telegram asks to wait.")
    if "Entity Too Large" in said:
        return Refused(said, remedy="The file is too large for Telegram.")
    return _open(f"Telegram is in trouble: {said}.", sending=sending)


def _open(text: str, *, sending: bool) -> HermesError:
    return DeliveryUncertain(text) if sending else ConnectionLost(text)


def _too_large(limit: int) -> errors.BadRequest:
    return errors.BadRequest(f"The file is larger than {limit / 1_000_000:g} MB.", status=413)


def _silent(record: logging.LogRecord) -> bool:
    return False


class _Redacting(logging.Filter):
    """Takes the token out of records."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if self._token in text:
            record.msg, record.args = text.replace(self._token, "[token]"), ()
        return True
