"""Sending, changing and deleting messages. Importing this module loads the library; see `hermes_telegram.api`."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from telegram import (
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    InputMediaAudio,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    LinkPreviewOptions,
    MessageEntity,
    ReplyParameters,
)

from hermes_host.errors import DeliveryRefused, DeliveryUncertain, HermesError, RateLimited
from hermes_host.protocols import Receipt
from hermes_telegram.failures import Migrated, Refused
from hermes_telegram.files import File, grouped, read
from hermes_telegram.markup import render, utf16_length
from hermes_telegram.reading import DIRECT_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from hermes_host.protocols import AdapterLimits, Address, Button, Outbound
    from hermes_telegram.api import Api
    from hermes_telegram.settings import TelegramSettings

__all__ = ["Writer"]

log = logging.getLogger(__name__)

Options = dict[str, Any]
Step: TypeAlias = "Callable[[Options], Coroutine[Any, Any, list[int]]]"

_REMEMBERED = 500
"""Messages of which it is known that an answer quotes them."""
_PATIENCE = 30.0
"""Seconds to wait for the rest of a message whose beginning was sent."""
_MILDER_ATTEMPTS = 4
_ALBUM = {"photo": InputMediaPhoto, "video": InputMediaVideo, "audio": InputMediaAudio, "document": InputMediaDocument}
_STYLES = {"primary": "primary", "danger": "danger"}
_NO_SUCH_KIND = re.compile(
    r"photo|image|voice|video|animation|audio|media|wrong (?:type|file)|webpage|http url", re.IGNORECASE
)


class Writer:
    """Writes as the bot of `api`. Errors as `Adapter.send`."""

    def __init__(self, api: Api, settings: TelegramSettings, limits: AdapterLimits) -> None:
        self._api = api
        self._settings = settings
        self._limits = limits
        self._moved: dict[int | str, int] = {}
        self._quoted: OrderedDict[tuple[str, str], None] = OrderedDict()

    # ---------------------------------------------------------------------------------------------------- sending

    async def send(self, to: Address, message: Outbound) -> Receipt:
        """Send a message. What cannot be one message of Telegram's is sent as several; where only some of them could
        be, that is `DeliveryUncertain`."""
        options = self._options(to, message)
        steps = await self._steps(message)
        sent: list[int] = []
        for step in steps:
            try:
                sent += await self._patiently(step, options) if sent else await step(options)
            except HermesError as error:
                if not sent:
                    raise
                raise DeliveryUncertain(f"Only the first part was sent. {error}") from None
            options.pop("reply_parameters", None)
        if message.reply_to:
            self._note_quoted(to, message.reply_to)
        return Receipt(address=_at(to, options), messages=tuple(str(number) for number in sent))

    async def _steps(self, message: Outbound) -> Sequence[Step]:
        """What to do one after the other; each gives the ids of what it sent."""
        files = [await read(media, self._limits.media_out) for media in message.media]
        groups = grouped(files)
        keyboard = _keyboard(message.buttons)
        if not groups:
            return [partial(self._send_text, text=message.text, keyboard=keyboard)]
        # An album cannot have buttons, so the text they belong to stands alone.
        apart = bool(keyboard) and (len(groups) > 1 or len(groups[0]) > 1)
        steps: list[Step] = []
        for number, group in enumerate(groups):
            text = message.text if number == 0 and not apart else ""
            if len(group) > 1:
                steps.append(partial(self._send_album, files=group, text=text))
            else:
                steps.append(partial(self._send_file, file=group[0], text=text, keyboard=None if apart else keyboard))
        if apart:
            steps.append(partial(self._send_text, text=message.text or "…", keyboard=keyboard))
        return steps

    async def _patiently(self, step: Step, options: Options) -> list[int]:
        """A later step: told to wait, it waits, since the message has begun."""
        try:
            return await step(options)
        except RateLimited as error:
            if (error.retry_after or _PATIENCE) > _PATIENCE:
                raise
            await asyncio.sleep(error.retry_after or 1.0)
            return await step(options)

    async def _send_text(self, options: Options, text: str, keyboard: InlineKeyboardMarkup | None) -> list[int]:
        sent = await self._call("send_message", options, **self._text(text), reply_markup=keyboard)
        return [sent.message_id]

    async def _send_file(
        self, options: Options, file: File, text: str, keyboard: InlineKeyboardMarkup | None
    ) -> list[int]:
        content: Any = file.url or InputFile(file.data, filename=file.name)
        caption = _caption(text)
        try:
            sent = await self._call(
                f"send_{file.kind}", options, **{file.kind: content}, **caption, reply_markup=keyboard
            )
        except Refused as error:
            if not _NO_SUCH_KIND.search(error.description):
                raise
            if file.url:  # what Telegram cannot get, a person perhaps can
                return await self._send_text(options, f"{text}\n\n{file.url}".strip(), keyboard)
            if file.kind == "document":
                raise
            log.info("Telegram does not take %r as %s (%s); sent as a file", file.name, file.kind, error.description)
            return await self._send_file(options, file._replace(kind="document"), text, keyboard)
        return [sent.message_id]

    async def _send_album(self, options: Options, files: Sequence[File], text: str) -> list[int]:
        try:
            sent = await self._call("send_media_group", options, media=_album(files, text))
        except Refused as error:
            if files[0].kind == "document" or not _NO_SUCH_KIND.search(error.description):
                raise
            log.info("Telegram does not take an album (%s); sent as files", error.description)
            return await self._send_album(options, [file._replace(kind="document") for file in files], text)
        return [item.message_id for item in sent]

    # --------------------------------------------------------------------------------------------------- changing

    async def edit(self, receipt: Receipt, message: Outbound) -> None:
        """Change a message's text and buttons; without a text, the buttons alone."""
        options: Options = {
            "chat_id": self._chat(receipt.address.chat),
            "message_id": _number(receipt.messages[0] if receipt.messages else ""),
            "reply_markup": _keyboard(message.buttons),
        }
        try:
            if not message.text.strip():
                await self._call("edit_message_reply_markup", options)
            else:
                await self._edit_text(options, message.text)
        except Refused as error:
            if "not modified" not in error.description:
                raise

    async def _edit_text(self, options: Options, text: str) -> None:
        try:
            await self._call("edit_message_text", options, **self._text(text))
        except Refused as error:
            if "no text in the message" not in error.description:
                raise
            await self._call("edit_message_caption", options, **_caption(text))

    async def delete(self, receipt: Receipt) -> None:
        """Take a message back; one that is gone is a success."""
        chat = self._chat(receipt.address.chat)
        for message in receipt.messages:
            try:
                await self._call("delete_message", {"chat_id": chat, "message_id": _number(message)})
            except Refused as error:
                if "not found" not in error.description:
                    raise

    async def typing(self, to: Address) -> None:
        """Show that an answer is coming."""
        options = {"chat_id": self._chat(to.chat), **_thread(to)}
        options.pop("direct_messages_topic_id", None)
        await self._call("send_chat_action", options, action="typing")

    # ---------------------------------------------------------------------------------------------------- options

    def _options(self, to: Address, message: Outbound) -> Options:
        options: Options = {"chat_id": self._chat(to.chat), **_thread(to)}
        if message.silent:
            options["disable_notification"] = True
        if self._quotes(to, message.reply_to):
            options["reply_parameters"] = ReplyParameters(
                message_id=int(message.reply_to), allow_sending_without_reply=True
            )
        return options

    def _quotes(self, to: Address, message: str) -> bool:
        mode = self._settings.reply_to_mode
        if mode == "off" or not message.isdecimal():
            return False
        return mode == "all" or (to.chat, message) not in self._quoted

    def _note_quoted(self, to: Address, message: str) -> None:
        self._quoted[to.chat, message] = None
        while len(self._quoted) > _REMEMBERED:
            self._quoted.popitem(last=False)

    def _chat(self, chat: str) -> int | str:
        found: int | str = int(chat) if chat.lstrip("-").isdecimal() else chat
        return self._moved.get(found, found)

    def _text(self, text: str) -> Options:
        rendered = render(text)
        options: Options = {"text": rendered.text, "entities": _entities(text)}
        if self._settings.disable_link_previews:
            options["link_preview_options"] = LinkPreviewOptions(is_disabled=True)
        # What to send if Telegram refuses the entities: the Markdown itself, which has all that they have.
        options["plain"] = text if utf16_length(text) <= self._limits.text else rendered.text
        return options

    # ----------------------------------------------------------------------------------------------------- calling

    async def _call(self, method: str, options: Options, **more: Any) -> Any:
        """One call of the Bot API, made again in a milder form where Telegram refuses a detail. `options` are changed
        to what worked."""
        plain = more.pop("plain", None)
        for attempt in range(_MILDER_ATTEMPTS):
            try:
                with self._api.translated(sending=True):
                    return await getattr(self._api.bot, method)(**options, **more)
            except Migrated as error:
                log.info("the chat %s has the new id %s", options["chat_id"], error.chat)
                self._moved[options["chat_id"]] = options["chat_id"] = error.chat
            except Refused as error:
                if attempt == _MILDER_ATTEMPTS - 1 or not _milder(options, more, plain, error.description.lower()):
                    raise
                log.warning("Telegram refused a message (%s); sent in a simpler form", error.description)
        raise DeliveryRefused("Telegram refuses the message in every form.")


