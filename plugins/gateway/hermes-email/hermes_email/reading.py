"""From mails in a folder to updates for the gateway: which ones are new, what is read of them, what becomes of each.

How far the folder was read is a UID together with the folder's UIDVALIDITY. It moves on after the gateway has a mail on
its disk, never before. When a server numbers a folder anew, the mails since the last one that was read, by the time of
their arrival, are read again: an update's id does not depend on UIDs, so what came already starts nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hermes_email.authentication import by_server, by_signature
from hermes_email.body import Part, divided, html_text, part
from hermes_email.composing import message_ids, plain_subject
from hermes_email.imap import HEADER_LIMIT
from hermes_email.loops import HourlyLimit, automatic
from hermes_email.records import thread_name
from hermes_email.sender import decoded, mailbox, mentioned
from hermes_host.errors import BadRequest, ConnectionLost, InvalidResponse
from hermes_host.protocols import Address, Attachment, Inbound, Sender

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from email.message import Message

    from hermes_email.authentication import Lookup
    from hermes_email.imap import Connection, Folder, Head
    from hermes_email.records import Records
    from hermes_email.settings import EmailSettings
    from hermes_email.structure import Leaf
    from hermes_host.protocols import Inbox

__all__ = ["Progress", "Reader", "fetch"]

log = logging.getLogger(__name__)

_MIME_LIMIT = 20_000
_SIGNED_LIMIT = 12_000_000
_PLACEHOLDER = "(This mail has no text.)"
_TRIES = 5
"""How often a mail is looked at again whose sender cannot be judged just now, or that breaks the protocol."""
_LATER = 100
_STALE_SECONDS = 7 * 86_400.0
_MARGIN_SECONDS = 86_400.0
_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
_FORWARDS = ("fw:", "fwd:", "wg:", "tr:", "rv:", "i:", "doorst:")


class Progress(msgspec.Struct, kw_only=True):
    """How far a folder was read."""

    validity: int
    next: int
    """The lowest UID that was not looked at."""
    arrived: float = 0.0
    """When the last mail arrived that was read, or the reading began, by the mail server's clock."""
    later: dict[int, int] = {}
    """Mails to look at again, and how often that was done."""
    began: float = 0.0
    """When the reading began; what arrived before is never read."""
    again_to: int = 0
    """Mails with UIDs below are looked at a second time, after the folder was numbered anew."""


class _Mail(NamedTuple):
    """A mail that may start something."""

    head: Head
    message: Message
    sender: str
    name: str
    verified: bool


