"""Who wrote a mail: nobody is believed for what they merely claim."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hermes_email.authentication import by_server, by_signature
from hermes_email.sender import mailbox, mentioned, normalised

from hermes_host.errors import ConnectionLost

VICTIM = "victim@ok.com"


@pytest.mark.parametrize(
    ("header", "address", "name"),
    [
        ("alice@ok.com", "alice@ok.com", ""),
        ("Alice <alice@OK.com>", "alice@ok.com", "Alice"),
        ("Alice.B+tag@ok.com", "alice.b+tag@ok.com", ""),
        ('"B, Alice (home)" <alice@ok.com>', "alice@ok.com", "B, Alice (home)"),
        ("=?utf-8?q?J=C3=BCrgen?= <j@ok.com>", "j@ok.com", "Jürgen"),
        ("Alice\r\n <alice@ok.com>", "alice@ok.com", "Alice"),
        ("alice@ok.com <alice@ok.com>", "alice@ok.com", "alice@ok.com"),
        ("a@bücher.example", "a@xn--bcher-kva.example", ""),
    ],
)
def test_a_plain_sender_is_read(header: str, address: str, name: str):
    assert mailbox([header]) == (address, name)


@pytest.mark.parametrize(
    "header",
    [
        '"victim@ok.com" <evil@x.com>',
        "=?utf-8?q?victim=40ok=2Ecom?= <evil@x.com>",
        "=?utf-8?q?victim=40ok=2Ecom=3E?= <evil@x.com>",
        '"victim@ok.com>, " <evil@x.com>',
        "Victim <evil@x.com>",
    ],
)
def test_a_display_name_never_counts_as_an_address(header: str):
    found = mailbox([header])
    assert found is not None
    assert found.address == "evil@x.com"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["victim@ok.com", "evil@x.com"],
        ["victim@ok.com", "victim@ok.com"],
        ["victim@ok.com, evil@x.com"],
        ["<victim@ok.com> <evil@x.com>"],
        ["<victim@ok.com>, <evil@x.com>"],
        ["victim@ok.com <evil@x.com>"],
        ["evil@x.com <victim@ok.com>"],
        ["<evil@x.com> victim@ok.com"],
        ["friends: victim@ok.com;"],
        ["friends: victim@ok.com, evil@x.com;"],
        ["victim@ok.com (evil@x.com)"],
        ["(a comment <evil@x.com>) victim@ok.com"],
        ['"unclosed <victim@ok.com>'],
        ["<@relay.com:victim@ok.com>"],
        ['"victim"@ok.com'],
        ["victim@ok.com\x00@x.com"],
        ["victim@ok.com@x.com"],
        ["victim@[127.0.0.1]"],
        ["victim @ok.com"],
        ["=?utf-8?q?victim=40ok=2Ecom?="],
        ["<victim@ok.com"],
        ["vіctim@ok.com"],  # with a Cyrillic letter
        ["a" * 5000 + "@ok.com"],
        ["x" * 100_000],
        ["(" * 50_000],
    ],
)
def test_what_parsers_may_read_differently_is_nobody(headers: list[str]):
    begun = time.perf_counter()
    assert mailbox(headers) is None
    assert time.perf_counter() - begun < 0.5


def test_an_address_has_one_form():
    assert normalised("Bob@Example.ORG.") == normalised("bob@example.org") == "bob@example.org"
    assert [normalised(text) for text in ("bob", "@x.com", "bob@", "b b@x.com", "bob@-x.com", "bob@x..com")] == [""] * 6


def test_recipients_are_found_in_lists():
    assert mentioned(['"A, b" <agent@home.test>, Other <x@y.com>', "c@d.com"]) == {
        "agent@home.test",
        "x@y.com",
        "c@d.com",
    }


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        ("mx.me; dmarc=pass header.from=ok.com", True),
        ("mx.me 1; dmarc=pass (p=REJECT) header.from=ok.com", True),
        ("MX.me; dkim=pass header.d=ok.com", True),
        ("mx.me; dkim=pass header.i=@ok.com header.s=x", True),
        ("mx.me; spf=pass (a; dmarc=fail) smtp.mailfrom=bounce@ok.com", True),
        ("mx.me; dkim=pass header.d=com", False),
        ("mx.me; dkim=pass header.d=evil.com", False),
        ("mx.me; dkim=pass header.d=evil-ok.com", False),
        ("mx.me; dkim=pass header.d=mail.ok.com", False),
        ("mx.me; dkim=pass header.i=@evil.com header.d=evil.com; spf=pass smtp.mailfrom=x@evil.com", False),
        ("mx.me; spf=pass smtp.helo=ok.com", False),
        ("mx.me; dkim=fail header.d=ok.com; spf=softfail smtp.mailfrom=ok.com", False),
        ("mx.me; dkim=pass header.d=ok.com; dmarc=fail header.from=ok.com", False),
        ("mx.me; dmarc=pass header.from=evil.com", False),
        ("mx.me; dmarc=pass header.from=ok.com; dmarc=fail header.from=ok.com", False),
        ("mx.me; none", False),
        ("mx.evil; dmarc=pass header.from=ok.com", None),
        ("mx.me.evil.com; dmarc=pass header.from=ok.com", None),
        ('"mx.evil; mx.me"; dmarc=pass header.from=ok.com', None),
        ("(mx.me;) mx.evil; dmarc=pass header.from=ok.com", None),
        ("dmarc=pass header.from=ok.com", None),
        ("mx.me; dmarc=pass (" + "(" * 30_000, None),
    ],
)
def test_the_servers_word_counts_only_from_the_own_server_and_for_the_senders_domain(header: str, verdict: Any):
    assert by_server([header], ["mx.me"], VICTIM) is verdict


def test_only_the_topmost_word_of_the_own_server_counts():
    own = "mx.me; spf=pass smtp.mailfrom=evil.com"
    forged = "mx.me; dmarc=pass header.from=ok.com"
    assert by_server([own, forged], ["mx.me"], VICTIM) is False
    assert by_server(["mx.other; dmarc=pass header.from=ok.com", own], ["mx.me"], VICTIM) is False
    assert by_server([forged], [], VICTIM) is None


def test_a_domain_above_that_of_the_sender_may_speak_for_it():
    assert by_server(["mx.me; dkim=pass header.d=ok.com"], ["mx.me"], "a@mail.ok.com") is True


# ------------------------------------------------------------------------------------------------------------- DKIM


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def record(key: rsa.RSAPrivateKey) -> bytes:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


@pytest.fixture
def sign(key: rsa.RSAPrivateKey) -> Callable[..., bytes]:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )

    def signed(raw: bytes, domain: bytes = b"friends.test", **options: Any) -> bytes:
        return (
            dkim.sign(raw, b"s1", domain, pem, include_headers=[b"From", b"To", b"Subject", b"Date"], **options) + raw
        )

    return signed


ALICE = "alice@friends.test"
SIMPLE = b"From: alice@friends.test\r\nTo: agent@home.test\r\nSubject: Hi\r\nDate: now\r\n\r\nPay the bill.\r\n"


def test_a_signature_of_the_senders_domain_is_believed(sign: Any, record: bytes):
    asked: list[str] = []

    def lookup(name: str) -> bytes:
        asked.append(name)
        return record

    assert by_signature(sign(SIMPLE), ALICE, lookup)
    assert asked == ["s1._domainkey.friends.test."]


@pytest.mark.parametrize("change", [(b"Pay the bill", b"Pay me"), (b"Subject: Hi", b"Subject: Ho"), (b"alice", b"bob")])
def test_a_changed_mail_is_not_believed(sign: Any, record: bytes, change: tuple[bytes, bytes]):
    assert not by_signature(sign(SIMPLE).replace(*change), ALICE, lambda name: record)


def test_the_signature_of_another_domain_says_nothing(sign: Any, record: bytes):
    asked: list[str] = []
    assert not by_signature(sign(SIMPLE, b"evil.com"), ALICE, lambda name: asked.append(name) or record)  # type: ignore[func-returns-value]
    assert asked == []


@pytest.mark.parametrize("added", [b"To: agent@home.test\r\n", b"Cc: agent@home.test\r\n", b"Date: today\r\n"])
def test_a_header_that_the_signature_does_not_cover_is_not_believed(sign: Any, record: bytes, added: bytes):
    assert not by_signature(added + sign(SIMPLE), ALICE, lambda name: record)


def test_a_signature_over_the_beginning_only_is_not_believed(sign: Any, record: bytes):
    raw = sign(SIMPLE, length=True)
    assert not by_signature(raw, ALICE, lambda name: record)


def test_a_domain_without_a_key_is_not_believed(sign: Any):
    assert not by_signature(sign(SIMPLE), ALICE, lambda name: b"")
    assert not by_signature(sign(SIMPLE), ALICE, lambda name: b"v=DKIM1; p=rubbish")


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"DKIM-Signature: x\r\n\r\n", b"DKIM-Signature: d=friends.test\r\n\r\n", b"\xff" * 99]
)
def test_rubbish_is_not_believed(raw: bytes):
    assert not by_signature(raw, ALICE, lambda name: b"")


# ----------------------------------------------------------------------------------------------------- in the mailbox


async def test_a_sender_nobody_vouches_for_is_not_verified(running: Any, received: Any, write: Any):
    assert not (await received(write("Let me in", believed=""))).sender.verified
    forged = "mx.home.test; dmarc=fail header.from=friends.test"
    assert not (await received(write("Me too", believed=forged))).sender.verified


async def test_mail_for_somebody_else_that_is_sent_on_is_not_verified(running: Any, received: Any, write: Any):
    assert not (await received(write("Yes, pay", To="mallory@evil.test"))).sender.verified
    assert (await received(write("Yes, pay", To="Bob <bob@x.test>", Cc="agent+bills@home.test"))).sender.verified


async def test_mail_that_arrives_long_after_it_was_written_is_not_verified(running: Any, received: Any, write: Any):
    old = format_datetime(datetime.now(UTC) - timedelta(days=30))
    assert not (await received(write("An old consent", Date=old))).sender.verified
    assert not (await received(write("No date", Date=""))).sender.verified


async def test_a_mail_without_exactly_one_sender_starts_nothing(running: Any, received: Any):
    for header in (
        b"From: victim@ok.com\r\nFrom: evil@x.com\r\n",
        b"From: victim@ok.com, evil@x.com\r\n",
        b"From: friends: victim@ok.com;\r\n",
        b"",
    ):
        raw = b"Authentication-Results: mx.home.test; dmarc=pass header.from=ok.com\r\n" + header
        assert await received(raw + b"To: agent@home.test\r\nSubject: x\r\n\r\nDo it.\r\n") is None


async def test_a_signed_mail_is_believed_when_the_server_says_nothing(
    make: Any, office: Any, inbox: Any, write: Any, sign: Any, record: bytes
):
    adapter = make(authentication_servers=[], lookup=lambda name: record)
    task = asyncio.create_task(adapter.run(inbox))
    mail = write("Signed. It has\r\nlines.", believed="").as_bytes()
    await office.deliver(sign(mail))
    assert (await inbox.until(lambda update: "Signed" in update.text)).sender.verified
    await office.deliver(sign(mail).replace(b"It has", b"It had").replace(b"Message-ID: <", b"Message-ID: <x"))
    assert not (await inbox.until(lambda update: "It had" in update.text)).sender.verified
    task.cancel()


async def test_while_dns_is_silent_the_mail_waits_and_others_do_not(
    make: Any, office: Any, inbox: Any, write: Any, sign: Any, record: bytes
):
    answers: list[Any] = [ConnectionLost("DNS did not answer"), record]

    def lookup(name: str) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bytes(answer)

    adapter = make(lookup=lookup, retry_seconds=0.1)
    task = asyncio.create_task(adapter.run(inbox))
    await office.deliver(sign(write("Patience", believed="").as_bytes()))
    await office.say("no signature needed")
    await inbox.until(lambda update: update.text == "no signature needed")
    assert (await inbox.until(lambda update: update.text == "Patience")).sender.verified
    task.cancel()
