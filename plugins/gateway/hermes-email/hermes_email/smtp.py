"""Giving one mail for one recipient to the SMTP server, and what each way of failing means.

Until its text goes out, whatever breaks has sent nothing. From then on only the server's answer tells.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import aiosmtplib

from hermes_email.sender import domain_of
from hermes_host.errors import AuthFailed, ConnectionLost, DeliveryRefused, DeliveryUncertain, HermesError, RateLimited

if TYPE_CHECKING:
    from collections.abc import Callable

    from hermes_email.servers import Login, Server

__all__ = ["connect", "submit"]

_DATA_SECONDS = 300.0
_WAIT_SECONDS = 60.0
_GREYLISTED = {450, 451}
_GREY_SECONDS = 300.0
_BUSY = 421


async def connect(server: Server, login: Login | None, sender: str, timeout: float) -> aiosmtplib.SMTP:
    """A connection that may send. Raises `AuthFailed`, `ConnectionLost`, `RateLimited`."""
    client = aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        use_tls=server.method == "tls",
        start_tls=server.method == "starttls",
        tls_context=server.context,
        timeout=timeout,
        local_hostname=domain_of(sender),
    )
    try:
        await client.connect()
        if login is not None:
            if login.token:
                await client.auth_xoauth2(login.user, login.token)
            else:
                await client.login(login.user, login.password)
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        raise _meant(error, server.host) from error
    except BaseException:
        client.close()
        raise
    return client


async def submit(
    client: aiosmtplib.SMTP, host: str, sender: str, recipient: str, mail: bytes, going_out: Callable[[], None]
) -> None:
    """Send `mail`; `going_out` is called right before its text does. Raises `DeliveryUncertain` when it may have been
    taken, and what is said at `Adapter.send`."""
    try:
        await client.mail(sender)
        await client.rcpt(recipient)
    except (aiosmtplib.SMTPException, OSError) as error:
        raise _meant(error, host) from error
    going_out()
    try:
        await client.data(mail, timeout=_DATA_SECONDS)
    except aiosmtplib.SMTPResponseException as error:
        raise _meant(error, host) from error
    except (aiosmtplib.SMTPException, OSError) as error:
        raise DeliveryUncertain(f"{host} did not confirm the mail: {error}") from error
    finally:
        with suppress(aiosmtplib.SMTPException, OSError):
            if client.is_connected:
                await client.quit(timeout=2)
        client.close()


def _meant(error: Exception, host: str) -> HermesError:
    """What an error before the text went out, or an answer of the server, means."""
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        if 400 <= error.code < 500:
            return ConnectionLost(f"{host} does not let the agent in just now: {_words(error)}")
        return AuthFailed(
            f"{host} refuses the login: {_words(error)}",
            remedy="Check EMAIL_PASSWORD; many providers want a password made for one program.",
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        if error.code == _BUSY or error.code < 400:
            return ConnectionLost(f"{host} ended the connection: {_words(error)}")
        if error.code < 500:
            wait = _GREY_SECONDS if error.code in _GREYLISTED else _WAIT_SECONDS
            return RateLimited(f"{host} wants to be asked again later: {_words(error)}", retry_after=wait)
        if error.code == 530:
            return AuthFailed(f"{host} wants a login: {_words(error)}", remedy="Set EMAIL_PASSWORD.")
        return DeliveryRefused(f"{host} refuses the mail: {_words(error)}")
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return AuthFailed(f"{host} offers no way to log in that is known here: {error}")
    return ConnectionLost(f"{host} cannot be reached: {error}")


def _words(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {' '.join(str(error.message).split())[:300]}"
