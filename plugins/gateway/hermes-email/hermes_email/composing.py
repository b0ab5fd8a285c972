"""A message of the agent's as a mail: text and HTML, attachments, and headers that keep it in its thread."""

from __future__ import annotations

import hashlib
import mimetypes
import re
import secrets
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from hermes_email.sender import domain_of
from hermes_host.errors import DeliveryRefused
from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from markdown_it import MarkdownIt

    from hermes_host.messages import Media

__all__ = ["Envelope", "compose", "message_id", "message_ids", "plain_subject"]

_POLICY = SMTP.clone(cte_type="7bit")
_MESSAGE_ID = re.compile(r"<[\x21-\x3b\x3d\x3f-\x7e]{1,250}>")
_PREFIX = re.compile(r"\s*(?:(?:re|aw|sv|antw|odp|rif|vs)(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_SUBJECT_LENGTH = 200

_STYLE = (
    "pre{background:#f4f4f4;padding:8px;overflow:auto}code{font-family:monospace}"
    "blockquote{border-left:3px solid #ccc;margin:0;padding-left:10px}"
    "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:4px 8px}"
)


class Envelope(NamedTuple):
    """Who a mail goes to and where it stands."""

    sender: str
    name: str
    recipient: str
    subject: str
    identity: str
    """Its Message-ID."""
    references: tuple[str, ...]
    """The Message-IDs of the thread, the one it answers last."""
    date: datetime


def message_id(key: str, chat: str, sender: str) -> str:
    """The Message-ID of what is sent under `key`: the same at every attempt. Without a key a new one."""
    word = hashlib.sha256(f"{key}\n{chat}\n{sender}".encode()).hexdigest()[:32] if key else secrets.token_hex(16)
    return f"<{word}.agent@{domain_of(sender)}>"


def message_ids(text: str, *, most: int = 20) -> list[str]:
    """The Message-IDs in a header such as References: the first and the last ones."""
    found = _MESSAGE_ID.findall(text[:50_000])
    return found if len(found) <= most else [found[0], *found[-(most - 1) :]]


def plain_subject(subject: str) -> str:
    """A subject without what mail programs put before it in answers."""
    return one_line(_PREFIX.sub("", subject, count=1), _SUBJECT_LENGTH)


def compose(envelope: Envelope, text: str, media: Sequence[Media], *, most_bytes: int) -> bytes:
    """The whole mail. Raises `DeliveryRefused` for what cannot be attached, `ConnectionLost` never."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = MailAddress(one_line(envelope.name, 80), addr_spec=envelope.sender)
    mail["To"] = MailAddress(addr_spec=envelope.recipient)
    answers = bool(envelope.references)
    subject = plain_subject(envelope.subject) or "A message"
    mail["Subject"] = f"Re: {subject}" if answers else subject
    mail["Date"] = format_datetime(envelope.date)
    mail["Auto-Submitted"] = "auto-replied" if answers else "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(f"{text}\n")
    mail.add_alternative(_html(text), subtype="html")
    left = most_bytes
    for item in media:
        data = _bytes(item, left)
        left -= len(data)
        kind, _, subtype = _mime(item).partition("/")
        mail.add_attachment(data, maintype=kind, subtype=subtype, filename=_name(item))
    # The library folds long words by encoding them, which Message-IDs do not survive.
    return _threading(envelope) + mail.as_bytes()


def _threading(envelope: Envelope) -> bytes:
    lines = [f"Message-ID: {envelope.identity}"]
    if envelope.references:
        lines += [f"In-Reply-To: {envelope.references[-1]}", "References: " + "\r\n ".join(envelope.references)]
    if not all(_MESSAGE_ID.fullmatch(identity) for identity in (envelope.identity, *envelope.references)):
        raise DeliveryRefused("A Message-ID of this thread cannot be written into a mail.")
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Without HTML of the model's own, and with links to the web and to mail only, what comes out is safe as it is.
    rules = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    rules.add_render_rule("image", _image)
    return rules


def _image(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    """A picture from elsewhere as a link: shown, it would tell its server what the model wrote into its address."""
    from markdown_it.common.utils import escapeHtml

    token = tokens[index]
    shown = escapeHtml(token.content or "image")
    return f'<a href="{escapeHtml(str(token.attrs.get("src", "")))}">{shown}</a>'


def _html(text: str) -> str:
    body = _markdown().render(text)
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><style>{_STYLE}</style></head><body>{body}</body></html>\n'
    )


def _bytes(item: Media, most: int) -> bytes:
    data = item.data
    if not data:
        parts = urlsplit(item.url)
        if parts.scheme != "file":
            raise DeliveryRefused("Only files can be attached to a mail.")
        try:
            with Path(unquote(parts.path)).open("rb") as file:
                data = file.read(most + 1)
        except OSError as error:
            raise DeliveryRefused(f"The file {_name(item)!r} cannot be read: {error.strerror}.") from error
    if len(data) > most:
        raise DeliveryRefused(
            "The files are too large for a mail.", remedy="`email.max_sent_bytes` says how much one mail may carry."
        )
    return data


def _mime(item: Media) -> str:
    mime = item.mime if re.fullmatch(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}", item.mime) else ""
    guessed = mime or mimetypes.guess_type(item.name)[0] or "application/octet-stream"
    return "application/octet-stream" if guessed.startswith(("multipart/", "message/")) else guessed


def _name(item: Media) -> str:
    """The last part of the name, without what could end a header or hide."""
    last = re.split(r"[/\\]", item.name or unquote(urlsplit(item.url).path))[-1]
    return one_line(last, 120) or f"{item.kind}{mimetypes.guess_extension(item.mime) or ''}"
