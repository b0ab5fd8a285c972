"""Whether the sender of a mail is who From says: by the word of one's own mail server, or by the mail's own signature.

The server's word is the topmost Authentication-Results header that bears one of the configured names; all others may be
the sender's own (RFC 8601, section 7.1). It counts as a yes when it says that DMARC passed, or that DKIM or SPF passed
for the domain of From or one above it. A signature of a domain below that of From is not enough: where a domain ends
that people share (such as a hoster's), only DMARC with its list of public suffixes knows.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Protocol

import authres  # type: ignore[import-untyped]

from hermes_email.sender import domain_of
from hermes_host.errors import ConnectionLost

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Lookup", "by_server", "by_signature", "look_up"]

_MOST_SIGNATURES = 5
_DNS_SECONDS = 5.0
_LENGTH_TAG = re.compile(rb"(?:^|;)\s*l\s*=")
_HEADERS_TAG = re.compile(rb"(?:^|;)\s*h\s*=\s*([^;]+)")
_MUST_BE_SIGNED = (b"from", b"to", b"cc", b"date", b"subject")
_DOMAIN_TAG = re.compile(rb"(?:^|;)\s*d\s*=\s*([^;\s]+)")

_quiet = logging.Logger("dkim", level=logging.CRITICAL + 1)
"""dkimpy logs parts of the mail; nobody needs them."""


class Lookup(Protocol):
    """The TXT record of a name, empty where there is none. Raises `ConnectionLost` where DNS does not answer."""

    def __call__(self, name: str) -> bytes:
        """Look it up."""
        ...


def _speaks_for(domain: str, sender: str) -> bool:
    """Whether what `domain` vouches for is good for `sender`: the same domain, or one above it that is no top level."""
    domain = domain.strip().strip(".").lower()
    return domain == sender or ("." in domain and sender.endswith(f".{domain}"))


def by_server(headers: Sequence[str], names: Sequence[str], address: str) -> bool | None:
    """What one's own server says about `address`; None where it says nothing. `headers` are all
    Authentication-Results, raw, the topmost first."""
    trusted = {name.lower() for name in names}
    sender = domain_of(address)
    for header in headers:
        results = _parsed(header)
        if results is not None and str(results.authserv_id).lower() in trusted:
            return _believed(results.results, sender)
    return None


def _parsed(header: str) -> Any:
    try:
        return authres.AuthenticationResultsHeader.parse_value(re.sub(r"\r?\n(?=[ \t])", "", header)[:20_000])
    except (authres.AuthResError, RecursionError, ValueError):
        return None


def _believed(results: Sequence[Any], sender: str) -> bool:
    facts = [
        (result.method, result.result, {(item.type, item.name): str(item.value) for item in result.properties})
        for result in results
    ]
    dmarc = [(outcome, found) for method, outcome, found in facts if method == "dmarc"]
    if dmarc:
        # The server must have judged the same From that is read here.
        return any(
            outcome == "pass" and _speaks_for(found.get(("header", "from"), sender), sender) for outcome, found in dmarc
        ) and all(outcome == "pass" for outcome, _ in dmarc)
    for method, outcome, found in facts:
        if outcome != "pass":
            continue
        if method == "dkim":
            domain = found.get(("header", "d")) or domain_of(found.get(("header", "i"), ""))
        elif method == "spf":
            domain = domain_of(found.get(("smtp", "mailfrom"), ""))
        else:
            continue
        if _speaks_for(domain, sender):
            return True
    return False


def by_signature(raw: bytes, address: str, lookup: Lookup) -> bool:
    """Whether a DKIM signature of the sender's domain over the whole mail holds. Raises `ConnectionLost` where it
    cannot be known now."""
    import dkim  # type: ignore[import-untyped]

    sender = domain_of(address)

    def text_of(name: bytes, timeout: float = _DNS_SECONDS) -> bytes | None:
        return lookup(name.decode("ascii", "replace")) or None

    try:
        verifier = dkim.DKIM(raw, logger=_quiet, minkey=1024)
        signatures = [value for name, value in verifier.headers if name.lower() == b"dkim-signature"]
    except dkim.DKIMException:
        return False
    for index, signature in enumerate(signatures[:_MOST_SIGNATURES]):
        domain = _DOMAIN_TAG.search(signature)
        if domain is None or not _speaks_for(domain[1].decode("ascii", "replace"), sender):
            continue
        if _LENGTH_TAG.search(signature):
            continue  # covers the beginning only: anybody may have written the rest
        if not _covers(signature, [name.lower() for name, _ in verifier.headers]):
            continue
        try:
            if verifier.verify(idx=index, dnsfunc=text_of):
                return True
        except ConnectionLost:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a stranger's signature does to the library, it is not valid
            logging.getLogger(__name__).debug("a signature could not be checked: %s", type(error).__name__)
    return False


def _covers(signature: bytes, headers: Sequence[bytes]) -> bool:
    """Whether every header is signed that says who wrote to whom, when and about what. One that is not may have been
    put there by whoever sent somebody's mail on."""
    found = _HEADERS_TAG.search(signature)
    signed = [name.strip().lower() for name in found[1].split(b":")] if found else []
    return all(headers.count(name) <= signed.count(name) for name in _MUST_BE_SIGNED)


def look_up(name: str) -> bytes:
    """The TXT record by this machine's resolver. See `Lookup`."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=_DNS_SECONDS, raise_on_no_answer=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return b""
    except dns.exception.DNSException as error:
        raise ConnectionLost(f"DNS did not answer: {error}") from error
    for record in answer.rrset or ():
        return b"".join(record.strings)
    return b""
