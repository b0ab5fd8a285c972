"""The adapter: receiving, sending and fetching as a bot of Telegram."""

from __future__ import annotations

import asyncio
import importlib
import logging
import re
from typing import TYPE_CHECKING, Any

from hermes_host.errors import BadRequest, ConfigError, ConnectionLost, HermesError, RateLimited
from hermes_host.protocols import AdapterLimits
from hermes_telegram.markup import render
from hermes_telegram.menu import show_menu
from hermes_telegram.polling import Pauses, Poller
from hermes_telegram.reading import Reader
from hermes_telegram.settings import PublicAddress, TelegramSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.context import PluginContext
    from hermes_host.protocols import Address, Attachment, CommandEntry, Inbox, Outbound, Receipt
    from hermes_host.specs import AdapterSpec
    from hermes_telegram.api import Api
    from hermes_telegram.wire import User
    from hermes_telegram.writing import Writer

__all__ = ["TOKEN", "TelegramAdapter", "connect", "missing", "open_api"]

log = logging.getLogger(__name__)

TOKEN = "TELEGRAM_BOT_TOKEN"
_TOKEN_FORM = re.compile(r"\d+:[A-Za-z0-9_-]+")
_TYPING_SECONDS = 10.0


def missing(context: PluginContext) -> str:
    """What it lacks: the token."""
    return "" if context.secret(TOKEN) else f"{TOKEN} is not set; @BotFather (https://t.me/BotFather) gives one."


def connect(context: PluginContext, spec: AdapterSpec) -> TelegramAdapter:
    """The adapter; nothing is loaded or connected yet."""
    return TelegramAdapter(context)


async def open_api(context: PluginContext) -> Api:
    """The Bot API with the configured token. Raises `ConfigError`."""
    token = context.secret(TOKEN).strip()
    if not _TOKEN_FORM.fullmatch(token):
        raise ConfigError(
            f"{TOKEN} does not look like a bot's token." if token else f"{TOKEN} is not set.",
            remedy=f"@BotFather (https://t.me/BotFather) gives one; then `hermes config set {TOKEN} TOKEN`.",
        )
    # The library takes long to load: others go on meanwhile.
    module = await asyncio.to_thread(importlib.import_module, "hermes_telegram.api")
    api: Api = module.Api(token, context.section(TelegramSettings, "telegram"))
    return api


class TelegramAdapter:
    """See `hermes_host.protocols.Adapter`."""

    limits = AdapterLimits(
        text=4096,
        caption=1024,
        edit_interval=1.5,
        send_interval=0.5,
        media_in=20_000_000,
        media_out=50_000_000,
        media_per_message=10,
        buttons=100,
    )

    def __init__(self, context: PluginContext) -> None:
        self._context = context
        self._settings = context.section(TelegramSettings, "telegram")
        self._lock = asyncio.Lock()
        self._api: Api | None = None
        self._writer: Writer | None = None
        self._inbox: Inbox | None = None
        self._reader: Reader | None = None

    # -------------------------------------------------------------------------------------------------- receiving

    async def run(self, inbox: Inbox) -> None:
        """Deliver until cancelled, by polling or as a webhook."""
        if self._settings.webhook:
            await self._run_webhook(inbox)
        else:
            api, me = await self._introduced(inbox)
            await Poller(api, self._settings, inbox, me, self._deliver).run()

    async def _run_webhook(self, inbox: Inbox) -> None:
        from hermes_telegram.webhook import Webhook, address_of, secret_of

        url = address_of(self._settings, self._context.section(PublicAddress, "server").public_url)
        api, me = await self._introduced(inbox)
        secret = secret_of(self._context.secret(TOKEN).strip())
        webhook = Webhook(api, self._settings, inbox, me, self._deliver, url=url, secret=secret)
        await webhook.run(self._context.services)

    async def _introduced(self, inbox: Inbox) -> tuple[Api, User]:
        """The Bot API and who the bot is, asked until Telegram answers. Raises `AuthFailed`, `ConfigError`."""
        api = await self._opened()
        pauses = Pauses()
        while True:
            try:
                me = await api.me()
                self._inbox, self._reader = inbox, Reader(self._settings, me)
                return api, me
            except (ConnectionLost, RateLimited) as error:
                inbox.trouble(error.message)
                await pauses.wait(getattr(error, "retry_after", None) or 0.0)

    async def _deliver(self, updates: Sequence[dict[str, Any]]) -> None:
        """Put updates into the inbox; when it returns, Telegram can be told that they were taken."""
        if self._inbox is None or self._reader is None:
            raise ConnectionLost("The adapter is not running.")
        found = [self._reader.read(update) for update in updates]
        await self._inbox.put(*(item.inbound for item in found if item.inbound is not None))
        if places := [item.place for item in found if item.place is not None]:
            self._inbox.places(places)
        for item in found:
            if item.pressed:
                self._context.spawn(self._acknowledge(item.pressed), name="answer a button")

    async def _acknowledge(self, query: str) -> None:
        """Stop the sign of waiting on a button that was pressed."""
        api = await self._opened()
        try:
            with api.translated(sending=False):
                await api.bot.answer_callback_query(query)
        except HermesError as error:
            log.debug("a pressed button could not be answered: %s", error)  # it may be too old

    async def fetch(self, attachment: Attachment, *, limit: int) -> bytes:
        """The bytes of an attachment."""
        if attachment.size > limit:
            raise BadRequest(f"The file is larger than {limit / 1_000_000:g} MB.", status=413)
        return await (await self._opened()).download(attachment.reference, limit)

    # ---------------------------------------------------------------------------------------------------- sending

    def measure(self, text: str) -> int:
        """The length of what people see, in UTF-16 code units."""
        return render(text).length

    async def send(self, to: Address, message: Outbound) -> Receipt:
        """Send one message."""
        return await (await self._writing()).send(to, message)

    async def edit(self, receipt: Receipt, message: Outbound) -> None:
        """Change a message."""
        await (await self._writing()).edit(receipt, message)

    async def delete(self, receipt: Receipt) -> None:
        """Take a message back."""
        await (await self._writing()).delete(receipt)

    async def typing(self, to: Address) -> None:
        """Show that an answer is coming."""
        try:
            async with asyncio.timeout(_TYPING_SECONDS):
                await (await self._writing()).typing(to)
        except (HermesError, TimeoutError) as error:
            log.debug("typing could not be shown: %s", error)

    async def show_commands(self, commands: Sequence[CommandEntry]) -> None:
        """Show a menu of commands, where it is not shown already."""
        api = await self._opened()
        await show_menu(api, commands)

    async def aclose(self) -> None:
        """Close the connections."""
        async with self._lock:
            api, self._api, self._writer = self._api, None, None
        if api is not None:
            await api.aclose()

    # ------------------------------------------------------------------------------------------------- connections

    async def _opened(self) -> Api:
        async with self._lock:
            if self._api is None:
                self._api = await open_api(self._context)
            return self._api

    async def _writing(self) -> Writer:
        api = await self._opened()
        if self._writer is None:
            from hermes_telegram.writing import Writer

            self._writer = Writer(api, self._settings, self.limits)
        return self._writer
