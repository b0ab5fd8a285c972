"""The one reading of a URL: what is checked here is the very object that is connected with."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hermes_host.visible import one_line
from hermes_network.errors import AddressRefused, Rule

if TYPE_CHECKING:
    from yarl import URL

    from hermes_network.addresses import Address

__all__ = ["Target", "ascii_host", "check_name", "is_full_name", "literal", "parse"]

LONGEST = 8192
"""Characters of a URL; more than browsers and servers agree on."""

# Everything up to the first of / ? # is the authority; nothing in it may be left to a parser's taste.
_SHAPE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._\x80-\U0010ffff-]+)(?::([0-9]{1,5}))?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that was read: what the request goes to, and nothing that could be read in another way."""

    url: URL
    """What to give to aiohttp; without a fragment."""
    scheme: str
    host: str
    """ASCII, lower case; an IPv6 address without brackets."""
    port: int
    address: Address | None
    """The address, where the host is one."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Two targets of the same origin may see each other's secrets."""
        return self.scheme, self.host, self.port

    @property
    def shown(self) -> str:
        """Scheme, host and port, for logs and messages: no path and no query."""
        return str(self.url.origin())


def parse(url: str | URL) -> Target:
    """Read a URL. Raises `AddressRefused` for everything that is not a plain http or https URL of one meaning."""
    from yarl import URL

    text = str(url)
    if len(text) > LONGEST:
        raise AddressRefused(f"The address is longer than {LONGEST:,} characters.", rule="address")
    if _FORBIDDEN.search(text):
        raise AddressRefused(
            "The address holds a blank, a control character or a backslash.",
            rule="characters",
            remedy="Encode it, such as %20 for a blank.",
        )
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise _refused(text, "is not a web address.", "address", remedy="Give one that begins with https://.")
    scheme, authority = shape[1].lower(), shape[2]
    if scheme not in ("http", "https"):
        raise _refused(f"{scheme}://…", "is not a web address.", "scheme", remedy="Only https:// and http:// work.")
    if "@" in authority:
        raise AddressRefused(
            "The address holds a user name or a password, or an '@' that makes it look like another host's.",
            rule="credentials",
            host=one_line(authority.rpartition("@")[2], 80),
            remedy="Leave it out.",
        )
    host, port = _host_and_port(authority)
    try:
        parsed = URL(text).with_fragment(None)
        raw_host, parsed_port = parsed.raw_host or "", parsed.port
    except (ValueError, UnicodeError):
        raise _refused(authority, "is not a host.", "host") from None
    if parsed_port == 0 or (port is not None and parsed_port != port) or parsed.scheme != scheme:
        raise _refused(authority, "has a port that does not exist.", "port")
    found = literal(raw_host)
    if found is None:
        check_name(raw_host, authority)
    elif isinstance(found, ipaddress.IPv4Address) is host.startswith("["):
        raise _refused(authority, "is not a host.", "host")
    _check_second_opinion(parsed, raw_host)
    return Target(parsed, scheme, raw_host, parsed_port or 0, found)


def ascii_host(name: str) -> str:
    """A host name in the form it is compared and asked in: lower case, punycode. Raises `ValueError` for none."""
    lower = name.lower()
    if not lower.isascii():
        from yarl import URL

        lower = URL.build(scheme="http", host=name).raw_host or ""
    if not lower or len(lower) > 253 or not all(_LABEL.fullmatch(label) for label in lower.split(".")):
        raise ValueError(f"{one_line(name, 80)!r} is not a host name")
    return lower


def is_full_name(host: str) -> bool:
    """Whether a host name has at least two labels, so that no search domain is added to it."""
    return "." in host


def literal(host: str) -> Address | None:
    """The address that a host is, in its one usual spelling; None for a name."""
    if "%" in host:
        return None
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _host_and_port(authority: str) -> tuple[str, int | None]:
    if "%" in authority:
        zone = authority.startswith("[")
        raise _refused(
            authority, "names a network interface." if zone else "is not a host.", "zone" if zone else "host"
        )
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise _refused(authority or "The address", "is not a host." if authority else "has no host.", "host")
    return match[1], int(match[2]) if match[2] else None


def check_name(host: str, shown: str = "") -> None:
    """Refuse what a resolver, a search domain or an old C library would make something else of: raise `AddressRefused`.

    `shown` is what messages quote, by default the host itself.
    """
    shown = shown or host
    labels = host.rstrip(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise _refused(
            shown, "is an IP address in an unusual spelling.", "number", remedy="Write it as four decimal numbers."
        )
    if host.endswith("."):
        raise _refused(shown, "ends with a dot.", "host", remedy="Leave the dot out.")
    try:
        if ascii_host(host) != host:
            raise ValueError
    except (ValueError, UnicodeError):
        raise _refused(shown, "is not a host name.", "host") from None


def _check_second_opinion(url: URL, host: str) -> None:
    """What is handed on as text must mean the same to the parser of the standard library."""
    try:
        other = urlsplit(str(url))
        same = other.hostname == host and other.username is None and (other.port or url.port) == url.port
    except ValueError:
        same = False
    if not same:
        raise _refused(host, "is read as different hosts by different programs.", "host")


def _refused(subject: str, what: str, rule: Rule, *, remedy: str = "") -> AddressRefused:
    shown = one_line(subject, 100)
    quoted = shown if shown == "The address" else repr(shown)
    return AddressRefused(f"{quoted} {what}", rule=rule, host=shown if rule != "address" else "", remedy=remedy)
