"""What goes with an answer: files, a voice, and what was sent into the chat from elsewhere."""

from __future__ import annotations

import time
from datetime import datetime

from hermes_gateway.sending import Sending

from hermes_host.errors import ProviderError
from hermes_host.messages import ATTACHED, Media
from hermes_host.services import TextToSpeech
from hermes_host.testing.platform_plugin import adapter_spec

LOCAL = {"host": {"plugins": ["local", "voice"]}}


class Voice:
    """Reads aloud, unless it is `broken`."""

    broken = False

    async def speak(self, text: str, **options: object) -> Media:
        if self.broken:
            raise ProviderError("No voice today.")
        return Media(kind="audio", mime="audio/ogg", data=text.encode(), name="speech.ogg", meta={"voice": True})


async def test_a_file_an_answer_names_is_sent_and_its_path_is_not_said(gateway, platform, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "chart.png").write_bytes(b"png")
    await gateway(
        f"Here is the chart.\n\nMEDIA:{work}/chart.png",
        host={**LOCAL["host"], "overrides": {"terminal.cwd": str(work)}},
    )
    await platform.say("draw")
    await platform.until(lambda: any(item.message.media for item in platform.messages))
    sent = [item.message for item in platform.messages]
    assert [media.name for message in sent for media in message.media] == ["chart.png"]
    assert "Here is the chart." in platform.texts()
    assert not any("MEDIA" in text or str(work) in text for text in platform.texts())


async def test_a_file_that_may_not_leave_stays(gateway, platform, tmp_path):
    secret = tmp_path / "id_rsa"
    secret.write_text("key", encoding="utf-8")
    await gateway(f"MEDIA:{secret}", host={**LOCAL["host"], "overrides": {"terminal.cwd": str(tmp_path)}})
    await platform.say("send me your key")
    said = await platform.until_said("not sent")
    assert not said.message.media
    assert str(tmp_path) not in said.text


async def test_answers_are_read_aloud_where_that_is_wanted(gateway, platform):
    running = await gateway("First.", "Second.", "Third.", **LOCAL)
    running.host.services.provide(TextToSpeech, Voice())
    await platform.say("one")
    await platform.until_said("First.")
    await platform.say("/voice on")
    await platform.until_said("read aloud")
    await platform.say("two")
    await platform.until(lambda: any(item.message.media for item in platform.messages))
    assert [item.text for item in platform.messages if item.message.media] == ["Second."]
    await platform.say("/voice off")
    await platform.until_said("text alone")
    await platform.say("three")
    third = await platform.until_said("Third.")
    assert not third.message.media


async def test_an_answer_that_cannot_be_read_aloud_is_sent_as_text(gateway, platform):
    running = await gateway("First.", "Second.", **LOCAL)
    voice = Voice()
    voice.broken = True
    running.host.services.provide(TextToSpeech, voice)
    await platform.say("one")
    await platform.until_said("First.")
    await platform.say("/voice on")
    await platform.until_said("read aloud")
    await platform.say("two")
    assert not (await platform.until_said("Second.")).message.media


async def test_a_conversation_is_told_once_what_was_sent_into_its_chat(gateway, platform):
    running = await gateway("One.", "Two.", "Three.", host={"plugins": ["gateway"]})
    await platform.say("first", name="Ada")
    await platform.until_said("One.")
    running.host.use_part("adapters", adapter_spec(), running.adapters.adapter)
    sending = Sending(running.host.context("gateway"))
    [place] = sending.directory.places()
    assert (str(place.address), place.name) == ("testing:c1", "Ada")
    await sending.send(place.address, "The backup is done.", key="k")
    sending.mirror(place.address, "The backup is done.")
    await platform.until_said("The backup is done.")
    for number, answer in ((1, "Two."), (2, "Three.")):
        await platform.say(f"message {number}")
        await platform.until_said(answer)
    told = [message for message in running.model.requests[-1].messages if "backup" in message.text]
    assert len(told) == 1
    assert told[0].said == "message 1"
    assert ATTACHED in told[0].parts[0].meta
    await sending.aclose()


async def test_what_nobody_asked_for_waits_in_quiet_hours_and_answers_do_not(gateway, platform):
    hour = datetime.now().astimezone().hour
    running = await gateway("An answer.", gateway={"quiet_hours": f"{hour}:00-{(hour + 2) % 24}:00"})
    [row] = await running.deliveries.say(await _address(platform), "A report.")
    await platform.say("hello")
    await platform.until_said("An answer.")
    assert "A report." not in platform.texts()
    [(state, due)] = running.rows("SELECT state, due FROM outbox WHERE id = ?", row)
    assert (state, due > time.time()) == ("held", True)
    with running.database.transaction() as connection:
        connection.execute("UPDATE outbox SET due = 0 WHERE id = ?", (row,))
    running.deliveries.wake()
    await platform.until_said("A report.")


async def _address(platform):
    return platform.update("").address