class Reader:
    """Reads one folder over one connection after another. Its calls of the connection go through `call`, which runs
    them in the connection's thread."""

    def __init__(
        self,
        settings: EmailSettings,
        records: Records,
        inbox: Inbox,
        lookup: Lookup,
        call: Callable[..., Awaitable[Any]],
        retry_seconds: float,
    ) -> None:
        self._settings = settings
        self._records = records
        self._inbox = inbox
        self._lookup = lookup
        self._call = call
        self._retry_seconds = retry_seconds
        self._own = settings.own_addresses
        self._limit = HourlyLimit(settings.hourly_limit)
        self._word = f"read:{settings.username or settings.address}@{settings.imap_host}/{settings.folder}"
        self._trying = 0
        self._tried = 0
        self._looked_again = time.monotonic()

    async def open(self, connection: Connection, folder: Folder) -> Progress:
        """Where to go on. The first time that is the end: what lies there already is not read."""
        progress = self._recalled()
        if progress is None:
            now = time.time()
            progress = Progress(validity=folder.validity, next=folder.next_uid, arrived=now, began=now)
        elif progress.validity != folder.validity:
            since = progress.arrived - _MARGIN_SECONDS
            uids = await self._call(connection.arrived_since, since)
            log.warning("the folder was numbered anew; %d mails are looked at again", len(uids))
            first = uids[0] if uids else folder.next_uid
            progress = Progress(
                validity=folder.validity,
                next=min(first, folder.next_uid),
                arrived=progress.arrived,
                began=progress.began,
                again_to=folder.next_uid,
            )
        self._keep(progress)
        return progress

    def _recalled(self) -> Progress | None:
        try:
            return msgspec.json.decode(self._inbox.recall(self._word) or b"null", type=Progress | None)
        except msgspec.DecodeError:
            return None

    def _keep(self, progress: Progress) -> None:
        self._inbox.remember(self._word, msgspec.json.encode(progress).decode())

    async def take_new(self, connection: Connection, progress: Progress) -> None:
        """Read what is new, one mail after the other. A mail counts as read once the gateway has it."""
        if progress.later and time.monotonic() - self._looked_again >= self._retry_seconds:
            self._looked_again = time.monotonic()
            for uid in sorted(progress.later):
                await self._again(connection, progress, uid)
        for uid in await self._call(connection.from_uid, progress.next):
            self._tried = self._tried + 1 if uid == self._trying else 1
            self._trying = uid
            # A mail that breaks every connection must not keep the others from being read.
            if self._tried > _TRIES or not await self._taken(connection, progress, uid):
                if len(progress.later) < _LATER:
                    progress.later[uid] = 1
                else:
                    self._inbox.trouble(f"The mail with the UID {uid} is left out: too many others cannot be judged.")
            progress.next = uid + 1
            self._keep(progress)

    async def _again(self, connection: Connection, progress: Progress, uid: int) -> None:
        tries = progress.later[uid]
        if tries > _TRIES:
            self._inbox.trouble(f"The mail with the UID {uid} cannot be read and is left out.")
        else:
            # Counted first: it may be what breaks the connection.
            progress.later[uid] += 1
            self._keep(progress)
            if not await self._taken(connection, progress, uid, last=tries == _TRIES):
                return
        del progress.later[uid]
        self._keep(progress)

    async def _taken(self, connection: Connection, progress: Progress, uid: int, *, last: bool = False) -> bool:
        """Whether the mail is dealt with: put, or not for the agent. False where its sender cannot be judged now."""
        try:
            update = await self._update(connection, progress, uid, last=last)
        except _Unknowable:
            return False
        except InvalidResponse as error:
            raise ConnectionLost(str(error)) from error  # what else is in the line is anybody's guess
        if update is not None:
            await self._inbox.put(update)
            if self._settings.mark_seen and update.sender.verified:
                try:
                    await self._call(connection.mark_seen, uid)
                except InvalidResponse as error:
                    log.info("the mail with the UID %d cannot be marked as read: %s", uid, error)
        return True

    async def _update(self, connection: Connection, progress: Progress, uid: int, *, last: bool) -> Inbound | None:
        head = await self._call(connection.head, uid)
        if head is None:
            return None  # moved or deleted in the meantime
        if uid < progress.again_to and head.arrived < progress.began:
            return None
        mail = await self._judged(connection, head, last=last)
        progress.arrived = max(progress.arrived, head.arrived)
        if mail is None:
            return None
        if not self._limit.allows(mail.sender, head.arrived):
            self._inbox.trouble(
                f"{mail.sender} writes more than {self._settings.hourly_limit} mails an hour; one is left."
            )
            return None
        texts, attachments = await self._content(connection, head, mail.message, progress.validity)
        return await asyncio.to_thread(self._inbound, mail, texts, attachments)

    # -------------------------------------------------------------------------------------------------- who wrote it

    async def _judged(self, connection: Connection, head: Head, *, last: bool) -> _Mail | None:
        """The mail with its sender; None for one that starts nothing whoever sent it."""
        message = BytesHeaderParser(policy=compat32).parsebytes(head.header)
        found = mailbox([str(value) for value in message.get_all("From", [])])
        if found is None or len(head.header) >= HEADER_LIMIT:
            log.info("the mail with the UID %d is left: it does not name one sender", head.uid)
            return None
        if reason := automatic(message, found.address, self._own):
            log.info("the mail with the UID %d is left: %s", head.uid, reason)
            return None
        verified = await self._believed(connection, head, message, found.address, last=last)
        return _Mail(head, message, found.address, found.name, verified)

    async def _believed(self, connection: Connection, head: Head, message: Message, sender: str, *, last: bool) -> bool:
        if not self._settings.require_authentication:
            return True
        reason = self._misdirected(head, message)
        if reason:
            log.info("the sender of the mail with the UID %d is not believed: %s", head.uid, reason)
            return False
        results = [str(value) for value in message.get_all("Authentication-Results", [])]
        said = by_server(results, self._settings.authentication_servers, sender)
        if said is None and message.get("DKIM-Signature") and head.size <= _SIGNED_LIMIT:
            said = await self._signed(connection, head, sender, last=last)
        if not said:
            log.info("the sender of the mail with the UID %d is not believed: nothing vouches for it", head.uid)
        return bool(said)

    def _misdirected(self, head: Head, message: Message) -> str:
        """Why a mail with a good signature may still be somebody else's doing: it can be sent on, and again."""
        recipients = mentioned([str(value) for name in ("To", "Cc") for value in message.get_all(name, [])])
        if not any(_without_tag(address) in self._own or address in self._own for address in recipients):
            return "it is not addressed to the agent"
        try:
            written = parsedate_to_datetime(str(message.get("Date", ""))).timestamp()
        except (ValueError, TypeError, OverflowError, IndexError):
            return "it has no readable date"
        return "" if abs(head.arrived - written) < _STALE_SECONDS else "it arrived long after it was written"

    async def _signed(self, connection: Connection, head: Head, sender: str, *, last: bool) -> bool:
        raw = (await self._call(connection.sections, head.uid, [""], _SIGNED_LIMIT)).get("", b"")
        try:
            return await asyncio.to_thread(by_signature, raw, sender, self._lookup)
        except ConnectionLost as error:
            if last:
                return False
            raise _Unknowable from error

    # ----------------------------------------------------------------------------------------------------- what it says

    async def _content(
        self, connection: Connection, head: Head, message: Message, validity: int
    ) -> tuple[list[str], list[Attachment]]:
        """The texts in their order, and what is attached."""
        if head.leaves is None:
            return ["(The mail server cannot tell what this mail is made of; its text was not read.)"], []
        parts = await self._parts(connection, head, message)
        attached = [leaf for leaf in head.leaves if _is_file(leaf, parts[leaf.number]) and leaf.mime not in _SIGNATURES]
        texts: dict[str, dict[str, list[str]]] = {}
        for leaf in head.leaves:
            item = parts[leaf.number]
            if leaf in attached or leaf.mime not in ("text/plain", "text/html"):
                continue
            if leaf.size > self._settings.max_text_bytes:
                note = f"(A text of {leaf.size:,} bytes was not read: it is too long.)"
                texts.setdefault(leaf.choice, {}).setdefault("text/plain", []).append(note)
                continue
            texts.setdefault(leaf.choice, {}).setdefault(leaf.mime, []).append(item.text)
        chosen = [await asyncio.to_thread(_preferred, forms) for forms in texts.values()]
        files = [] if self._settings.skip_attachments else attached
        return [text for text in chosen if text.strip()], [
            _attachment(validity, head.uid, leaf, parts[leaf.number]) for leaf in files
        ]

    async def _parts(self, connection: Connection, head: Head, message: Message) -> dict[str, Part]:
        """The leaves with what their own headers say; with their bytes for texts that are not too long."""
        leaves = head.leaves or ()
        alone = _is_whole(head, message)
        wanted = [leaf.number for leaf in leaves if leaf.mime.startswith("text/") and self._readable(leaf)]
        headers: dict[str, bytes] = {}
        if not alone:
            names = [f"{leaf.number}.MIME" for leaf in leaves]
            headers = await self._call(connection.sections, head.uid, names, _MIME_LIMIT)
        bodies = await self._call(connection.sections, head.uid, wanted, self._settings.max_text_bytes + 1)
        return {
            leaf.number: await asyncio.to_thread(
                part,
                _content_headers(message) if alone else headers.get(f"{leaf.number}.MIME", b""),
                bodies.get(leaf.number, b""),
            )
            for leaf in leaves
        }

    def _readable(self, leaf: Leaf) -> bool:
        return leaf.mime in ("text/plain", "text/html") and leaf.size <= self._settings.max_text_bytes

    # ----------------------------------------------------------------------------------------------------- the update

    def _inbound(self, mail: _Mail, texts: Sequence[str], attachments: Sequence[Attachment]) -> Inbound:
        message, chat = mail.message, mail.sender
        identity = next(iter(message_ids(str(message.get("Message-ID", "")))), "")
        answered = message_ids(str(message.get("In-Reply-To", "")), most=2)
        references = [*message_ids(" ".join(map(str, message.get_all("References", [])))), *answered]
        reply_to = answered[-1] if answered else (references[-1] if references else "")
        answers_agent = bool(reply_to) and self._records.is_own(chat, reply_to)
        subject = decoded(str(message.get("Subject", "")))
        text = "\n\n".join(texts)
        words = divided(text, answers_agent=answers_agent)
        if not words.text and not attachments:
            words = words._replace(text=_PLACEHOLDER)
        update = _update_id(mail, identity, text)
        thread = self._records.thread_of(chat, references) or thread_name((references or [identity or update])[0])
        known = [*references, identity] if identity else references
        self._records.add(chat, thread, plain_subject(subject), known, own=False)
        return Inbound(
            update=update,
            address=Address(platform="email", chat=chat, thread=thread),
            sender=Sender(id=mail.sender, name=mail.name, verified=mail.verified),
            text=words.text,
            message=identity,
            time=mail.head.arrived,
            reply_to=reply_to,
            quote=words.history,
            attachments=tuple(attachments),
            forwarded=words.others or subject.lower().lstrip().startswith(_FORWARDS),
            subject="" if answers_agent else plain_subject(subject),
        )


