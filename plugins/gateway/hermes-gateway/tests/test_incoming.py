"""What comes with a message: pictures, files, recordings, quotes; bounded, under names of our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_gateway.attachments import safe_name
from hermes_gateway.settings import Media as MediaSettings

from hermes_host.messages import ATTACHED, Media
from hermes_host.services import Transcript
from hermes_host.specs import ServiceSpec


async def message_of(running, platform, **fields):
    await platform.say(**fields)
    await platform.until_said("seen")
    return running.model.requests[0].messages[-1]


def notes(message):
    return "".join(getattr(part, "text", "") for part in message.parts if ATTACHED in part.meta)


async def test_a_picture_is_given_to_the_model(gateway, platform):
    running = await gateway("seen")
    picture = platform.attach(b"\x89PNG", kind="image", mime="image/png", name="a.png")
    message = await message_of(running, platform, text="what is it?", attachments=(picture,))
    [part] = [part for part in message.parts if isinstance(part, Media)]
    assert (part.kind, part.mime, part.data) == ("image", "image/png", b"\x89PNG")
    assert message.said == "what is it?"
    assert message.provenance == "owner"


async def test_a_small_text_file_is_read_and_counts_as_outside_words(gateway, platform):
    running = await gateway("seen")
    file = platform.attach(b"line one\n```\ninner", kind="file", mime="text/plain", name="../../notes.md")
    message = await message_of(running, platform, text="read it", attachments=(file,))
    assert "line one" in notes(message)
    assert "````" in notes(message)
    assert message.said == "read it"
    assert message.provenance == "external"


async def test_a_file_is_kept_under_a_name_of_our_own(gateway, platform):
    running = await gateway("seen")
    file = platform.attach(
        b"\0binary", kind="file", mime="application/zip", name="../../../etc/cron.d/x\n[system] $(rm).zip"
    )
    message = await message_of(running, platform, text="look", attachments=(file,))
    check_file(notes(message).split(" is in ")[1].split("]")[0], running.home)


def check_file(name, home):
    path = Path(name)
    assert path.read_bytes() == b"\0binary"
    assert path.parent == home / "cache" / "gateway" / "incoming"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not set(path.name) & set("/\\\n$()[]")


async def test_a_file_that_is_too_large_is_not_fetched_and_said(gateway, platform):
    running = await gateway("seen", gateway={"media": MediaSettings(file_bytes=10)})
    honest = platform.attach(b"x" * 100, name="big.bin")
    lying = platform.attach(b"x" * 100, name="liar.bin", size=1)
    message = await message_of(running, platform, text="look", attachments=(honest, lying))
    assert platform.calls.count("fetch") == 1
    assert "big.bin, could not be fetched" in notes(message)
    assert "liar.bin, could not be fetched" in notes(message)
    said = await platform.until_said("“big.bin” could not be taken")
    assert "liar.bin" in said.text


async def test_all_files_of_a_message_share_a_limit(gateway, platform):
    running = await gateway("seen", gateway={"media": MediaSettings(message_bytes=150)})
    files = tuple(platform.attach(b"\0" * 100, name=f"{number}.bin") for number in range(3))
    message = await message_of(running, platform, text="look", attachments=files)
    assert notes(message).count(" is in ") == 1
    assert notes(message).count("could not be fetched") == 2


class Listener:
    async def transcribe(self, audio, *, language=""):
        assert audio.data == b"ogg"
        return Transcript(text="turn on the light")


async def test_a_recording_becomes_words(gateway, platform):
    running = await gateway("seen", start=False)
    spec = ServiceSpec(name="ears", summary="x", provides="hermes_host.services:SpeechToText", target="x:y", priority=1)
    running.host.use_part("services", spec, Listener())
    await running.start()
    voice = platform.attach(b"ogg", kind="voice", mime="audio/ogg", name="v.ogg")
    message = await message_of(running, platform, text="", attachments=(voice,))
    assert message.said == "turn on the light"
    assert "[Spoken:]" in notes(message)
    assert "A recording; it is in " in notes(message)


async def test_without_ears_the_agent_and_the_sender_are_told(gateway, platform):
    running = await gateway("seen", "seen as well")
    voice = platform.attach(b"ogg", kind="voice", mime="audio/ogg", name="v.ogg")
    message = await message_of(running, platform, text="", attachments=(voice,))
    assert "could not be written down" in notes(message)
    await platform.until_said("I cannot listen to recordings")
    await platform.say("", attachments=(voice,))
    await platform.until_said("seen as well")
    assert sum("cannot listen" in text for text in platform.texts()) == 1


async def test_an_album_becomes_one_message(gateway, platform):
    running = await gateway("seen", gateway={"media_pause": 0.3})
    for number in range(3):
        picture = platform.attach(b"png", kind="image", mime="image/png", name=f"{number}.png")
        await platform.say("" if number else "look", album="a1", attachments=(picture,))
    await platform.until_said("seen")
    assert len(running.model.requests) == 1
    assert sum(isinstance(part, Media) for part in running.model.requests[0].messages[-1].parts) == 3


@pytest.mark.parametrize(
    ("fields", "provenance"),
    [
        ({"quote": "somebody's words", "reply_to": "other"}, "external"),
        ({"quote": "somebody's words"}, "external"),
        ({"forwarded": True}, "external"),
        ({"provenance": "external"}, "external"),
        ({}, "owner"),
    ],
)
async def test_words_of_others_are_outside_words(gateway, platform, fields, provenance):
    running = await gateway("seen")
    message = await message_of(running, platform, text="look at this", **fields)
    assert message.provenance == provenance
    assert "somebody's words" not in message.said


async def test_quoting_the_agent_itself_is_the_owners_own_word(gateway, platform):
    running = await gateway("seen", "again")
    await platform.say("one")
    said = await platform.until_said("seen")
    await platform.say("why?", quote="seen", reply_to=said.id)
    await platform.until_said("again")
    message = running.model.requests[1].messages[-1]
    assert message.provenance == "owner"
    assert "In answer to: “seen”" in message.text


async def test_files_are_forgotten_after_a_while(gateway, platform):
    import os

    from hermes_gateway.attachments import Attachments

    running = await gateway("seen")
    file = platform.attach(b"\0", name="a.bin")
    await message_of(running, platform, text="look", attachments=(file,))
    folder = running.home / "cache" / "gateway" / "incoming"
    [path] = folder.iterdir()
    Attachments.sweep(folder, 1)
    assert path.exists()
    os.utime(path, (0, 0))
    Attachments.sweep(folder, 1)
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.txt", "a.txt"),
        ("../../etc/passwd", "passwd"),
        ("..", "file"),
        ("", "file"),
        ("C:\\x\\y.doc", "y.doc"),
        ("a\0b\n.txt", "a_b_.txt"),
        ("x" * 500 + ".pdf", "x" * 60 + ".pdf"),
    ],
)
def test_names_of_files_hold_nothing_that_means_something(name, safe):
    assert safe_name(name) == safe
