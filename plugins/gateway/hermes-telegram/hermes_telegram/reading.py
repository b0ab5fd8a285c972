"""From Telegram's updates to those of the gateway."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from hermes_host.errors import ConfigError
from hermes_host.protocols import Address, Attachment, Inbound, Place, Sender
from hermes_telegram.wire import Chat, Entity, File, Location, Message, Update, User

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_telegram.settings import TelegramSettings
    from hermes_telegram.wire import CallbackQuery, Membership

__all__ = ["DIRECT_TOPIC", "KINDS", "Read", "Reader"]

log = logging.getLogger(__name__)

PLATFORM = "telegram"

KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "my_chat_member",
)
"""The kinds of updates that are asked for."""

DIRECT_TOPIC = "d"
"""Begins the thread of an address that is one person's talk with a channel."""

_COMMAND = re.compile(r"/\w{1,64}(?:@(\w+))?")


class Read(NamedTuple):
    """What an update says."""

    inbound: Inbound | None = None
    place: Place | None = None
    pressed: str = ""
    """The id of a pressed button's query, which wants an answer."""


class Reader:
    """Reads updates as the bot `me`."""

    def __init__(self, settings: TelegramSettings, me: User) -> None:
        """Raises `ConfigError` for a pattern that is none."""
        self._settings = settings
        self._me = me
        self._free = frozenset(str(chat).strip() for chat in _several(settings.free_response_chats, ","))
        self._patterns = [_compiled(str(pattern)) for pattern in _several(settings.mention_patterns, "\n") if pattern]

    def read(self, raw: dict[str, Any]) -> Read:
        """What an update says; nothing for one that is for nobody, or cannot be understood."""
        try:
            update = msgspec.convert(raw, Update)
        except msgspec.ValidationError as error:
            log.warning("the update %s cannot be read and is left out: %s", raw.get("update_id"), error)
            return Read()
        name = str(update.update_id)
        if update.callback_query is not None:
            return _pressed(name, update.callback_query)
        if update.my_chat_member is not None:
            return Read(place=_joined(update.my_chat_member))
        edited = update.edited_message or update.edited_channel_post
        message = update.message or update.channel_post or edited
        if message is None:
            return Read()
        place = None
        if message.forum_topic_created is not None:
            title = f"{message.chat.name} / {message.forum_topic_created.name}"
            place = Place(address=_address(message), name=title, kind=_kind(message.chat))
        return Read(self._inbound(name, message, edited=edited is not None), place)

    def _inbound(self, name: str, message: Message, *, edited: bool) -> Inbound | None:
        if edited and message.location is not None:
            return None  # a live location moves all the time
        text, attachments = _words(message), tuple(_attachments(message))
        if not (text or attachments):
            return None
        replied = _replied(message)
        return Inbound(
            update=name,
            address=_address(message),
            sender=_sender(message),
            text=text,
            message=str(message.message_id),
            kind=_kind(message.chat),
            chat_name=message.chat.name,
            time=float(message.date),
            addressed=self._addressed(message, replied),
            reply_to=str(replied.message_id) if replied else "",
            quote=message.quote.text if message.quote else (replied.text or replied.caption) if replied else "",
            attachments=attachments,
            album=message.media_group_id,
            forwarded=message.forward_origin is not None,
            edited=edited,
        )

    def _addressed(self, message: Message, replied: Message | None) -> bool:
        """Whether the bot is spoken to."""
        if message.chat.type == "private" or not self._settings.require_mention or str(message.chat.id) in self._free:
            return not self._for_another_bot(message)
        if replied is not None and replied.sender is not None and replied.sender.id == self._me.id:
            return True
        return self._mentioned(message)

    def _for_another_bot(self, message: Message) -> bool:
        """Whether it is a command that names another bot."""
        found = _COMMAND.match(message.text)
        return bool(found and found[1] and found[1].lower() != self._me.username.lower())

    def _mentioned(self, message: Message) -> bool:
        text, entities = message.text or message.caption, message.entities or message.caption_entities
        own = self._me.username.lower()
        for entity in entities:
            words = _part(text, entity).lower()
            if entity.type == "mention" and words == f"@{own}":
                return True
            if entity.type == "text_mention" and entity.user is not None and entity.user.id == self._me.id:
                return True
            if entity.type == "bot_command" and (words.endswith(f"@{own}") or ("@" not in words and not entity.offset)):
                return True
        return any(pattern.search(text) for pattern in self._patterns)


def _several(value: object, between: str) -> Sequence[object]:
    """The items of a list, or of a text as an environment variable has it."""
    return value if isinstance(value, list) else str(value).split(between)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ConfigError(f"telegram.mention_patterns: {pattern!r} is no regular expression: {error}.") from error


def _pressed(name: str, query: CallbackQuery) -> Read:
    message = query.message
    if message is None or not query.data:
        return Read(pressed=query.id)
    inbound = Inbound(
        update=name,
        address=_address(message),
        sender=Sender(id=str(query.sender.id), name=query.sender.name, bot=query.sender.is_bot),
        message=str(message.message_id),
        kind=_kind(message.chat),
        chat_name=message.chat.name,
        action=query.data,
    )
    return Read(inbound, pressed=query.id)


