"""What people do in Telegram, as the gateway gets it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hermes_host.errors import BadRequest, ConfigError
from hermes_host.protocols import Address

GROUP = {"id": -100777, "type": "supergroup", "title": "Team", "is_forum": True}
BOT = {"id": 123456, "is_bot": True, "first_name": "Hermes", "username": "hermes_test_bot"}


@asynccontextmanager
async def running(adapter: Any, inbox: Any):
    task = asyncio.create_task(adapter.run(inbox))
    try:
        await inbox.until_connected()
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def heard(api: Any, adapter: Any, inbox: Any, *updates: dict[str, Any]) -> list[Any]:
    """What the inbox gets of these updates, in order."""
    async with running(adapter, inbox):
        for update in updates:
            await api.happen(**update)
        await api.say("the end")
        await inbox.until(lambda update: update.text == "the end")
    return inbox.updates[:-1]


async def test_a_group_message_without_a_mention_is_not_for_the_agent(api: Any, adapter_of: Any, inbox: Any):
    def entity(kind: str, words: str, text: str, **more: Any) -> dict[str, Any]:
        return {"text": text, "entities": [{"type": kind, "offset": text.index(words), "length": len(words), **more}]}

    spoken = [
        (False, {"text": "just talk"}),
        (True, entity("mention", "@Hermes_Test_Bot", "hi @Hermes_Test_Bot")),
        (False, entity("mention", "@other_bot", "hi @other_bot")),
        (True, entity("text_mention", "you", "hey you", user=BOT)),
        (True, entity("bot_command", "/new", "/new")),
        (True, entity("bot_command", "/new@hermes_test_bot", "/new@hermes_test_bot")),
        (False, entity("bot_command", "/new@other_bot", "/new@other_bot")),
        (False, entity("bot_command", "/new", "he wrote /new")),
        (True, {"text": "yes", "reply_to_message": {**api.message(chat=GROUP), "from": BOT}}),
        (False, {"text": "no", "reply_to_message": api.message(chat=GROUP)}),
        (True, {"text": "Hey HERMES!"}),
        (
            True,
            {
                "caption": "see @hermes_test_bot",
                "caption_entities": [{"type": "mention", "offset": 4, "length": 16}],
                "photo": [api.upload(b"x", width=1, height=1)],
            },
        ),
    ]
    adapter = await adapter_of(mention_patterns=r"\bhermes\b")
    found = await heard(api, adapter, inbox, *({"message": api.message(chat=GROUP, **each)} for _, each in spoken))
    assert [update.addressed for update in found] == [wanted for wanted, _ in spoken]
    assert {update.kind for update in found} == {"group"}
    assert found[0].chat_name == "Team"


async def test_a_mention_is_found_behind_characters_that_count_twice(api: Any, adapter_of: Any, inbox: Any):
    text = "👋👋 @hermes_test_bot"
    message = api.message(chat=GROUP, text=text, entities=[{"type": "mention", "offset": 5, "length": 16}])
    found = await heard(api, await adapter_of(), inbox, {"message": message})
    assert found[0].addressed


@pytest.mark.parametrize(
    "settings", [{"require_mention": False}, {"free_response_chats": [-100777]}, {"free_response_chats": "-1,-100777"}]
)
async def test_where_no_mention_is_required_all_is_for_the_agent(
    api: Any, adapter_of: Any, inbox: Any, settings: dict[str, Any]
):
    messages = [api.message(chat=GROUP, text=text) for text in ("talk", "/new@other_bot")]
    found = await heard(api, await adapter_of(**settings), inbox, *({"message": message} for message in messages))
    assert [update.addressed for update in found] == [True, False]


async def test_a_pattern_that_is_none_is_said(api: Any, adapter_of: Any, inbox: Any):
    adapter = await adapter_of(mention_patterns=["(["])
    with pytest.raises(ConfigError, match="mention_patterns"):
        await adapter.run(inbox)


async def test_only_topics_are_threads(api: Any, adapter_of: Any, inbox: Any):
    messages = [
        api.message(chat=GROUP, text="in a topic", message_thread_id=77, is_topic_message=True),
        api.message(chat=GROUP, text="in a chain of replies", message_thread_id=78),
        api.message(chat=GROUP, text="to a channel", direct_messages_topic={"topic_id": 5}),
    ]
    found = await heard(api, await adapter_of(), inbox, *({"message": message} for message in messages))
    assert [update.address.thread for update in found] == ["77", "", "d5"]


async def test_a_topics_beginning_is_no_message_that_is_replied_to(api: Any, adapter_of: Any, inbox: Any):
    beginning = {**api.message(chat=GROUP, forum_topic_created={"name": "Ideas", "icon_color": 1}), "from": BOT}
    topic = {"message_thread_id": 77, "is_topic_message": True}
    updates = [
        {"message": {**beginning, **topic}},
        {"message": api.message(chat=GROUP, text="x", reply_to_message=beginning, **topic)},
    ]
    found = await heard(api, await adapter_of(), inbox, *updates)
    assert [(update.text, update.reply_to, update.addressed) for update in found] == [("x", "", False)]
    place = inbox.known_places[0]
    assert (place.name, place.address.thread) == ("Team / Ideas", "77")


async def test_replies_quotes_forwards_and_edits_are_told(api: Any, adapter_of: Any, inbox: Any):
    said = api.message(text="what was said before")
    origin = {"type": "user", "date": 1, "sender_user": {"id": 9, "is_bot": False, "first_name": "B"}}
    updates = [
        {"message": api.message(text="reply", reply_to_message=said)},
        {"message": api.message(text="part", reply_to_message=said, quote={"text": "was said", "position": 5})},
        {"message": api.message(text="fwd", forward_origin=origin)},
        {"edited_message": api.message(text="better", edit_date=5)},
    ]
    reply, part, forwarded, edited = await heard(api, await adapter_of(), inbox, *updates)
    assert (reply.reply_to, reply.quote) == (str(said["message_id"]), "what was said before")
    assert part.quote == "was said"
    assert forwarded.forwarded and not reply.forwarded
    assert edited.edited and not reply.edited


async def test_who_writes_as_a_chat_has_its_id_and_bots_are_told(api: Any, adapter_of: Any, inbox: Any):
    channel = {"id": -100888, "type": "channel", "title": "News"}
    robot = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
    post = {key: value for key, value in api.message(chat=channel, text="a post").items() if key != "from"}
    updates = [
        {"message": {**api.message(chat=GROUP, text="a"), "from": robot, "sender_chat": GROUP}},
        {"message": {**api.message(chat=GROUP, text="b"), "from": {**BOT, "id": 55}}},
        {"channel_post": {**post, "sender_chat": channel}},
        {"message": api.message(text="c")},
    ]
    unseen, bot, post, person = await heard(api, await adapter_of(), inbox, *updates)
    assert (unseen.sender.id, unseen.sender.name, unseen.sender.bot) == ("-100777", "Team", False)
    assert (bot.sender.id, bot.sender.bot) == ("55", True)
    assert (post.kind, post.sender.id, post.addressed) == ("channel", "-100888", False)
    assert (person.sender.id, person.sender.name, person.kind) == ("4242", "Ann Ex", "direct")


async def test_every_kind_of_file_is_an_attachment(api: Any, adapter_of: Any, inbox: Any):
    small, large = api.upload(b"small", width=90, height=90), api.upload(b"large", width=1280, height=900)
    animation = api.upload(b"gif", mime_type="video/mp4", file_name="cat.mp4")
    sticker = {"emoji": "👍", "type": "regular", "width": 512, "height": 512}
    updates = [
        {"photo": [small, large], "caption": "look"},
        {"voice": api.upload(b"ogg", duration=3, mime_type="audio/ogg")},
        {"audio": api.upload(b"mp3", duration=180, mime_type="audio/mpeg", file_name="song.mp3")},
        {"video": api.upload(b"mp4", duration=3, mime_type="video/mp4")},
        {"video_note": api.upload(b"round", duration=3, length=240)},
        {"animation": animation, "document": animation},
        {"document": api.upload(b"png", mime_type="image/png", file_name="a.png")},
        {"document": api.upload(b"pdf", mime_type="application/pdf", file_name="../a.pdf")},
        {"sticker": {**api.upload(b"webp"), **sticker, "is_animated": False, "is_video": False}},
        {"sticker": {**api.upload(b"tgs"), **sticker, "is_animated": True, "is_video": False}},
    ]
    adapter = await adapter_of()
    found = await heard(api, adapter, inbox, *({"message": api.message(**each)} for each in updates))
    kinds = [[attachment.kind for attachment in update.attachments] for update in found]
    assert kinds == [
        ["image"], ["voice"], ["audio"], ["video"], ["video"], ["video"], ["image"], ["file"], ["sticker"], []
    ]  # fmt: skip
    assert (found[0].text, found[9].text) == ("look", "[Sticker: 👍]")
    assert (found[2].attachments[0].seconds, found[2].attachments[0].name) == (180.0, "song.mp3")
    assert await adapter.fetch(found[0].attachments[0], limit=100) == b"large"


async def test_an_album_has_one_word_and_many_updates(api: Any, adapter_of: Any, inbox: Any):
    photos = [{"photo": [api.upload(b"x", width=1, height=1)], "media_group_id": "13"} for _ in range(3)]
    found = await heard(api, await adapter_of(), inbox, *({"message": api.message(**each)} for each in photos))
    assert {update.album for update in found} == {"13"}
    assert len({update.update for update in found}) == 3


async def test_what_is_no_text_becomes_one(api: Any, adapter_of: Any, inbox: Any):
    place = {"latitude": 52.52, "longitude": 13.405}
    link = [{"type": "text_link", "offset": 3, "length": 4, "url": "https://example.test/x"}]
    updates = [
        {"message": api.message(location=place)},
        {"message": api.message(location=place, venue={"location": place, "title": "Café", "address": "Road 1"})},
        {"message": api.message(contact={"phone_number": "+49123", "first_name": "Bo"})},
        {"message": api.message(poll={"id": "1", "question": "Tea?", "options": [{"text": "Yes", "voter_count": 0}]})},
        {"message": api.message(dice={"emoji": "🎲", "value": 4})},
        {"message": api.message(text="👋 here", entities=link)},
        {"edited_message": api.message(location=place)},
        {"message": api.message(new_chat_title="Nothing is said")},
    ]
    found = [update.text for update in await heard(api, await adapter_of(), inbox, *updates)]
    assert found[0].startswith("Location: 52.52, 13.405\nhttps://")
    assert found[1].startswith("Café, Road 1\nLocation: ")
    assert found[2:] == ["Contact: Bo, +49123", "Poll: Tea?\n- Yes", "🎲 4", "👋 here (https://example.test/x)"]


async def test_being_added_to_a_group_is_a_place_and_no_message(api: Any, adapter_of: Any, inbox: Any):
    def joined(status: str, chat: int) -> dict[str, Any]:
        member = {"user": BOT, "status": status}
        return {
            "my_chat_member": {
                "chat": {**GROUP, "id": chat}, "from": {"id": 1}, "date": 1, "new_chat_member": member
            }
        }  # fmt: skip

    assert await heard(api, await adapter_of(), inbox, joined("member", -1001), joined("left", -1002)) == []
    assert [place.address for place in inbox.known_places] == [Address(platform="telegram", chat="-1001")]


async def test_an_update_that_cannot_be_read_does_not_keep_others_back(
    api: Any, adapter_of: Any, inbox: Any, caplog: pytest.LogCaptureFixture
):
    strange = [
        {"message": {"message_id": "one", "text": "a secret word"}},
        {"message": api.message(text=17)},
        {"unknown_kind": {"a": 1}},
        {"message": api.message(text="in the middle", entities=[{"type": "new_kind", "offset": 0, "length": 2}])},
        {"callback_query": {"id": "5", "from": {"id": 1, "first_name": "A"}, "inline_message_id": "x", "data": "d"}},
    ]
    found = await heard(api, await adapter_of(), inbox, *strange)
    assert [update.text for update in found] == ["in the middle"]
    assert "cannot be read" in caplog.text
    assert "a secret word" not in caplog.text


async def test_a_pressed_button_is_answered_at_once(api: Any, adapter_of: Any, inbox: Any):
    sender = {"id": 5, "is_bot": False, "first_name": "Bo"}
    under = api.message(chat=GROUP, text="May I?", message_thread_id=77, is_topic_message=True)
    query = {"id": "900", "from": sender, "message": under, "chat_instance": "1", "data": "approve:1:once"}
    old = {**query, "id": "901", "message": {"chat": GROUP, "message_id": 3, "date": 0}}
    adapter = await adapter_of()
    async with running(adapter, inbox):
        for each in (query, old, query):
            await api.happen(callback_query=each)
        await inbox.until(lambda update: update.action, times=3)
        await api.until_called("answerCallbackQuery", times=3)
    assert set(api.answered) == {"900", "901"}
    first, second, _ = inbox.updates
    assert (first.sender.id, first.address.thread, first.message) == ("5", "77", str(under["message_id"]))
    assert second.message == "3"
    assert len({update.update for update in inbox.updates}) == 3


async def test_a_file_that_is_too_large_or_gone_is_refused(api: Any, adapter_of: Any, inbox: Any):
    adapter = await adapter_of()
    document = {**api.upload(b"x" * 3000, file_name="a"), "file_size": 10}
    found = await heard(api, adapter, inbox, {"message": api.message(document=document)})
    attachment = found[0].attachments[0]
    for known in (True, False):  # what says how large it is may be wrong or missing
        api.sizes_known = known
        with pytest.raises(BadRequest, match="larger"):
            await adapter.fetch(attachment, limit=2000)
    assert len(await adapter.fetch(attachment, limit=3000)) == 3000
    api.files.clear()
    with pytest.raises(BadRequest, match="file_id"):
        await adapter.fetch(attachment, limit=3000)
