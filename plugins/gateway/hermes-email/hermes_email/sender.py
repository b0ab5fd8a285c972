"""Who a mail says it is from: exactly one plain mailbox, or nobody.

Parsers disagree about odd From headers, and what the receiving server has checked must be what is read here. So only
what every parser reads the same way counts: one header, one mailbox, a plain address. A display name is never looked at
for an address.
"""

from __future__ import annotations

import re
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, NamedTuple

from hermes_host.visible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Mailbox", "decoded", "domain_of", "mailbox", "mentioned", "normalised"]

_LONGEST = 2000
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_ADDRESS = re.compile(rf"({_LOCAL})@([^\s@<>,;:\"\\()\[\]]{{1,253}})")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_MENTIONED = re.compile(rf"{_LOCAL}@[A-Za-z0-9.-]{{1,253}}")


class Mailbox(NamedTuple):
    """A sender. `address` is normalised; `name` is decoration."""

    address: str
    name: str


def normalised(address: str) -> str:
    """The address in the one form it has here: lower case, the domain in ASCII. Empty for what is no plain address.

    Upper and lower case of the local part could differ by the letter of the standard; no server tells people apart by
    it, and a person who lists an address means whoever reads it.
    """
    match = _ADDRESS.fullmatch(address.strip())
    if match is None or len(match[1]) > 64:
        return ""
    domain = match[2].rstrip(".")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    domain = domain.lower()
    return f"{match[1].lower()}@{domain}" if _DOMAIN.fullmatch(domain) else ""


def domain_of(address: str) -> str:
    """The part after the `@`."""
    return address.rpartition("@")[2]


def mailbox(headers: Sequence[str]) -> Mailbox | None:
    """The one sender that these From headers, raw, name beyond doubt; None otherwise."""
    if len(headers) != 1 or len(headers[0]) > _LONGEST:
        return None
    read = _read(re.sub(r"\r?\n(?=[ \t])", "", headers[0]))
    if read is None:
        return None
    outside, name, inside = read
    if inside is None:  # no angle brackets: the address alone
        address = normalised(outside)
        return Mailbox(address, "") if address else None
    address = normalised(inside)
    # A bare address before the real one is what deceivers write; some programs write the same address twice.
    if not address or ("@" in outside and normalised(outside) != address):
        return None
    return Mailbox(address, one_line(decoded(name), 80))


def _read(text: str) -> tuple[str, str, str | None] | None:
    """What stands outside quotes and angle brackets, the whole name, and what stands in the brackets; None for what is
    not one mailbox."""
    if any(ord(character) < 32 and character != "\t" or ord(character) == 127 for character in text):
        return None
    outside: list[str] = []
    name: list[str] = []
    inside: str | None = None
    place = 0
    while place < len(text):
        character = text[place]
        if character == '"':
            end = _closing_quote(text, place)
            if end is None or inside is not None:
                return None
            name.append(re.sub(r"\\(.)", r"\1", text[place + 1 : end]))
            place = end
        elif character == "<":
            end = text.find(">", place)
            if end < 0 or inside is not None:
                return None
            inside = text[place + 1 : end]
            place = end
        elif character in ">,;:()[]\\":
            return None  # lists, groups, comments: never needed by somebody who writes a mail
        else:
            if inside is not None and not character.isspace():
                return None
            outside.append(character)
            name.append(character)
        place += 1
    return "".join(outside).strip(), "".join(name).strip(), inside


def _closing_quote(text: str, opening: int) -> int | None:
    place = opening + 1
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == '"':
            return place
        place += 1
    return None


def mentioned(headers: Sequence[str]) -> frozenset[str]:
    """Every address in these headers, wherever it stands; for To and Cc."""
    return frozenset(normalised(text) for header in headers for text in _MENTIONED.findall(header[:100_000]))


def decoded(raw: str) -> str:
    """A header's text with its encoded words decoded; as it is where they cannot be."""
    raw = re.sub(r"\r?\n(?=[ \t])", "", raw)[:_LONGEST]
    try:
        return str(make_header(decode_header(raw)))
    except (ValueError, LookupError, UnicodeError):
        return raw
