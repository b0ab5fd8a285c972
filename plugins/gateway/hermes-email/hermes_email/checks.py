"""What `hermes doctor` finds about the mailbox."""

from __future__ import annotations

import asyncio
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

import authres  # type: ignore[import-untyped]

from hermes_email import smtp
from hermes_email.imap import Connection
from hermes_email.sender import normalised
from hermes_email.servers import login, missing, server
from hermes_email.settings import EmailSettings
from hermes_host.errors import HermesError
from hermes_host.protocols import CheckResult

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_email.servers import Login
    from hermes_host.context import PluginContext

__all__ = ["check"]

_MAILS = 5


async def check(context: PluginContext) -> Iterable[CheckResult]:
    """Log in to both servers, and see whether senders can be believed."""
    settings = context.section(EmailSettings)
    if not settings.address:
        return ()
    if lacking := missing(context):
        return (CheckResult(name="email", status="error", detail=lacking),)
    try:
        known = await login(context, settings)
    except HermesError as error:
        return (CheckResult(name="email", status="error", detail=error.message, remedy=error.remedy),)
    return (await _reading(settings, known), await _sending(settings, known), await _believing(settings, known))


async def _reading(settings: EmailSettings, known: Login) -> CheckResult:
    def look() -> str:
        connection = Connection(server(settings, "imap"), known, settings.timeout)
        try:
            connection.select(settings.folder)
            return "is told of new mail" if connection.can_idle else f"looks every {settings.poll_interval:g} s"
        finally:
            connection.close()

    try:
        how = await asyncio.to_thread(look)
    except HermesError as error:
        return CheckResult(name="email reading", status="error", detail=error.message, remedy=error.remedy)
    return CheckResult(name="email reading", status="ok", detail=f"{settings.imap_host} lets the agent in; it {how}.")


async def _sending(settings: EmailSettings, known: Login) -> CheckResult:
    try:
        where = server(settings, "smtp")
        sender = normalised(settings.address)
        client = await smtp.connect(where, known if settings.smtp_login else None, sender, settings.timeout)
        client.close()
    except HermesError as error:
        return CheckResult(name="email sending", status="error", detail=error.message, remedy=error.remedy)
    return CheckResult(name="email sending", status="ok", detail=f"{settings.smtp_host} lets the agent in.")


async def _believing(settings: EmailSettings, known: Login) -> CheckResult:
    name = "email senders"
    if not settings.require_authentication:
        return CheckResult(
            name=name,
            status="warning",
            detail="Every sender is believed: anybody can pretend to be you.",
            remedy="`hermes config set email.require_authentication true`",
        )
    if settings.authentication_servers:
        names = ", ".join(settings.authentication_servers)
        return CheckResult(name=name, status="ok", detail=f"Believed on the word of {names}, or by DKIM.")
    try:
        found = await asyncio.to_thread(_reporters, settings, known)
    except HermesError:
        found = []
    remedy = (
        f"If {found[0]!r} is your mail server: `hermes config set email.authentication_servers [{found[0]}]`"
        if found
        else ""
    )
    return CheckResult(name=name, status="ok", detail="Believed by DKIM, which is checked here.", remedy=remedy)


def _reporters(settings: EmailSettings, known: Login) -> list[str]:
    """The names under which the newest mails were reported on, as the topmost header says."""
    connection = Connection(server(settings, "imap"), known, settings.timeout)
    try:
        folder = connection.select(settings.folder)
        found: list[str] = []
        for uid in connection.from_uid(max(1, folder.next_uid - _MAILS)):
            head = connection.head(uid)
            header = BytesHeaderParser().parsebytes(head.header).get("Authentication-Results") if head else None
            try:
                found.append(str(authres.AuthenticationResultsHeader.parse_value(str(header)).authserv_id))
            except (authres.AuthResError, RecursionError, ValueError):
                continue
        return list(dict.fromkeys(found))
    finally:
        connection.close()
