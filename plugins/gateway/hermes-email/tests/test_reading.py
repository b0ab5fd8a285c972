"""What becomes of the mails in the folder: each once, none lost, none of the kind that nobody should answer."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from hermes_host.errors import BadRequest
from hermes_host.protocols import Attachment
from hermes_host.testing import ScriptedInbox


async def until(condition: Any, seconds: float = 10.0) -> None:
    """Look until it holds: for what happens on the server, which tells nobody."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_what_lay_there_before_the_first_start_is_not_read(make: Any, office: Any):
    inbox = ScriptedInbox()
    await office.say("an old mail")
    task = asyncio.create_task(make().run(inbox))
    await inbox.until_connected()
    await office.say("a new mail")
    await inbox.until(lambda update: update.text == "a new mail")
    assert [update.text for update in inbox.updates] == ["a new mail"]
    task.cancel()


async def test_what_comes_while_it_is_down_is_read_later_and_once(make: Any, office: Any, inbox: Any):
    for round_ in ("first", "second"):
        await office.say(f"before the {round_}")
        task = asyncio.create_task(make().run(inbox))
        await inbox.until(lambda update, round_=round_: update.text == f"before the {round_}")
        await until(lambda: all(b"\\Seen" in flags for flags in office.flags()))
        task.cancel()
        await asyncio.wait({task})
    assert [update.text for update in inbox.updates] == ["before the first", "before the second"]


async def test_a_mail_is_marked_as_read_only_when_it_was_put(make: Any, office: Any, inbox: Any):
    inbox.refuse = 1
    await office.say("keep me")
    adapter = make()
    with pytest.raises(Exception, match="full"):
        await adapter.run(inbox)
    assert office.flags() == [()]
    task = asyncio.create_task(adapter.run(inbox))
    await inbox.until(lambda update: update.text == "keep me")
    await until(lambda: office.flags() == [(b"\\Seen",)])
    task.cancel()


async def test_a_mail_that_is_not_believed_stays_unread(running: Any, received: Any, office: Any, write: Any):
    await received(write("forged", believed=""))
    await until(lambda: len(office.flags()) == 2 and office.flags()[1] == (b"\\Seen",))
    assert office.flags()[0] == ()


async def test_a_folder_that_was_numbered_anew_loses_and_repeats_nothing(make: Any, office: Any, inbox: Any):
    await office.say("one")
    task = asyncio.create_task(make().run(inbox))
    first = await inbox.until(lambda update: update.text == "one")
    await until(lambda: office.flags() == [(b"\\Seen",)])
    task.cancel()
    await asyncio.wait({task})

    def renumber() -> None:
        office.client.select_folder(office.folder)
        mails = office.client.fetch(office.client.search("ALL"), ["BODY.PEEK[]", "INTERNALDATE"])
        office.client.unselect_folder() if office.client.has_capability("UNSELECT") else office.client.close_folder()
        office.client.delete_folder(office.folder)
        office.client.create_folder(office.folder)
        for mail in mails.values():
            office.client.append(office.folder, mail[b"BODY[]"], msg_time=mail[b"INTERNALDATE"])

    await asyncio.sleep(1.1)  # UIDVALIDITY is a number of seconds on many servers
    await asyncio.to_thread(renumber)
    await office.say("two")
    task = asyncio.create_task(make().run(inbox))
    await inbox.until(lambda update: update.text == "two")
    assert {update.update for update in inbox.updates if update.text == "one"} == {first.update}
    task.cancel()


async def test_mails_that_vanish_do_no_harm(make: Any, office: Any, inbox: Any):
    for text in ("gone", "stays"):
        await office.say(text)

    def remove() -> None:
        office.client.select_folder(office.folder)
        office.client.delete_messages([office.client.search("ALL")[0]])
        office.client.expunge()

    await asyncio.to_thread(remove)
    task = asyncio.create_task(make().run(inbox))
    await inbox.until(lambda update: update.text == "stays")
    await office.say("after")
    await inbox.until(lambda update: update.text == "after")
    task.cancel()


async def test_two_mails_with_one_message_id_are_two(running: Any, office: Any, inbox: Any, write: Any):
    for text in ("first words", "other words"):
        await office.deliver(write(text, Message_ID="<same@friends.test>").as_bytes())
    await inbox.until(lambda update: update.text == "other words")
    assert len({update.update for update in inbox.updates}) == 2


async def test_a_forged_copy_does_not_take_the_place_of_the_mail(running: Any, office: Any, inbox: Any, write: Any):
    mail = write("Hello", Message_ID="<known@friends.test>")
    forged = write("Hello", believed="", Message_ID="<known@friends.test>", Date=mail["Date"])
    await office.deliver(forged.as_bytes())
    await office.deliver(mail.as_bytes())
    await inbox.until(lambda update: update.sender.verified)
    assert len({update.update for update in inbox.updates}) == 2


