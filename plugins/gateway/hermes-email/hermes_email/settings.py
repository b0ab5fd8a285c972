"""The section `email`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

__all__ = ["EmailSettings", "Security"]

Security = Literal["auto", "tls", "starttls", "none"]


def _variable(name: str, description: str, *, ge: int | None = None, le: int | None = None) -> Meta:
    return Meta(description=description, extra={"environment": (name,)}, ge=ge, le=le)


class EmailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The agent's mailbox."""

    address: Annotated[str, _variable("EMAIL_ADDRESS", "The agent's mail address.")] = ""
    aliases: Annotated[list[str], Meta(description="Other addresses whose mail lands in the same mailbox.")] = []
    name: Annotated[str, Meta(description="The name shown with the address.")] = ""
    username: Annotated[str, Meta(description="What to log in with; empty: the address.")] = ""
    token_command: Annotated[
        list[str], Meta(description="A program and its arguments that print an OAuth 2 access token (XOAUTH2).")
    ] = []
    imap_host: Annotated[str, _variable("EMAIL_IMAP_HOST", "The server that mail is read from.")] = ""
    imap_port: Annotated[int, _variable("EMAIL_IMAP_PORT", "Its port.", ge=1, le=65535)] = 993
    imap_security: Annotated[
        Security,
        Meta(description="`tls`, `starttls`, `none` (this machine only), or `auto` for what the port says."),
    ] = "auto"
    smtp_host: Annotated[str, _variable("EMAIL_SMTP_HOST", "The server that mail is sent through.")] = ""
    smtp_port: Annotated[int, _variable("EMAIL_SMTP_PORT", "Its port.", ge=1, le=65535)] = 587
    smtp_security: Annotated[Security, Meta(description="As `imap_security`.")] = "auto"
    smtp_login: Annotated[bool, Meta(description="Log in for sending; false for a relay that needs no login.")] = True
    ca_file: Annotated[str, Meta(description="A PEM file with the authorities that vouch for the servers.")] = ""
    folder: Annotated[str, Meta(description="The folder that is read.")] = "INBOX"
    sent_folder: Annotated[
        str, Meta(description="The folder of sent mail: looked into when a server did not confirm a mail.")
    ] = ""
    save_sent: Annotated[
        bool, Meta(description="Put a copy of every sent mail into `sent_folder`, where the server does not itself.")
    ] = False
    mark_seen: Annotated[bool, Meta(description="Mark a mail as read once it is safely taken.")] = True
    poll_interval: Annotated[
        float, _variable("EMAIL_POLL_INTERVAL", "Seconds between two looks, on servers that cannot IDLE.", ge=1)
    ] = 15.0
    idle_seconds: Annotated[
        float, Meta(description="How long to wait for news before the connection is tested.", ge=1, le=1740)
    ] = 540.0
    authentication_servers: Annotated[
        list[str],
        Meta(
            description="The names (authserv-id) under which your own mail server reports in Authentication-Results "
            "who really sent a mail. Only servers that remove such headers from mail that comes in. Empty: DKIM is "
            "checked here."
        ),
    ] = []
    require_authentication: Annotated[
        bool, Meta(description="Believe a sender only with DMARC, DKIM or SPF. False: anybody can pretend to be you.")
    ] = True
    hourly_limit: Annotated[int, Meta(description="Mails an hour from one address that start something.", ge=1)] = 20
    skip_attachments: Annotated[bool, Meta(description="Take only the text of mails.")] = False
    max_text_bytes: Annotated[int, Meta(description="The longest text of a mail that is read.", ge=1000)] = 1_000_000
    max_file_bytes: Annotated[int, Meta(description="The largest attachment that is fetched.", ge=0)] = 25_000_000
    max_sent_bytes: Annotated[int, Meta(description="All files of one sent mail together.", ge=0)] = 18_000_000
    timeout: Annotated[float, Meta(description="Seconds a server may take to answer.", ge=1)] = 30.0

    @property
    def own_addresses(self) -> frozenset[str]:
        """Where the agent is written to."""
        from hermes_email.sender import normalised

        return frozenset(filter(None, (normalised(text) for text in (self.address, *self.aliases))))
