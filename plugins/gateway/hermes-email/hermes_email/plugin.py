"""What hermes-email contributes: an adapter, its settings and a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_host import hookimpl
from hermes_host.specs import AdapterSpec, Capabilities, CheckSpec, PluginInfo, SecretSpec, SectionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(
        summary="The agent has a mailbox: mails start turns, and answers are mails in the same thread",
        sections=(SectionSpec(name="email", target="hermes_email.settings:EmailSettings"),),
        secrets=(
            SecretSpec(name="EMAIL_PASSWORD", summary="The mailbox's password, best one made for this program alone"),
            SecretSpec(name="EMAIL_ACCESS_TOKEN", summary="An OAuth 2 access token instead of a password (XOAUTH2)"),
        ),
        # The mail servers are the user's; `email.token_command` is a program of the user's.
        capabilities=Capabilities(network=("*",), programs=("*",)),
    )


@hookimpl
def hermes_adapters() -> Iterable[AdapterSpec]:
    yield AdapterSpec(
        name="email",
        summary="Mail: IMAP and SMTP",
        target="hermes_email.adapter:connect",
        configured="hermes_email.servers:missing",
        features=frozenset({"deduplicate", "media_in", "media_out", "threads"}),
        environment="EMAIL",
        pairing=False,
        addresses=r"[^\s@<>,;:\"\\()\[\]]{1,64}@[^\s@<>,;:\"\\()\[\]]{1,253}",
        hint="You write a mail: one complete answer, no small talk about being on it. Markdown is shown formatted.",
        secrets=("EMAIL_PASSWORD",),
    )


@hookimpl
def hermes_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(name="email", summary="The mail servers let the agent in", target="hermes_email.checks:check")
