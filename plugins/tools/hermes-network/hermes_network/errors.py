"""What can go wrong on the way to another machine: it may not be asked, or it did not answer well."""

from __future__ import annotations

from typing import Literal

from hermes_host.errors import Denied, HermesError

__all__ = ["AddressRefused", "FetchFailed", "Kind", "Rule"]

Rule = Literal[
    "address",
    "characters",
    "scheme",
    "credentials",
    "host",
    "number",
    "zone",
    "port",
    "encryption",
    "private",
    "metadata",
    "blocked",
    "allow",
    "blocklist",
    "downgrade",
    "header",
]
"""Which rule refused: `address` it is no web address; `characters` it holds blanks, control characters or backslashes;
`scheme` neither http nor https; `credentials` a user name or password in it; `host` not a full public name; `number` an
IP address in an unusual spelling; `zone` an address with a network interface; `port` a port of another service;
`encryption` plain http where only https is allowed; `private` it leads into a private network; `metadata` a cloud's
metadata service; `blocked` a site on a block list; `allow` a site that is not on the allow list; `blocklist` a list
that cannot be read; `downgrade` a redirect from https to http; `header` a header that a caller may not set."""

Kind = Literal["dns", "connection", "tls", "timeout", "protocol", "redirects", "size", "packing", "type", "status"]
"""What failed: finding the name, connecting, the certificate, time, the HTTP that was spoken, too many redirects, too
large, packed in a way that was not asked for or that grows without measure, another type than accepted, the status."""


class AddressRefused(Denied):
    """An address that must not be asked. Nothing was sent to it.

    The message names the host that was asked for and the rule, never an address of an internal machine.
    """

    def __init__(self, message: str, *, rule: Rule, host: str = "", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.rule = rule
        self.host = host


class FetchFailed(HermesError):
    """A server could not be reached, or did not answer with what it should. `status` is 0 where there was none."""

    def __init__(self, message: str, *, kind: Kind, host: str = "", status: int = 0, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.kind = kind
        self.host = host
        self.status = status
