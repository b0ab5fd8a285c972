"""Where people write from outside: chat platforms, mail, webhooks. The contract between them and the gateway.

An adapter turns what a platform delivers into `Inbound` and gives it to its `Inbox`; it sends, edits and fetches what
it is told. It decides nothing: who may talk, what starts a turn, how a long answer is divided and what is sent again
after a failure is the gateway's, the same for every platform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable
from urllib.parse import quote, unquote

import msgspec

from hermes_host.errors import BadRequest
from hermes_host.messages import Media

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Adapter",
    "AdapterLimits",
    "Address",
    "Attachment",
    "Button",
    "Chat",
    "CommandEntry",
    "Daemon",
    "Inbound",
    "Inbox",
    "Outbound",
    "Place",
    "Receipt",
    "Role",
    "Sender",
]

Role = Literal["owner", "member", "guest"]
"""What somebody may do: everything; talk, with what the settings give to members; talk, without tools that act."""


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place where messages can be sent: one chat, or one thread of it. Ids are the platform's own, as they are."""

    platform: str
    """The adapter's name."""
    chat: str
    thread: str = ""
    account: str = ""
    """Which of several accounts on the platform; empty for the only one."""

    def __str__(self) -> str:
        """`platform:chat`, `platform:chat/thread`, `platform+account:chat`; ids are percent-encoded where they must be.
        `Address.parse` reads it back."""
        account = f"+{_quoted(self.account)}" if self.account else ""
        thread = f"/{_quoted(self.thread)}" if self.thread else ""
        return f"{self.platform}{account}:{_quoted(self.chat)}{thread}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that `str()` gave. Raises `BadRequest`."""
        front, colon, back = text.partition(":")
        platform, _, account = front.partition("+")
        chat, _, thread = back.partition("/")
        if not (platform and colon and chat):
            raise BadRequest(
                f"{text!r} is no address.", remedy="An address looks like `platform:chat` or `platform:chat/thread`."
            )
        return cls(platform=platform, chat=unquote(chat), thread=unquote(thread), account=unquote(account))


def _quoted(text: str) -> str:
    return quote(text, safe="@!#$&'()*,;=.-_~+")


