"""What would happen with a URL, for people: every step with its outcome, up to the one that refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from hermes_network.errors import AddressRefused, FetchFailed
from hermes_network.resolver import resolve

if TYPE_CHECKING:
    from hermes_network.guard import Guard
    from hermes_network.resolver import Lookup

__all__ = ["Report", "explain"]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome for one URL. Nothing was sent to its host."""

    allowed: bool
    rule: str = ""
    """The rule that refused (`hermes_network.errors.Rule`), or `dns` where the host cannot be found."""
    reason: str = ""
    remedy: str = ""
    scheme: str = ""
    host: str = ""
    """The host as it would be asked for: lower case, punycode."""
    port: int = 0
    addresses: tuple[str, ...] = ()
    """The addresses that would be connected to; empty where it is refused or was not looked up."""
    exception: bool = False
    """Whether it is allowed by `network.allow_private`."""


async def explain(guard: Guard, lookup: Lookup, url: str, *, look_up: bool = True) -> Report:
    """Judge a URL and, with `look_up`, what its name leads to. Never raises."""
    try:
        target = guard.check(url)
    except AddressRefused as error:
        return Report(allowed=False, rule=error.rule, reason=error.message, remedy=error.remedy, host=error.host)
    report = Report(
        allowed=True,
        scheme=target.scheme,
        host=target.host,
        port=target.port,
        exception=guard.is_exception(target.host, target.port),
    )
    if target.address is not None:
        return replace(report, addresses=(target.host,))
    if not look_up:
        return report
    try:
        return replace(report, addresses=tuple(await resolve(guard, lookup, target.host, target.port)))
    except AddressRefused as error:
        rule: str = error.rule
        reason, remedy = error.message, error.remedy
    except FetchFailed as error:
        rule, reason, remedy = error.kind, error.message, error.remedy
    return replace(report, allowed=False, rule=rule, reason=reason, remedy=remedy)
