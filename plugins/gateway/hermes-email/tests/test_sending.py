"""Mails that leave: in their thread, readable, once, to one address."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from hermes_host.errors import DeliveryRefused, DeliveryUncertain, RateLimited
from hermes_host.messages import Media
from hermes_host.protocols import Address, Outbound

ALICE = Address(platform="email", chat="alice@friends.test")


async def test_an_answer_stands_in_its_thread(running: Any, office: Any, inbox: Any, write: Any, received: Any):
    first = write(
        "Shall we?", Subject="Re: AW: Lunch  today", References="<a@x.test> <b@x.test>", In_Reply_To="<b@x.test>"
    )
    update = await received(first)
    receipt = await running.send(update.address, Outbound(text="Yes.", reply_to=update.message, key="k"))
    mail = office.smtp.mails[0]
    assert mail["Subject"] == "Re: Lunch today"
    assert mail["In-Reply-To"] == first["Message-ID"]
    assert mail["References"].split() == ["<a@x.test>", "<b@x.test>", first["Message-ID"]]
    assert mail["To"] == "alice@friends.test"
    assert mail["From"] == "The agent <agent@home.test>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert (mail["Message-ID"],) == receipt.messages
    assert office.smtp.recipients == [["alice@friends.test"]]

    answer = write("Good.\n\nOn Mon, 1 Jan 2024, agent wrote:\n> Yes.", In_Reply_To=receipt.messages[0], References="")
    update_2 = await received(answer)
    assert update_2.address == update.address
    assert update_2.reply_to == receipt.messages[0]
    assert (update_2.text, update_2.quote) == ("Good.", "On Mon, 1 Jan 2024, agent wrote:\n> Yes.")
    assert (update.subject, update_2.subject) == ("Lunch today", "")


async def test_another_thread_is_another_conversation_and_another_sender_too(received: Any, running: Any, write: Any):
    first = await received(write("one"))
    second = await received(write("two"))
    third = await received(write("three", sender="bob@friends.test", References=first.message))
    assert first.address.thread != second.address.thread
    assert third.address.chat == "bob@friends.test"
    assert third.address != first.address


async def test_an_answer_to_what_the_agent_wrote_first_belongs_to_it(
    running: Any, office: Any, received: Any, write: Any
):
    receipt = await running.send(ALICE, Outbound(text="**Backup** done.\n\nAll is well.", key="k"))
    mail = office.smtp.mails[0]
    assert mail["Subject"] == "Backup** done."
    assert mail["In-Reply-To"] is None
    assert mail["Auto-Submitted"] == "auto-generated"
    update = await received(write("Thanks", In_Reply_To=receipt.messages[0], Subject="Re: x"))
    await running.send(update.address, Outbound(text="Welcome", key="k2"))
    assert office.smtp.mails[1]["References"].split()[0] == receipt.messages[0]


async def test_markdown_is_shown_and_markup_of_the_models_own_is_not(adapter: Any, office: Any):
    text = "# Title\n\n<script>x()</script> **bold** ![pic](https://evil.test/?secret=1) [bad](javascript:x)"
    text += "\n\n| a |\n|---|\n| 1 |"
    await adapter.send(ALICE, Outbound(text=text))
    mail = office.smtp.mails[0]
    html = mail.get_body(("html",)).get_content()
    assert "<h1>Title</h1>" in html
    assert "<strong>bold</strong>" in html
    assert "<table>" in html
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    assert '<a href="https://evil.test/?secret=1">pic</a>' in html
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() == text


async def test_files_are_attached_under_safe_names(adapter: Any, office: Any, tmp_path: Path):
    file = tmp_path / "with space.txt"
    file.write_bytes(b"from the disk")
    media = (
        Media(kind="file", mime="text/plain", url=file.as_uri()),
        Media(kind="image", mime="image/png", data=b"\x89PNG", name="../../x\r\nBcc: a@b.test"),
        Media(kind="file", mime="no/such;type", data=b"?", name="Ünï.pdf"),
    )
    await adapter.send(ALICE, Outbound(text="Files", media=media))
    mail = office.smtp.mails[0]
    found = [(item.get_filename(), item.get_content_type()) for item in mail.iter_attachments()]
    assert found[0] == ("with space.txt", "text/plain")
    assert found[2] == ("Ünï.pdf", "application/pdf")
    assert "\n" not in found[1][0]
    assert mail["Bcc"] is None
    assert office.media()[:2] == [b"from the disk", b"\x89PNG"]


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="file", mime="a/b", data=b"x" * 2000),
        Media(kind="file", mime="a/b", url="file:///no/such/file"),
        Media(kind="file", mime="a/b", url="https://x.test/"),
    ],
)
async def test_what_cannot_be_attached_is_refused(make: Any, office: Any, media: Media):
    with pytest.raises(DeliveryRefused):
        await make(max_sent_bytes=1000).send(ALICE, Outbound(text="x", media=(media,)))
    assert office.smtp.mails == []


@pytest.mark.parametrize(
    "chat",
    [
        "",
        "bob",
        "a@x.test, b@x.test",
        "a@x.test\r\nBcc: b@x.test",
        "<a@x.test>",
        "a@x.test>\r\nRCPT TO:<b@x.test",
        "A <a@x.test>",
    ],
)
async def test_what_is_not_one_address_is_refused(adapter: Any, office: Any, chat: str):
    with pytest.raises(DeliveryRefused):
        await adapter.send(Address(platform="email", chat=chat), Outbound(text="x"))
    assert office.smtp.recipients == []


async def test_nothing_in_a_message_becomes_a_header(adapter: Any, office: Any):
    message = Outbound(
        text=".\r\nQUIT\r\n.", subject="Hi\r\nBcc: b@x.test", reply_to="<a@x.test>\r\nBcc: c@x.test", key="a\r\nb"
    )
    await adapter.send(ALICE, message)
    mail = office.smtp.mails[0]
    assert mail["Bcc"] is None
    assert len(mail.get_all("Subject")) == 1
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() == ".\nQUIT\n."


async def test_message_ids_survive_however_long_they_are(running: Any, office: Any, received: Any, write: Any):
    long = [f"<{'x' * 200}{number}@friends.test>" for number in range(40)]
    raw = write("Long", Subject="L").as_bytes().replace(b"Subject: L", b"References: " + "\r\n ".join(long).encode())
    update = await received(raw)
    await running.send(update.address, Outbound(text="ok", reply_to=update.message))
    header = re.search(rb"\r\nReferences: (.*?)\r\n[^ ]", office.smtp.raw[0], re.DOTALL)
    assert header is not None
    found = header[1].decode().split()
    assert found[0] == long[0]
    assert found[-2:] == [long[-1], update.message]
    assert max(map(len, office.smtp.raw[0].split(b"\r\n"))) < 998


# -------------------------------------------------------------------------------------------------------------- once


async def test_one_key_is_one_mail_also_after_a_restart(make: Any, office: Any):
    receipts = [await make().send(ALICE, Outbound(text="once", key="k")) for _ in range(3)]
    assert len(office.smtp.mails) == 1
    assert len({receipt.messages for receipt in receipts}) == 1
    other = await make().send(ALICE, Outbound(text="other", key="k2"))
    assert other.messages != receipts[0].messages
    await make().send(Address(platform="email", chat="bob@friends.test"), Outbound(text="once", key="k3"))
    assert len(office.smtp.mails) == 3


async def test_a_cut_connection_never_sends_twice(make: Any, office: Any):
    office.smtp.faults.append("uncertain")
    for _ in range(3):
        with pytest.raises(DeliveryUncertain):
            await make().send(ALICE, Outbound(text="perhaps", key="k"))
    assert len(office.smtp.mails) == 1


async def test_a_death_while_sending_never_sends_twice(make: Any, office: Any):
    adapter = make()
    adapter._records.sending("k", "<x@home.test>")  # as the process left it
    with pytest.raises(DeliveryUncertain):
        await make().send(ALICE, Outbound(text="perhaps", key="k"))
    assert office.smtp.mails == []


async def test_the_folder_of_sent_mail_tells_what_the_server_did_not(make: Any, office: Any):
    office.smtp.faults.append("uncertain")
    adapter = make(sent_folder=office.folder)
    with pytest.raises(DeliveryUncertain):
        await adapter.send(ALICE, Outbound(text="perhaps", key="k"))
    await office.deliver(office.smtp.raw[0])  # what the server put there itself
    receipt = await adapter.send(ALICE, Outbound(text="perhaps", key="k"))
    assert receipt.messages == (office.smtp.mails[0]["Message-ID"],)
    assert len(office.smtp.mails) == 1


async def test_what_was_surely_not_taken_is_sent_again_under_its_key(make: Any, office: Any):
    office.smtp.faults += ["rate_limited", "full", "refused"]
    adapter = make()
    for expected in (RateLimited, RateLimited, DeliveryRefused):
        with pytest.raises(expected):
            await adapter.send(ALICE, Outbound(text="in the end", key="k"))
    await adapter.send(ALICE, Outbound(text="in the end", key="k"))
    assert office.texts() == ["in the end"]


async def test_being_told_to_wait_says_how_long(adapter: Any, office: Any):
    office.smtp.faults.append("rate_limited")
    with pytest.raises(RateLimited) as caught:
        await adapter.send(ALICE, Outbound(text="x"))
    assert caught.value.retry_after == 300
    assert "Greylisted" in str(caught.value)


async def test_a_copy_is_kept_where_that_is_wanted(make: Any, office: Any):
    adapter = make(sent_folder=office.folder, save_sent=True)
    await adapter.send(ALICE, Outbound(text="keep a copy"))
    async with asyncio.timeout(10):
        while not (found := await asyncio.to_thread(office.flags)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert found == [(b"\\Seen",)]