async def test_it_looks_now_and_then_where_the_server_tells_nothing(make: Any, office: Any, inbox: Any):
    adapter = make(idle_seconds=1.0, poll_interval=1.0)
    task = asyncio.create_task(adapter.run(inbox))
    await inbox.until_connected()
    await asyncio.sleep(1.5)  # the wait is renewed in between
    await office.say("still there?")
    await inbox.until(lambda update: update.text == "still there?")
    task.cancel()


# ------------------------------------------------------------------------------------------------------------- loops


AUTOMATIC = [
    {"Auto-Submitted": "auto-replied"},
    {"Auto-Submitted": "auto-generated; owner-email=x@y.test"},
    {"Precedence": "bulk"},
    {"Precedence": "List"},
    {"List-Id": "<news.friends.test>"},
    {"List-Unsubscribe": "<mailto:x@friends.test>"},
    {"X-Auto-Response-Suppress": "All"},
    {"Return-Path": "<>"},
    {"From": "agent@home.test"},
    {"From": "The Agent <AGENT@home.test>"},
    {"From": "no-reply@friends.test"},
    {"From": "MAILER-DAEMON@friends.test"},
    {"From": "bounces+123@friends.test"},
]


async def test_what_no_person_wrote_starts_nothing(running: Any, office: Any, inbox: Any, write: Any):
    for headers in AUTOMATIC:
        await office.deliver(write("Do it", **headers).as_bytes())
    await office.say("a person")
    await inbox.until(lambda update: update.text == "a person")
    assert [update.text for update in inbox.updates] == ["a person"]


async def test_a_delivery_report_starts_nothing(running: Any, received: Any, write: Any):
    mail = write("Undeliverable")
    mail.add_attachment("report", subtype="plain")
    mail.replace_header("Content-Type", 'multipart/report; report-type=delivery-status; boundary="b"')
    assert await received(mail) is None


async def test_what_a_person_wrote_starts_something(running: Any, received: Any, write: Any):
    assert (
        await received(write("Hello", **{"Auto-Submitted": "no", "Return-Path": "<alice@friends.test>"}))
    ).text == "Hello"
    assert (await received(write("Hello", From="noreen@friends.test"))).text == "Hello"


async def test_a_flood_from_one_address_is_stopped(make: Any, office: Any, inbox: Any, write: Any):
    task = asyncio.create_task(make(hourly_limit=3).run(inbox))
    for number in range(5):
        await office.deliver(write(f"mail {number}").as_bytes())
    await office.deliver(write("another person", sender="bob@friends.test").as_bytes())
    await inbox.until(lambda update: update.text == "another person")
    assert [update.text for update in inbox.updates] == ["mail 0", "mail 1", "mail 2", "another person"]
    assert any("more than 3" in text for text in inbox.troubles)
    task.cancel()


# ----------------------------------------------------------------------------------------------- what mails are made of


async def test_plain_text_is_preferred_and_html_is_read_without_it(running: Any, received: Any, write: Any):
    mail = write("The plain words")
    mail.add_alternative("<p>The <b>HTML</b> words</p>", subtype="html")
    assert (await received(mail)).text == "The plain words"
    page = (
        "<html><head><style>p{color:red}</style><script>x()</script></head><body><p>Hello <b>you</b> &amp; "
        "<a href='https://e.test/x'>link</a></p><p style='display:none'>hidden</p></body></html>"
    )
    alone = write("")
    alone.set_content(page, subtype="html")
    text = (await received(alone)).text
    assert "Hello you &" in text
    assert "https://e.test/x" in text
    assert "hidden" not in text
    assert "x()" not in text
    assert "color" not in text


async def test_html_nested_without_end_still_arrives(running: Any, received: Any, write: Any):
    mail = write("")
    mail.set_content("<div>" * 20_000 + "deep down", subtype="html", cte="base64")
    assert "deep down" in (await received(mail)).text


CHARSETS = [
    ("no-such-charset", "Grüße".encode(), "Grüße"),
    ("us-ascii", "Grüße".encode(), "Grüße"),
    ("utf-8", "Grüße €".encode("cp1252"), "Grüße €"),
    ("iso-8859-15", "Grüße €".encode("iso-8859-15"), "Grüße €"),
    ("gb2312", "漢字".encode("gb18030"), "漢字"),
    ("utf-8", b"a\x00b", "ab"),
]


async def test_a_charset_that_lies_does_not_lose_the_words(running: Any, received: Any, write: Any):
    for charset, data, text in CHARSETS:
        mail = write("x")
        mail.replace_header("Content-Type", f'text/plain; charset="{charset}"')
        mail.replace_header("Content-Transfer-Encoding", "base64")
        mail.set_payload(base64.b64encode(data).decode() + "\r\n")
        assert (await received(mail)).text == text


async def test_a_broken_transfer_encoding_does_not_stop_the_folder(running: Any, received: Any, write: Any):
    mail = write("x")
    mail.replace_header("Content-Transfer-Encoding", "base64")
    mail.set_payload("%%% this is no base64 at all")
    assert await received(mail) is not None
    mail.replace_header("Content-Transfer-Encoding", "x-unheard-of")
    assert "no base64" in (await received(mail)).text