class _Unknowable(Exception):
    """Whether the sender is who the mail says cannot be known now."""


def _without_tag(address: str) -> str:
    """`agent+shopping@example.org` is delivered to `agent@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _content_headers(message: Message) -> bytes:
    lines = [f"{name}: {value}" for name, value in message.items() if name.lower().startswith("content-")]
    return "\r\n".join(lines[:10]).encode("ascii", "replace")[:_MIME_LIMIT]


def _preferred(forms: dict[str, list[str]]) -> str:
    """Plain text where there is any, else HTML as text."""
    plain = "\n".join(forms.get("text/plain", []))
    return plain if plain.strip() else html_text("\n".join(forms.get("text/html", [])))


def _is_file(leaf: Leaf, item: Part) -> bool:
    return item.attached or bool(item.name) or leaf.mime not in ("text/plain", "text/html")


def _attachment(validity: int, uid: int, leaf: Leaf, item: Part) -> Attachment:
    family = leaf.mime.partition("/")[0]
    kind: Any = family if family in ("image", "audio", "video") else "file"
    name = item.name or ("mail.eml" if leaf.mime == "message/rfc822" else "")
    # Base64 takes four bytes for three; the exact size is known once it is fetched.
    return Attachment(
        kind=kind,
        reference=f"{validity}:{uid}:{leaf.number}",
        mime=leaf.mime,
        name=name,
        size=leaf.size * 3 // 4 if leaf.size else 0,
    )


def _update_id(mail: _Mail, identity: str, text: str) -> str:
    """The same for the same mail however often it is delivered and whatever number it has in the folder. A stranger
    cannot choose one that another sender's mail will have."""
    message = mail.message
    # Without a Message-ID, two mails that say the same are told apart by when they arrived.
    distinct = identity or f"{mail.head.arrived} {mail.head.size}"
    facts = (distinct, mail.sender, mail.verified, message.get("Date"), message.get("Subject"), text)
    return hashlib.sha256(repr(facts).encode("utf-8", "replace")).hexdigest()[:40]


