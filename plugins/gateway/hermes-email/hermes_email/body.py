"""The words of a mail: decoded whatever its character set claims, HTML as text, history and signature cut off.

Everything here runs over strangers' mail, so it takes time in proportion to its length: libraries that find quoted
history by nested patterns need minutes for a few thousand words that are made for it.
"""

from __future__ import annotations

import re
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any, NamedTuple

from hermes_email.sender import decoded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Part", "Words", "divided", "html_text", "part"]

_INTRODUCTION_LINES = 4
"""A line that introduces quoted text may be folded over so many lines."""
_LONG_LINE = 400

_SIGNATURE = re.compile(
    r"-- ?|_{20,}|(?:Sent from my|Von meinem|Envoyé de mon|Enviado desde mi|Get Outlook for) .{2,60}"
)
_ORIGINAL = re.compile(
    r"-{2,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Messaggio originale) ?"
    r"-{2,}",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"-{5,} ?(?:Forwarded message|Weitergeleitete Nachricht|Message transféré|Mensaje reenviado) ?-{5,}"
    r"|Begin forwarded message:|Anfang der weitergeleiteten Nachricht:|-{2,} ?Forwarded by .*",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(?:From|Von|De|Da):\*? .+")
_SENT = re.compile(r"\*?(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado|Fecha|Inviato|To|An|À|Para):\*? .+")

_BEGINNING = re.compile(r"(?:On|Am|Le|El|Il|Den|Op|W dniu|Em) ")
_INTRODUCTION = re.compile(
    r".{8,600}(?:wrote|schrieb|écrit|escribió|scritto|skrev|schreef|napisał\(a\)|escreveu).{0,80}:"
)


class Part(NamedTuple):
    """A leaf of a mail with what its own header says. `text` is set for text alone."""

    mime: str
    name: str
    attached: bool
    """Whether it is meant to be a file rather than read on the spot."""
    data: bytes
    text: str


class Words(NamedTuple):
    """What somebody wrote, and what they wrote it about."""

    text: str
    history: str
    others: bool
    """Whether words of others are in `text`."""


def part(header: bytes, body: bytes) -> Part:
    """A leaf by its MIME header and its transferred bytes. Never raises for bad input: what cannot be decoded stays as
    it is."""
    message = message_from_bytes(header.rstrip(b"\r\n") + b"\r\n\r\n" + body, policy=default)
    mime = str(_asked(message.get_content_type, "application/octet-stream"))
    name = decoded(str(_asked(message.get_filename, "") or ""))[:255]
    attached = _asked(message.get_content_disposition, "") == "attachment"
    data = _asked(lambda: message.get_payload(decode=True), body)
    data = data if isinstance(data, bytes) else body
    charset = str(_asked(message.get_content_charset, "") or "")
    return Part(mime, name, attached, data, _text(data, charset) if mime.startswith("text/") else "")


def _asked(question: Callable[[], Any], otherwise: Any) -> Any:
    try:
        return question()
    except Exception:  # noqa: BLE001 - the standard library's parser raises nearly anything for headers made to break it
        return otherwise


def _text(data: bytes, charset: str) -> str:
    text = None
    # The charset that is named, unless it cannot be true; nearly all mail that lies about it is UTF-8 or Windows'.
    for name in ("gb18030" if charset in ("gb2312", "gbk") else charset or "utf-8", "utf-8"):
        try:
            text = data.decode(name)
            break
        except (LookupError, UnicodeError):
            continue
    if text is None:
        text = data.decode("cp1252", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").removeprefix("\ufeff")


def html_text(html: str) -> str:
    """HTML as text: links with where they lead, nothing that is hidden."""
    from inscriptis import get_text  # type: ignore[import-untyped]
    from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]

    try:
        text = get_text(html, ParserConfig(display_links=True))
    except Exception:  # noqa: BLE001 - whatever the parser makes of it, the mail still arrives
        text = ""
    if not text.strip():
        # Nested deeper than the parser goes; no pattern here takes longer than the text is long.
        text = re.sub(r"<[^<>]{0,10000}>", " ", html)
    text = re.sub(r"[ \t\xa0]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def divided(text: str, *, answers_agent: bool) -> Words:
    """What somebody wrote without the signature and, when it answers the agent, without what is quoted below it.

    The agent knows its own words; a discussion of others that somebody sends it is what it is to read, and stays.
    """
    lines = text.split("\n")
    start = _history(lines)
    own, history = lines[:start], "\n".join(lines[start:]).strip()
    if answers_agent:
        if any(line.strip() and not line.startswith(">") for line in own):
            return Words(_unsigned(own), history, others=False)
        return Words(text.strip("\n").rstrip(), "", others=False)
    if history:
        return Words(text.strip("\n").rstrip(), "", others=True)
    return Words(_unsigned(own), "", others=any(line.startswith(">") for line in own))


def _history(lines: list[str]) -> int:
    """The line where the mail that is answered or forwarded begins; their number where there is none.

    Quoted lines with words of the writer's below them belong to what was written.
    """
    last_own = max((place for place, line in enumerate(lines) if line.strip() and not line.startswith(">")), default=-1)
    first_quoted = next((place for place, line in enumerate(lines) if line.startswith(">")), len(lines))
    for place, line in enumerate(lines):
        stripped = line.strip()
        if not stripped or len(stripped) > _LONG_LINE:
            continue
        if _ORIGINAL.fullmatch(stripped) or _FORWARDED.fullmatch(stripped):
            return place
        if _FROM.fullmatch(stripped) and any(_SENT.fullmatch(lines[later].strip()) for later in _next(lines, place)):
            return place
        introduced = _introduced(lines, place)
        if introduced and (last_own < introduced or first_quoted == len(lines)):
            return place
    quoted = last_own + 1
    return quoted if any(line.startswith(">") for line in lines[quoted:]) else len(lines)


def _introduced(lines: list[str], place: int) -> int:
    """Where the quotation begins that a line such as "On … Bob wrote:" introduces; 0 where the line is none."""
    if not _BEGINNING.match(lines[place]):
        return 0
    for end in range(place + 1, min(place + _INTRODUCTION_LINES, len(lines)) + 1):
        if _INTRODUCTION.fullmatch(" ".join(line.strip() for line in lines[place:end])[: _LONG_LINE * 2]):
            return end
    return 0


def _next(lines: list[str], place: int) -> range:
    return range(place + 1, min(place + 4, len(lines)))


def _unsigned(lines: list[str]) -> str:
    for place in range(len(lines) - 1, 0, -1):
        if _SIGNATURE.fullmatch(lines[place].rstrip("\r")) and len(lines) - place <= 15:
            return "\n".join(lines[:place]).strip("\n").rstrip()
    return "\n".join(lines).strip("\n").rstrip()
