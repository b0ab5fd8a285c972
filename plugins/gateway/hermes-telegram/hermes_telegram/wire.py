"""What is read of Telegram's updates, as its Bot API sends them (https://core.telegram.org/bots/api).

Only what is used is declared, and what is not declared is not looked at: a newer Bot API, or one field that is not as
documented, must not keep all later messages from being read.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

__all__ = ["Chat", "Entity", "File", "Message", "Update", "User"]


class User(Struct, frozen=True, kw_only=True):
    """A person or a bot."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""

    @property
    def name(self) -> str:
        """As people see it."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


class Chat(Struct, frozen=True, kw_only=True):
    """A private chat, group, supergroup or channel."""

    id: int
    type: str
    title: str = ""
    first_name: str = ""
    last_name: str = ""
    username: str = ""

    @property
    def name(self) -> str:
        """As people see it."""
        return self.title or f"{self.first_name} {self.last_name}".strip() or self.username


class Entity(Struct, frozen=True, kw_only=True):
    """A part of a text with a meaning. Offset and length count UTF-16 code units."""

    type: str
    offset: int
    length: int
    url: str = ""
    user: User | None = None


class File(Struct, frozen=True, kw_only=True):
    """Any of the objects that stand for a file."""

    file_id: str
    file_size: int = 0
    file_name: str = ""
    mime_type: str = ""
    duration: float = 0.0
    width: int = 0
    height: int = 0


class Sticker(Struct, frozen=True, kw_only=True):
    """A sticker: a picture (WebP), an animation or a video."""

    file_id: str
    file_size: int = 0
    emoji: str = ""
    set_name: str = ""
    is_animated: bool = False
    is_video: bool = False


class Location(Struct, frozen=True, kw_only=True):
    """A point on the map, in degrees."""

    latitude: float
    longitude: float


class Venue(Struct, frozen=True, kw_only=True):
    """A point with a name."""

    location: Location
    title: str = ""
    address: str = ""


class Contact(Struct, frozen=True, kw_only=True):
    """Somebody's telephone number."""

    phone_number: str
    first_name: str = ""
    last_name: str = ""


class PollOption(Struct, frozen=True, kw_only=True):
    """An answer one can choose."""

    text: str


class Poll(Struct, frozen=True, kw_only=True):
    """A question to a group."""

    question: str
    options: tuple[PollOption, ...] = ()


class Dice(Struct, frozen=True, kw_only=True):
    """A thrown die, or another game of chance."""

    emoji: str
    value: int


class Quote(Struct, frozen=True, kw_only=True):
    """The words a reply is to."""

    text: str


class DirectTopic(Struct, frozen=True, kw_only=True):
    """One person's talk with a channel."""

    topic_id: int


class TopicCreated(Struct, frozen=True, kw_only=True):
    """A topic's beginning."""

    name: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """A message, or what is left of one that is too old to be read (`date` 0)."""

    message_id: int
    chat: Chat
    date: int = 0
    sender: User | None = field(name="from", default=None)
    sender_chat: Chat | None = None
    message_thread_id: int = 0
    is_topic_message: bool = False
    direct_messages_topic: DirectTopic | None = None
    text: str = ""
    entities: tuple[Entity, ...] = ()
    caption: str = ""
    caption_entities: tuple[Entity, ...] = ()
    reply_to_message: Message | None = None
    quote: Quote | None = None
    forward_origin: dict[str, Any] | None = None
    media_group_id: str = ""
    photo: tuple[File, ...] = ()
    document: File | None = None
    audio: File | None = None
    voice: File | None = None
    video: File | None = None
    video_note: File | None = None
    animation: File | None = None
    sticker: Sticker | None = None
    location: Location | None = None
    venue: Venue | None = None
    contact: Contact | None = None
    poll: Poll | None = None
    dice: Dice | None = None
    forum_topic_created: TopicCreated | None = None


class CallbackQuery(Struct, frozen=True, kw_only=True):
    """A pressed button."""

    id: str
    sender: User = field(name="from")
    message: Message | None = None
    data: str = ""


class Membership(Struct, frozen=True, kw_only=True):
    """What the bot became in a chat."""

    chat: Chat
    new_chat_member: dict[str, Any] = {}


class Update(Struct, frozen=True, kw_only=True):
    """Something that happened."""

    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    channel_post: Message | None = None
    edited_channel_post: Message | None = None
    callback_query: CallbackQuery | None = None
    my_chat_member: Membership | None = None