def fetch(connection: Connection, folder: str, reference: str, limit: int) -> bytes:
    """The bytes of an attachment. Blocks. Raises `BadRequest` when it is gone or larger than `limit`."""
    try:
        validity, uid, number = reference.split(":")
        opened = connection.select(folder)
        wanted = (int(validity), int(uid))
    except ValueError as error:
        raise BadRequest(f"{reference!r} is no attachment of a mail.") from error
    gone = BadRequest("The mail is no longer in the folder.", remedy="Ask for it to be sent again.")
    if opened.validity != wanted[0]:
        raise gone
    most = limit * 3 // 2 + 10_000  # Base64 with its line ends
    head = connection.head(wanted[1])
    if head is None:
        raise gone
    message = BytesHeaderParser(policy=compat32).parsebytes(head.header)
    alone = _is_whole(head, message)
    names = [number] if alone else [f"{number}.MIME", number]
    found = connection.sections(wanted[1], names, most)
    if not found:
        raise gone
    header = _content_headers(message) if alone else found[f"{number}.MIME"]
    data = found[number] if _is_mail(head, number) else part(header, found[number]).data
    if len(data) > limit or len(found[number]) >= most:
        raise BadRequest(f"The attachment is larger than {limit:,} bytes.")
    return data


def _is_whole(head: Head, message: Message) -> bool:
    """Whether the mail is its only part, whose header is then the mail's own."""
    return len(head.leaves or ()) == 1 and message.get_content_maintype() != "multipart"


def _is_mail(head: Head, number: str) -> bool:
    return any(leaf.number == number and leaf.mime == "message/rfc822" for leaf in head.leaves or ())
