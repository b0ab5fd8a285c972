"""Messages to Telegram: what Telegram refuses is said, or sent in the form it takes."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from hermes_host.errors import AuthFailed, ConnectionLost, DeliveryRefused, DeliveryUncertain, HermesError, RateLimited
from hermes_host.messages import Media
from hermes_host.protocols import Address, Button, CommandEntry, Outbound, Receipt

ANN = Address(platform="telegram", chat="4242")
TEAM = Address(platform="telegram", chat="-100777")

PNG = Media(kind="image", mime="image/png", data=b"png", name="a.png")
PDF = Media(kind="file", mime="application/pdf", data=b"pdf", name="../../a.pdf")


async def test_text_goes_with_entities_and_without_a_parse_mode(api: Any, adapter_of: Any):
    adapter = await adapter_of()
    await adapter.send(ANN, Outbound(text="a **b** <c> _d_ & \\_"))
    (call,) = api.made("sendMessage")
    assert call["text"] == "a b <c> d & _"
    assert [entity["type"] for entity in call["entities"]] == ["bold", "italic"]
    assert "parse_mode" not in call


async def test_the_measured_length_is_what_telegram_counts(api: Any, adapter_of: Any):
    adapter = await adapter_of()
    fits = "👋" * 2048
    assert adapter.measure(f"**{fits}**") == adapter.limits.text
    await adapter.send(ANN, Outbound(text=f"**{fits}**"))
    with pytest.raises(DeliveryRefused, match="too long"):
        await adapter.send(ANN, Outbound(text=f"{fits}x"))


async def test_a_topic_is_written_to_and_one_that_is_gone_is_left_out(
    api: Any, adapter_of: Any, caplog: pytest.LogCaptureFixture
):
    adapter = await adapter_of()
    there = await adapter.send(Address(platform="telegram", chat="-100777", thread="77"), Outbound(text="x"))
    gone = await adapter.send(Address(platform="telegram", chat="-100777", thread="78"), Outbound(text="y"))
    assert [call.get("message_thread_id") for call in api.made("sendMessage")] == ["77", "78", None]
    assert (there.address.thread, gone.address.thread) == ("77", "")
    assert api.texts() == ["x", "y"]
    assert "thread not found" in caplog.text


async def test_a_talk_with_a_channel_is_its_own_kind_of_thread(api: Any, adapter_of: Any):
    adapter = await adapter_of()
    to = Address(platform="telegram", chat="-100777", thread="d5")
    receipt = await adapter.send(to, Outbound(text="x"))
    await adapter.typing(to)
    (call,) = api.made("sendMessage")
    assert call["direct_messages_topic_id"] == "5"
    assert receipt.address == to


async def test_a_group_that_moved_is_followed(api: Any, adapter_of: Any):
    api.migrated = {-55: -100999}
    adapter = await adapter_of()
    for text in ("one", "two"):
        receipt = await adapter.send(Address(platform="telegram", chat="-55"), Outbound(text=text))
        assert receipt.address.chat == "-100999"
    assert [call["chat_id"] for call in api.made("sendMessage")] == ["-55", "-100999", "-100999"]


async def test_entities_that_are_refused_do_not_cost_the_text(api: Any, adapter_of: Any, refusal: Any):
    adapter = await adapter_of()
    api.faults.append(refusal(400, "Bad Request: can't parse entities: unsupported"))
    await adapter.send(ANN, Outbound(text="see [here](https://e.test) **now**"))
    assert api.texts() == ["see [here](https://e.test) **now**"]
    api.faults.append(refusal(400, "Bad Request: can't parse entities: unsupported"))
    await adapter.send(ANN, Outbound(text="**a**", media=(PNG,)))
    assert api.texts()[1] == "a"


@pytest.mark.parametrize(("mode", "quoted"), [("off", 0), ("first", 1), ("all", 3)])
async def test_answers_quote_as_they_are_told(api: Any, adapter_of: Any, mode: str, quoted: int):
    adapter = await adapter_of(reply_to_mode=mode)
    for text in "abc":
        await adapter.send(ANN, Outbound(text=text, reply_to="5"))
    found = [call["reply_parameters"] for call in api.made("sendMessage") if "reply_parameters" in call]
    assert len(found) == quoted
    assert all(item == {"message_id": 5, "allow_sending_without_reply": True} for item in found)


async def test_what_failed_did_not_quote_yet(api: Any, adapter_of: Any, refusal: Any):
    adapter = await adapter_of()
    api.faults.append(refusal(429, "Too Many Requests: retry after 1", retry_after=1))
    with pytest.raises(RateLimited):
        await adapter.send(ANN, Outbound(text="a", reply_to="5"))
    await adapter.send(ANN, Outbound(text="a", reply_to="5"))
    assert all("reply_parameters" in call for call in api.made("sendMessage"))


async def test_silence_and_previews(api: Any, adapter_of: Any):
    await (await adapter_of(disable_link_previews=True)).send(ANN, Outbound(text="https://e.test", silent=True))
    (call,) = api.made("sendMessage")
    assert call["disable_notification"] is True
    assert call["link_preview_options"] == {"is_disabled": True}


@pytest.mark.parametrize(
    ("media", "method", "name"),
    [
        (PNG, "sendPhoto", "a.png"),
        (Media(kind="image", mime="image/gif", data=b"x", name="a.gif"), "sendAnimation", "a.gif"),
        (Media(kind="image", mime="image/svg+xml", data=b"x", name="a.svg"), "sendDocument", "a.svg"),
        (Media(kind="image", mime="image/png", data=b"x" * 10_000_001, name="a.png"), "sendDocument", "a.png"),
        (Media(kind="file", mime="image/png", data=b"x", name="a.png"), "sendDocument", "a.png"),
        (Media(kind="audio", mime="audio/ogg", data=b"x", meta={"voice": True}), "sendVoice", "file.ogg"),
        (Media(kind="audio", mime="audio/mpeg", data=b"x", name="s.mp3"), "sendAudio", "s.mp3"),
        (Media(kind="audio", mime="audio/wav", data=b"x", name="s.wav", meta={"voice": True}), "sendDocument", "s.wav"),
        (Media(kind="video", mime="video/mp4", data=b"x", name="v.mp4"), "sendVideo", "v.mp4"),
        (Media(kind="video", mime="video/webm", data=b"x", name="v.webm"), "sendDocument", "v.webm"),
        (PDF, "sendDocument", "a.pdf"),
    ],
)
async def test_each_file_is_sent_as_what_telegram_shows(
    api: Any, adapter_of: Any, media: Media, method: str, name: str
):
    receipt = await (await adapter_of()).send(ANN, Outbound(text="**look**", media=(media,)))
    (sent,) = api.messages.values()
    assert (sent["method"], sent["data"], sent["names"]) == (method, media.data, [name])
    assert (sent["caption"], sent["caption_entities"][0]["type"]) == ("look", "bold")
    assert len(receipt.messages) == 1


async def test_pictures_are_an_album_and_the_rest_follows(api: Any, adapter_of: Any, tmp_path: Path):
    path = tmp_path / "ä b.png"
    path.write_bytes(b"from a file")
    media = (PNG, Media(kind="image", mime="image/png", url=path.as_uri()), PDF)
    receipt = await (await adapter_of()).send(ANN, Outbound(text="three", media=media, reply_to="5"))
    sent = list(api.messages.values())
    assert [item["method"] for item in sent] == ["sendMediaGroup", "sendMediaGroup", "sendDocument"]
    assert [item["data"] for item in sent] == [b"png", b"from a file", b"pdf"]
    assert [item.get("caption", "") for item in sent] == ["three", "", ""]
    assert receipt.messages == tuple(str(number) for number in api.messages)
    assert ["reply_parameters" in call for _, call in api.calls] == [True, False]


async def test_buttons_of_an_album_stand_below_a_text(api: Any, adapter_of: Any):
    buttons = ((Button(label="Yes", value="y", style="danger"),),)
    await (await adapter_of()).send(ANN, Outbound(text="choose", media=(PNG, PNG), buttons=buttons))
    last = list(api.messages.values())[-1]
    assert (last["text"], last["reply_markup"]["inline_keyboard"][0][0]["callback_data"]) == ("choose", "y")


async def test_what_is_no_picture_for_telegram_is_a_file(api: Any, adapter_of: Any, refusal: Any):
    adapter = await adapter_of()
    api.faults.append(refusal(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
    await adapter.send(ANN, Outbound(media=(PNG,)))
    voice = Media(kind="audio", mime="audio/ogg", data=b"ogg", meta={"voice": True})
    api.faults.append(refusal(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN"))
    await adapter.send(ANN, Outbound(media=(voice,)))
    api.faults.append(refusal(400, "Bad Request: IMAGE_PROCESS_FAILED"))
    await adapter.send(ANN, Outbound(text="t", media=(PNG, PNG)))
    assert [item["method"] for item in api.messages.values()] == ["sendDocument"] * 2 + ["sendMediaGroup"] * 2
    assert [item["type"] for item in list(api.messages.values())[2:]] == ["document"] * 2


async def test_a_picture_elsewhere_is_fetched_by_telegram_or_a_link(api: Any, adapter_of: Any, refusal: Any):
    adapter = await adapter_of()
    media = Media(kind="image", mime="image/png", url="https://e.test/a.png")
    await adapter.send(ANN, Outbound(media=(media,)))
    for said in ("wrong file identifier/HTTP URL specified", "failed to get HTTP URL content"):
        api.faults.append(refusal(400, f"Bad Request: {said}"))
        await adapter.send(ANN, Outbound(text="a cat", media=(media,)))
    first, second, third = api.messages.values()
    assert second["text"] == third["text"]
    assert first["data"] == "https://e.test/a.png"
    assert second["text"] == "a cat\n\nhttps://e.test/a.png"


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="file", mime="x/y", data=b"x" * 50_000_001, name="big"),
        Media(kind="file", mime="x/y", url="file:///no/such/file", name="gone"),
        Media(kind="file", mime="x/y", name="empty"),
    ],
)
async def test_a_file_that_cannot_be_sent_is_refused_before_anything_is(api: Any, adapter_of: Any, media: Media):
    with pytest.raises(DeliveryRefused, match=media.name):
        await (await adapter_of()).send(ANN, Outbound(text="x", media=(PNG, media)))
    assert api.messages == {}


async def test_when_only_the_beginning_was_sent_that_is_uncertain(api: Any, adapter_of: Any, refusal: Any):
    adapter = await adapter_of()
    api.faults = [None, refusal(403, "Forbidden: bot was kicked from the group chat")]
    with pytest.raises(DeliveryUncertain, match="first part"):
        await adapter.send(ANN, Outbound(media=(PNG, PDF)))
    api.faults = [None, refusal(429, "Too Many Requests: retry after 1", retry_after=1)]
    await adapter.send(ANN, Outbound(media=(PNG, PDF)))
    assert len(api.messages) == 3


async def test_edits_of_every_kind(api: Any, adapter_of: Any):
    adapter = await adapter_of()
    buttons = ((Button(label="Yes", value="y"),),)
    text = await adapter.send(ANN, Outbound(text="May I?", buttons=buttons))
    await adapter.edit(text, Outbound(buttons=()))
    assert "reply_markup" not in api.messages[int(text.messages[0])]
    await adapter.edit(text, Outbound(text="**Yes**"))
    assert api.texts() == ["Yes"]
    picture = await adapter.send(ANN, Outbound(text="old", media=(PNG,)))
    await adapter.edit(picture, Outbound(text="new"))
    assert api.texts() == ["Yes", "new"]
    await adapter.delete(text)
    await adapter.delete(text)
    with pytest.raises(DeliveryRefused, match="not found"):
        await adapter.edit(text, Outbound(text="too late"))
    with pytest.raises(DeliveryRefused, match="no message"):
        await adapter.edit(Receipt(address=ANN), Outbound(text="x"))


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ((400, "Bad Request: chat not found"), DeliveryRefused, "write to the bot first"),
        ((403, "Forbidden: bot was blocked by the user"), DeliveryRefused, "unblock"),
        ((400, "Bad Request: not enough rights to send text messages to the chat"), DeliveryRefused, "the right"),
        ((413, "Request Entity Too Large"), DeliveryRefused, "too large"),
        ((401, "Unauthorized"), AuthFailed, "BotFather"),
        ((500, "Internal Server Error"), DeliveryUncertain, "trouble"),
    ],
)
async def test_refusals_say_what_to_do(
    api: Any, adapter_of: Any, refusal: Any, fault: tuple[int, str], kind: type[HermesError], words: str
):
    api.faults.append(refusal(*fault))
    with pytest.raises(kind, match=words):
        await (await adapter_of()).send(ANN, Outbound(text="x"))


@pytest.mark.parametrize(("status", "kind"), [(502, DeliveryUncertain), (429, RateLimited), (200, DeliveryUncertain)])
async def test_an_answer_that_is_no_json_is_understood_and_not_written_down(
    api: Any, adapter_of: Any, status: int, kind: type[HermesError], caplog: pytest.LogCaptureFixture
):
    api.faults.append(status)
    with pytest.raises(kind) as caught:
        await (await adapter_of()).send(ANN, Outbound(text="x"))
    assert "<html>" not in caplog.text + str(caught.value)


async def test_how_long_to_wait_is_told(api: Any, adapter_of: Any, refusal: Any):
    api.faults.append(refusal(429, "Too Many Requests: retry after 7", retry_after=7))
    with pytest.raises(RateLimited) as caught:
        await (await adapter_of()).send(ANN, Outbound(text="x"))
    assert caught.value.retry_after == 7.0


async def test_without_a_connection_nothing_was_sent(adapter_of: Any):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        adapter = await adapter_of(base_url=f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(ConnectionLost) as caught:
            await adapter.send(ANN, Outbound(text="x"))
        assert not caught.value.partial
        await adapter.typing(ANN)


async def test_a_value_that_is_too_long_for_a_button_is_refused(adapter_of: Any):
    buttons = ((Button(label="Yes", value="é" * 33),),)
    with pytest.raises(DeliveryRefused, match="64 bytes"):
        await (await adapter_of()).send(ANN, Outbound(text="x", buttons=buttons))


async def test_the_menu_is_set_only_when_it_is_another(api: Any, adapter_of: Any):
    adapter = await adapter_of()
    commands = [CommandEntry(name=name, summary="Does\nsomething.") for name in ("New-Chat", "new_chat", "é", "x" * 33)]
    commands += [CommandEntry(name=f"c{number}", summary="x" * 300) for number in range(200)]
    await adapter.show_commands(commands)
    await adapter.show_commands(commands)
    assert len(api.made("setMyCommands")) == 1
    assert api.commands[0] == {"command": "new_chat", "description": "Does something."}
    assert len(api.commands) == 100


async def test_a_menu_that_is_too_long_is_cut(api: Any, adapter_of: Any):
    limited = api._setMyCommands

    def strict(given: dict[str, Any]) -> Any:
        given["commands"] += [None] * (101 if len(given["commands"]) > 30 else 0)
        return limited(given)

    api._setMyCommands = strict
    await (await adapter_of()).show_commands([CommandEntry(name=f"c{n}", summary="x") for n in range(80)])
    assert 10 < len(api.commands) <= 30


async def test_typing_is_shown_in_the_topic(api: Any, adapter_of: Any):
    await (await adapter_of()).typing(Address(platform="telegram", chat="-100777", thread="77"))
    assert api.made("sendChatAction") == [{"chat_id": "-100777", "action": "typing", "message_thread_id": "77"}]


async def test_a_channel_can_be_named(api: Any, adapter_of: Any):
    receipt = await (await adapter_of()).send(Address(platform="telegram", chat="@news"), Outbound(text="x"))
    assert receipt.address.chat == "@news"


async def test_a_proxy_that_cannot_be_used_is_said(adapter_of: Any, caplog: pytest.LogCaptureFixture):
    from hermes_host.errors import ConfigError

    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigError, match="proxy"):
        await (await adapter_of(proxy="nonsense://x")).send(ANN, Outbound(text="x"))
