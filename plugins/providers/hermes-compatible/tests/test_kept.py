"""What is kept of conversations: each message is encoded once, and old conversations are forgotten."""

from __future__ import annotations

from hermes_compatible.kept import EncodedMessages, RequestHeads

from hermes_host.messages import Message, user_message
from hermes_host.protocols import ModelRequest


def encode(message: Message) -> bytes:
    return message.text.encode()


def test_old_conversations_are_forgotten() -> None:
    kept: EncodedMessages[bytes] = EncodedMessages(len)
    for number in range(200):
        kept.of(number, [user_message("go")], encode)
    assert len(kept) <= 64


def test_conversations_that_hold_too_much_are_forgotten_but_for_the_last() -> None:
    kept: EncodedMessages[bytes] = EncodedMessages(lambda _: 40 * 1024 * 1024)
    for number in range(3):
        kept.of(number, [user_message("go")], encode)
    assert len(kept) == 1


def test_building_does_not_encode_old_messages_again() -> None:
    kept: EncodedMessages[bytes] = EncodedMessages(len)
    messages = [user_message("one")]
    (first,) = kept.of("s", messages, encode)
    messages.append(user_message("two"))
    again, second = kept.of("s", messages, encode)
    assert again is first
    assert second == b"two"


def test_a_message_that_was_replaced_is_encoded_anew() -> None:
    kept: EncodedMessages[bytes] = EncodedMessages(len)
    kept.of("s", [user_message("one")], encode)
    assert kept.of("s", [user_message("two")], encode) == [b"two"]


def test_a_head_is_made_again_only_when_what_it_is_made_of_changes() -> None:
    made: list[str] = []
    heads = RequestHeads(lambda request: made.append(request.model))
    messages = [user_message("go")]
    for model, purpose in (("m", "turn"), ("m", "turn"), ("n", "title"), ("m", "turn"), ("n", "turn")):
        heads.of(ModelRequest(model=model, messages=messages, session_id="s", purpose=purpose))
    assert made == ["m", "n", "n"]