def _milder(options: Options, more: Options, plain: str | None, said: str) -> bool:
    """Take out what Telegram refuses. False when there is nothing to take out."""
    if "thread not found" in said or "topic_deleted" in said:
        return options.pop("message_thread_id", None) is not None
    if "entit" in said and more.get("entities"):
        more["entities"], more["text"] = None, plain or more["text"]
        return True
    if "entit" in said and more.get("caption_entities"):
        more["caption_entities"] = None
        return True
    if "repl" in said and "not found" in said:
        return options.pop("reply_parameters", None) is not None
    return False


def _thread(to: Address) -> Options:
    if to.thread.startswith(DIRECT_TOPIC) and to.thread[1:].isdecimal():
        return {"direct_messages_topic_id": int(to.thread[1:])}
    return {"message_thread_id": int(to.thread)} if to.thread.isdecimal() else {}


def _at(to: Address, options: Options) -> Address:
    """Where it went in the end."""
    from msgspec.structs import replace

    threaded = "message_thread_id" in options or "direct_messages_topic_id" in options
    chat = to.chat if to.chat.startswith("@") else str(options["chat_id"])
    return replace(to, chat=chat, thread=to.thread if threaded else "")


def _number(message: str) -> int:
    if not message.isdecimal():
        raise DeliveryRefused(f"{message!r} is no message of Telegram's.")
    return int(message)


def _entities(text: str) -> list[MessageEntity]:
    return [
        MessageEntity(
            type=mark.type, offset=mark.offset, length=mark.length, url=mark.url or None, language=mark.language or None
        )
        for mark in render(text).marks
    ]


def _caption(text: str) -> Options:
    return {"caption": render(text).text, "caption_entities": _entities(text)} if text.strip() else {}


def _album(files: Sequence[File], text: str) -> list[Any]:
    items = []
    for number, file in enumerate(files):
        content: Any = file.url or file.data
        items.append(_ALBUM[file.kind](content, filename=file.name, **(_caption(text) if number == 0 else {})))
    return items


def _keyboard(rows: Sequence[Sequence[Button]]) -> InlineKeyboardMarkup | None:
    if not rows:
        return None
    for button in (button for row in rows for button in row):
        if not 1 <= len(button.value.encode()) <= 64:
            raise DeliveryRefused(f"The value of the button {button.label!r} is longer than Telegram's 64 bytes.")
    return InlineKeyboardMarkup(
        [
            [
                InlineKeyboardButton(button.label, callback_data=button.value, style=_STYLES.get(button.style))
                for button in row
            ]
            for row in rows
        ]
    )