class Sender(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who wrote. Only `id` identifies anybody: names change hands."""

    id: str
    """The platform's stable id."""
    name: str = ""
    verified: bool = True
    """False where the platform cannot vouch for `id`, such as a mail without a valid signature."""
    bot: bool = False


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that came with a message, not fetched yet: that costs nothing until the sender is known."""

    kind: Literal["image", "audio", "voice", "video", "file", "sticker"]
    reference: str
    """What `Adapter.fetch` needs; opaque to all others."""
    mime: str = "application/octet-stream"
    name: str = ""
    """As the sender gave it: never used as a path."""
    size: int = 0
    """In bytes; 0 where the platform does not say."""
    seconds: float = 0.0


class Inbound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One update of a platform: a message, or a pressed button."""

    update: str
    """The platform's own id of the update: delivered twice, it has the same one."""
    address: Address
    sender: Sender
    text: str = ""
    message: str = ""
    """The platform's id of the message, for replies and edits."""
    kind: Literal["direct", "group", "channel"] = "direct"
    chat_name: str = ""
    time: float = 0.0
    """When it was written, in seconds since the epoch; 0 where unknown."""
    addressed: bool = True
    """In groups: whether the agent is spoken to (mentioned, replied to, a command of its own)."""
    reply_to: str = ""
    quote: str = ""
    """The text it replies to."""
    attachments: tuple[Attachment, ...] = ()
    album: str = ""
    """Messages of one album have the same word here and become one message."""
    forwarded: bool = False
    """The words are somebody else's."""
    edited: bool = False
    """It changes a message that came before; starts nothing."""
    action: str = ""
    """The value of a pressed button; `message` is then the message it stands under."""
    subject: str = ""
    provenance: Literal["", "external"] = ""
    """`external` for what no person wrote, such as a webhook's payload."""
    toolsets: tuple[str, ...] | None = None
    """The only toolsets for the turn this starts; None for those of the platform."""
    prompt: str = ""
    """What the agent is told to do with it, where that is not `text` itself: the owner's words, such as a template."""
    deliver_to: str = ""
    """Where the answer goes instead, as an address; empty for where it came from, `none` for nowhere."""


class Button(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A button under a message. `value` comes back as `Inbound.action`; at most 48 bytes of ASCII."""

    label: str
    value: str
    style: Literal["", "primary", "danger"] = ""


class Outbound(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message to send: its text fits the platform already (`Adapter.measure`), and so does what is attached."""

    text: str = ""
    """Markdown (CommonMark with tables and strikethrough); the adapter turns it into what its platform shows."""
    media: tuple[Media, ...] = ()
    """Bytes, or `file:` URLs. Audio with `meta["voice"]` true is a voice message."""
    buttons: tuple[tuple[Button, ...], ...] = ()
    """Rows of buttons."""
    reply_to: str = ""
    """The message this answers."""
    silent: bool = False
    """Without a sound where the platform can."""
    key: str = ""
    """The same at every attempt to send this message: adapters with the feature `deduplicate` let it arrive once."""
    subject: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a message went: the platform's ids, the first one the one that carries the text."""

    address: Address
    messages: tuple[str, ...] = ()


class AdapterLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform allows."""

    text: int = 4096
    """The longest text of a message, in the unit of `Adapter.measure`."""
    caption: int = 1024
    """The longest text of a message with media; longer text is sent as a message of its own."""
    edit_interval: float = 1.0
    """Seconds between two edits in one chat."""
    send_interval: float = 0.0
    """Seconds between two messages in one chat."""
    media_in: int = 20_000_000
    """The largest attachment that can be fetched, in bytes."""
    media_out: int = 50_000_000
    media_per_message: int = 1
    buttons: int = 100


class CommandEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A command, for platforms that show a menu of them."""

    name: str
    summary: str


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A chat that can be written to, for finding one by name."""

    address: Address
    name: str
    kind: Literal["direct", "group", "channel"] = "group"


class Inbox(Protocol):
    """Where an adapter delivers. One for each account."""

    async def put(self, *updates: Inbound) -> None:
        """Take updates: when it returns they are on disk, each of them once however often it came, and the platform can
        be told so. Raises `HermesError` when the disk refuses; the platform must not be told then."""
        ...

    def connected(self, account: str = "", *, name: str = "") -> None:
        """The platform is reached, as `account` (a stable id) with a readable `name`. Resets the backoff."""
        ...

    def trouble(self, text: str) -> None:
        """Something is wrong that the adapter deals with itself, such as a lost connection it opens again."""
        ...

    def places(self, places: Sequence[Place]) -> None:
        """Tell of chats that exist."""
        ...

    def remember(self, name: str, value: str) -> None:
        """Keep a word across restarts, such as how far a mailbox was read."""
        ...

    def recall(self, name: str) -> str:
        """What was kept, or an empty string."""
        ...


@runtime_checkable
class Adapter(Protocol):
    """A platform. Abilities beyond `run`, `send` and `measure` are words in `AdapterSpec.features`."""

    @property
    def limits(self) -> AdapterLimits:
        """What the platform allows."""
        ...

    async def run(self, inbox: Inbox) -> None:
        """Connect and deliver until cancelled; reconnects by itself after short failures.

        Raising ends it: `AuthFailed`, `ConfigError` and `BadRequest` for good, with the remedy shown to the owner; any
        other error is tried again later, with a growing pause. Cancelling lets nothing go that was put.
        """
        ...

    def measure(self, text: str) -> int:
        """How long the message would be that `text` (Markdown) becomes, in the platform's unit."""
        ...

    async def send(self, to: Address, message: Outbound) -> Receipt:
        """Send one message. Usable while `run` runs.

        Raises `RateLimited`, and `ConnectionLost` with `partial` false, only when nothing was sent; `DeliveryRefused`
        when trying again cannot help; `DeliveryUncertain` when it may have arrived.
        """
        ...

    async def edit(self, receipt: Receipt, message: Outbound) -> None:
        """Change a message that was sent; one that changes nothing is a success. Feature `edit`; errors as `send`."""
        ...

    async def delete(self, receipt: Receipt) -> None:
        """Take a message back. Feature `delete`."""
        ...

    async def typing(self, to: Address) -> None:
        """Show for a few seconds that an answer is coming. Feature `typing`; never raises for a failure."""
        ...

    async def fetch(self, attachment: Attachment, *, limit: int) -> bytes:
        """The bytes of an attachment, at most `limit`. Feature `media_in`.

        Raises `BadRequest` for one that is larger or gone, and errors as `send`."""
        ...

    async def show_commands(self, commands: Sequence[CommandEntry]) -> None:
        """Show a menu of commands. Feature `commands`."""
        ...

    async def aclose(self) -> None:
        """Free what it holds. May be called twice."""
        ...


class Chat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a conversation is held and with whom, for those who need to know (`SessionContext.chat`)."""

    platform: str
    address: str
    """As `str(Address)`."""
    kind: Literal["direct", "group", "channel"] = "direct"
    name: str = ""
    user: str = ""
    """Who is talking: the linked person, else `platform:id`. The same across chats and restarts."""
    user_name: str = ""
    role: Role = "owner"


@runtime_checkable
class Daemon(Protocol):
    """Something that runs as long as the gateway does, such as a server or a clock."""

    async def run(self, started: Callable[[], None]) -> None:
        """Work until cancelled; `started` is called once it is ready. An error is reported and it is run again later,
        with a growing pause; `ConfigError` and `AuthFailed` end it for good."""
        ...
