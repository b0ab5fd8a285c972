"""How servers are spoken to: encrypted, with certificates that hold, and with a login that fails clearly."""

from __future__ import annotations

import asyncio
import base64
import sys
from typing import Any

import pytest
from hermes_email.checks import check
from hermes_email.servers import missing
from hermes_email.settings import EmailSettings

from hermes_host.context import PluginContext
from hermes_host.errors import AuthFailed, ConfigError, ConnectionLost, DeliveryUncertain
from hermes_host.protocols import Address, Outbound
from hermes_host.testing import StandInHost

ALICE = Address(platform="email", chat="alice@friends.test")


async def hears(adapter: Any, office: Any, inbox: Any) -> None:
    task = asyncio.create_task(adapter.run(inbox))
    await office.say("encrypted")
    waiting = asyncio.create_task(inbox.until(lambda update: update.text == "encrypted"))
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    task.cancel()
    await waiting


async def test_mail_is_read_over_starttls(make: Any, office: Any, inbox: Any, certificates: Any):
    await hears(make(imap_security="starttls", ca_file=str(certificates.ca_file)), office, inbox)


class TestWithDovecot:
    @pytest.fixture
    def imap(self, dovecot: Any) -> Any:
        return dovecot

    async def test_mail_is_read_over_tls(self, make: Any, office: Any, inbox: Any, certificates: Any, imap: Any):
        office.imap_port = imap.tls_port
        adapter = make(imap_security="tls", imap_port=imap.tls_port, ca_file=str(certificates.ca_file))
        await hears(adapter, office, inbox)

    async def test_mail_is_read_over_starttls(self, make: Any, office: Any, inbox: Any, certificates: Any):
        await hears(make(imap_security="starttls", ca_file=str(certificates.ca_file)), office, inbox)


async def test_a_certificate_that_nobody_vouches_for_is_not_taken(make: Any, office: Any, inbox: Any):
    task = asyncio.create_task(make(imap_security="starttls").run(inbox))
    async with asyncio.timeout(10):
        while not inbox.troubles:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert "certificate" in inbox.troubles[0]
    assert "email.ca_file" in inbox.troubles[0]
    assert inbox.accounts == []
    task.cancel()


class TestSendingOverTls:
    @pytest.fixture
    def smtp_options(self, certificates: Any) -> dict[str, Any]:
        return {"ssl": certificates.context()}

    async def test_mail_is_sent_over_tls(self, make: Any, office: Any, certificates: Any):
        await make(smtp_security="tls", ca_file=str(certificates.ca_file)).send(ALICE, Outbound(text="secret"))
        assert office.texts() == ["secret"]

    async def test_a_certificate_that_nobody_vouches_for_is_not_taken(self, make: Any, office: Any):
        with pytest.raises(ConnectionLost):
            await make(smtp_security="tls").send(ALICE, Outbound(text="secret"))
        assert office.smtp.logins == []


class TestSendingOverStarttls:
    @pytest.fixture
    def smtp_options(self, certificates: Any) -> dict[str, Any]:
        return {"tls_context": certificates.context(), "require_starttls": True, "auth_require_tls": True}

    async def test_mail_is_sent_over_starttls(self, make: Any, office: Any, certificates: Any):
        await make(smtp_security="starttls", ca_file=str(certificates.ca_file)).send(ALICE, Outbound(text="secret"))
        assert office.texts() == ["secret"]


async def test_a_server_without_starttls_gets_no_password(make: Any, office: Any):
    with pytest.raises(ConnectionLost):
        await make(smtp_security="starttls").send(ALICE, Outbound(text="secret"))
    assert office.smtp.logins == []


async def test_another_machine_is_never_spoken_to_in_the_clear(make: Any, inbox: Any):
    with pytest.raises(ConfigError, match="none"):
        await make(imap_host="192.0.2.1").run(inbox)
    with pytest.raises(ConfigError, match="none"):
        await make(smtp_host="192.0.2.1").send(ALICE, Outbound(text="x"))


async def test_a_refused_login_ends_it_with_a_remedy(make: Any, office: Any, inbox: Any):
    adapter = make(password="wrong")
    with pytest.raises(AuthFailed, match="EMAIL_PASSWORD"):
        await adapter.run(inbox)
    with pytest.raises(AuthFailed, match="EMAIL_PASSWORD"):
        await adapter.send(ALICE, Outbound(text="x"))
    assert office.smtp.mails == []