async def test_ten_thousand_headers_are_no_trouble(running: Any, received: Any, write: Any):
    few = write("Many headers").as_bytes()
    assert (await received(b"".join(b"X-%d: y\r\n" % number for number in range(10_000)) + few)).text == "Many headers"
    many = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 60) for number in range(10_000))
    assert await received(few.replace(b"\r\n\r\n", b"\r\n" + many + b"\r\n", 1)) is None


def nested() -> bytes:
    head = (
        b"Authentication-Results: mx.home.test; dmarc=pass header.from=friends.test\r\nFrom: alice@friends.test\r\n"
        b"To: agent@home.test\r\nSubject: Nested\r\nDate: Mon, 01 Jan 2001 00:00:00 +0000\r\n"
    )
    body = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(200)
    )
    return head + body + b"Content-Type: text/plain\r\n\r\ndeep\r\n"


async def test_a_mail_that_breaks_every_connection_does_not_keep_others_from_being_read(running: Any, received: Any):
    assert await received(nested()) is None  # pymap hangs up when it is asked about it


class TestWithDovecot:
    @pytest.fixture
    def imap(self, dovecot: Any) -> Any:
        return dovecot

    async def test_parts_within_parts_within_parts_are_no_trouble(self, running: Any, received: Any):
        assert await received(nested()) is not None


async def test_headers_that_hide_something_are_one_line(running: Any, received: Any, write: Any):
    raw = write("Hello", Subject="SUBJECT", sender="SENDER@x.test").as_bytes()
    raw = raw.replace(b"SUBJECT", b"=?utf-8?q?Pay=0D=0ABcc=3A_x=40y.test?=")
    raw = raw.replace(b"SENDER@x.test", b"=?utf-8?q?A=0Aowner?= <alice@friends.test>")
    update = await received(raw)
    assert "\n" not in update.subject
    assert "\n" not in update.sender.name


async def test_a_text_that_is_too_long_is_not_read(make: Any, office: Any, inbox: Any, write: Any):
    task = asyncio.create_task(make(max_text_bytes=2000).run(inbox))
    mail = write("word " * 2000)
    mail.add_attachment(b"data", maintype="image", subtype="png", filename="a.png")
    await office.deliver(mail.as_bytes())
    update = await inbox.until(lambda update: update.attachments)
    assert "too long" in update.text
    assert len(update.text) < 200
    task.cancel()


# ------------------------------------------------------------------------------------------------------- attachments


async def test_files_of_all_kinds_are_named_and_fetched(running: Any, received: Any, write: Any):
    mail = write("Look")
    mail.add_alternative('<p>Look <img src="cid:1"></p>', subtype="html")
    mail.get_payload()[1].add_related(b"\x89PNG", maintype="image", subtype="png", cid="<1>")
    mail.add_attachment(b"sound" * 1000, maintype="audio", subtype="mpeg", filename="../../etc/Ünï.mp3")
    mail.add_attachment("text file\r\n", filename="notes.txt")
    mail.add_attachment(write("The mail within", Subject="Inner"))
    update = await received(mail)
    assert update.text == "Look"
    assert [(item.kind, item.mime) for item in update.attachments] == [
        ("image", "image/png"),
        ("audio", "audio/mpeg"),
        ("file", "text/plain"),
        ("file", "message/rfc822"),
    ]
    assert update.attachments[1].name == "../../etc/Ünï.mp3"
    data = [await running.fetch(item, limit=10_000) for item in update.attachments]
    assert data[:2] == [b"\x89PNG", b"sound" * 1000]
    assert data[2].strip() == b"text file"
    assert b"The mail within" in data[3]


async def test_a_mail_that_is_only_a_file_is_one(running: Any, received: Any, write: Any):
    mail = write("")
    mail.set_content(b"%PDF-1.7 all of it", maintype="application", subtype="pdf", filename="a.pdf")
    update = await received(mail)
    assert update.text == ""
    assert await running.fetch(update.attachments[0], limit=100) == b"%PDF-1.7 all of it"


async def test_attachments_can_be_left_out(make: Any, office: Any, inbox: Any):
    task = asyncio.create_task(make(skip_attachments=True).run(inbox))
    await office.attach(b"data", "a.bin")
    update = await inbox.until(lambda update: update.text == "With a file.")
    assert update.attachments == ()
    task.cancel()


async def test_what_is_no_attachment_is_not_fetched(running: Any):
    for reference in ("", "x", "1:2", "1:99999:1", "a:b:c", "1:1:1) LOGOUT"):
        with pytest.raises(BadRequest):
            await running.fetch(Attachment(kind="file", reference=reference), limit=100)


async def test_the_file_of_a_deleted_mail_is_gone(running: Any, office: Any, inbox: Any):
    await office.attach(b"data", "a.bin")
    update = await inbox.until(lambda update: update.attachments)

    def remove() -> None:
        office.client.select_folder(office.folder)
        office.client.delete_messages(office.client.search("ALL"))
        office.client.expunge()

    await asyncio.to_thread(remove)
    with pytest.raises(BadRequest):
        await running.fetch(update.attachments[0], limit=100)