def _joined(membership: Membership) -> Place | None:
    if membership.new_chat_member.get("status") in ("left", "kicked"):
        return None
    chat = membership.chat
    return Place(address=Address(platform=PLATFORM, chat=str(chat.id)), name=chat.name, kind=_kind(chat))


def _address(message: Message) -> Address:
    thread = ""
    if message.direct_messages_topic is not None:
        thread = f"{DIRECT_TOPIC}{message.direct_messages_topic.topic_id}"
    elif message.is_topic_message and message.message_thread_id:
        # Outside topics the field names the message a chain of replies began with, to which nothing can be sent.
        thread = str(message.message_thread_id)
    return Address(platform=PLATFORM, chat=str(message.chat.id), thread=thread)


def _kind(chat: Chat) -> Literal["direct", "group", "channel"]:
    return "direct" if chat.type == "private" else "channel" if chat.type == "channel" else "group"


def _sender(message: Message) -> Sender:
    """Who wrote. Whoever writes as a chat (a channel, or an administrator unseen) has that chat's id: the user Telegram
    puts in their place is one for all."""
    if message.sender_chat is not None:
        return Sender(id=str(message.sender_chat.id), name=message.sender_chat.name)
    if message.sender is not None:
        return Sender(id=str(message.sender.id), name=message.sender.name, bot=message.sender.is_bot)
    return Sender(id=str(message.chat.id), name=message.chat.name)


def _replied(message: Message) -> Message | None:
    """The message it replies to; in a topic every message formally replies to the topic's beginning."""
    replied = message.reply_to_message
    return None if replied is None or replied.forum_topic_created is not None else replied


def _words(message: Message) -> str:
    if message.text or message.caption:
        return _with_links(message.text or message.caption, message.entities or message.caption_entities)
    if message.sticker is not None:
        return f"[Sticker: {message.sticker.emoji or message.sticker.set_name or 'a picture'}]"
    if message.venue is not None:
        return f"{message.venue.title}, {message.venue.address}\n{_map(message.venue.location)}".strip()
    if message.location is not None:
        return _map(message.location)
    if message.contact is not None:
        person = f"{message.contact.first_name} {message.contact.last_name}".strip()
        return f"Contact: {person}, {message.contact.phone_number}"
    if message.poll is not None:
        return "\n".join([f"Poll: {message.poll.question}", *(f"- {option.text}" for option in message.poll.options)])
    return f"{message.dice.emoji} {message.dice.value}" if message.dice is not None else ""


def _map(point: Location) -> str:
    place = f"{point.latitude}, {point.longitude}"
    return (
        f"Location: {place}\nhttps://www.openstreetmap.org/?mlat={point.latitude}&mlon={point.longitude}#map=16/"
        f"{point.latitude}/{point.longitude}"
    )


def _part(text: str, entity: Entity) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    return units[entity.offset * 2 : (entity.offset + entity.length) * 2].decode("utf-16-le", "replace")


def _with_links(text: str, entities: Sequence[Entity]) -> str:
    """The text with addresses that are hidden behind words put after them."""
    hidden = [entity for entity in entities if entity.type == "text_link" and entity.url]
    if not hidden:
        return text
    units = text.encode("utf-16-le", "surrogatepass")
    for entity in sorted(hidden, key=lambda entity: entity.offset, reverse=True):
        end = (entity.offset + entity.length) * 2
        if entity.url.rstrip("/") != _part(text, entity).rstrip("/"):
            units = units[:end] + f" ({entity.url})".encode("utf-16-le", "replace") + units[end:]
    return units.decode("utf-16-le", "replace")


def _attachments(message: Message) -> Sequence[Attachment]:
    found = []
    if message.photo:
        found.append(_attachment("image", max(message.photo, key=lambda size: size.width * size.height), "image/jpeg"))
    if message.voice is not None:
        found.append(_attachment("voice", message.voice, "audio/ogg"))
    if message.audio is not None:
        found.append(_attachment("audio", message.audio, "audio/mpeg"))
    videos = (message.video, message.video_note, message.animation)
    found += [_attachment("video", video, "video/mp4") for video in videos if video is not None]
    # An animation comes as a document too.
    if message.document is not None and message.animation is None:
        mime = message.document.mime_type
        found.append(_attachment("image" if mime.startswith("image/") else "file", message.document))
    if message.sticker is not None and not (message.sticker.is_animated or message.sticker.is_video):
        sticker = message.sticker
        found.append(Attachment(kind="sticker", reference=sticker.file_id, mime="image/webp", size=sticker.file_size))
    return found


def _attachment(
    kind: Literal["image", "audio", "voice", "video", "file"], file: File, mime: str = "application/octet-stream"
) -> Attachment:
    return Attachment(
        kind=kind,
        reference=file.file_id,
        mime=file.mime_type or mime,
        name=file.file_name,
        size=file.file_size,
        seconds=file.duration,
    )