async def test_a_folder_that_is_not_there_is_named(make: Any, inbox: Any):
    with pytest.raises(ConfigError, match="no-such-folder"):
        await make(folder="no-such-folder").run(inbox)


async def test_a_token_from_a_program_is_shown_as_xoauth2(make: Any, office: Any):
    command = [sys.executable, "-c", "print('a-token')"]
    await make(token_command=command).send(ALICE, Outbound(text="with a token"))
    shown = base64.b64decode(office.smtp.logins[0])
    assert shown == f"user={office.imap.user}\x01auth=Bearer a-token\x01\x01".encode()


@pytest.mark.parametrize(
    "command", [["/no/such/program"], [sys.executable, "-c", ""], [sys.executable, "-c", "exit(3)"]]
)
async def test_a_program_that_gives_no_token_is_told_of(make: Any, command: list[str]):
    with pytest.raises((AuthFailed, ConfigError), match="token_command"):
        await make(token_command=command).send(ALICE, Outbound(text="x"))


async def test_a_server_that_is_not_there_is_tried_again_and_stops_at_once(make: Any, inbox: Any, office: Any):
    adapter = make(imap_port=1)
    task = asyncio.create_task(adapter.run(inbox))
    async with asyncio.timeout(10):
        while not inbox.troubles:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=2)
    assert done


async def test_a_server_that_says_nothing_is_noticed(make: Any, office: Any):
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    with pytest.raises((ConnectionLost, DeliveryUncertain)):
        await make(smtp_port=server.sockets[0].getsockname()[1], timeout=1.0).send(ALICE, Outbound(text="x"))
    server.close()


def context_of(settings: EmailSettings, tmp_path: Any, password: str = "") -> PluginContext:
    return PluginContext(
        "email",
        home=tmp_path,
        section={"email": settings},
        secret=lambda name: password if name == "EMAIL_PASSWORD" else "",
        declared_secrets=frozenset({"EMAIL_PASSWORD", "EMAIL_ACCESS_TOKEN"}),
    )


def test_what_is_missing_is_named(tmp_path: Any):
    settings = EmailSettings(address="agent@home.test", imap_host="a.test", smtp_host="a.test")
    assert "email.address" in missing(context_of(EmailSettings(), tmp_path))
    assert "no mail address" in missing(context_of(EmailSettings(address="x", imap_host="a", smtp_host="b"), tmp_path))
    assert "EMAIL_PASSWORD" in missing(context_of(settings, tmp_path))
    assert missing(context_of(settings, tmp_path, "secret")) == ""


async def test_the_check_logs_in_and_names_the_server_that_reports(
    settings: dict[str, Any], office: Any, tmp_path: Any
):
    await office.say("a mail")
    known = EmailSettings(**{**settings, "authentication_servers": []})
    results = {item.name: item for item in await check(context_of(known, tmp_path, office.imap.password))}
    assert [item.status for item in results.values()] == ["ok", "ok", "ok"]
    assert "mx.home.test" in results["email senders"].remedy
    results = {item.name: item for item in await check(context_of(known, tmp_path, "wrong"))}
    assert results["email reading"].status == results["email sending"].status == "error"
    assert list(await check(context_of(EmailSettings(), tmp_path))) == []


async def test_the_settings_of_the_original_come_from_the_environment(
    tmp_path: Any, office: Any, settings: dict[str, Any]
):
    environment = {
        "EMAIL_ADDRESS": "agent@home.test",
        "EMAIL_PASSWORD": office.imap.password,
        "EMAIL_IMAP_HOST": "127.0.0.1",
        "EMAIL_IMAP_PORT": str(office.port),
        "EMAIL_SMTP_HOST": "127.0.0.1",
        "EMAIL_SMTP_PORT": str(office.smtp.port),
        "EMAIL_POLL_INTERVAL": "30",
    }
    overrides = {"email.smtp_security": "none", "email.imap_security": "none"}
    host = StandInHost(tmp_path, plugins=["email"], environ=environment, overrides=overrides)
    found = host.registry("adapters").get("email")
    assert host.context("email").lacking(found) == ""
    adapter = await host.part(found)
    await adapter.send(ALICE, Outbound(text="from the environment"))
    assert office.texts() == ["from the environment"]
    assert office.smtp.logins == [(b"agent@home.test", office.imap.password.encode())]
    await host.aclose()
