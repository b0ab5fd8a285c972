"""Estimates of tokens, against what a vendor counts."""

from __future__ import annotations

import pytest
from hermes_compress.measure import Meter, weigh, weigh_text

from hermes_host.messages import Media, Message, Unknown, assistant_message, user_message

ENGLISH = "The quick brown fox jumps over the lazy dog, and then it takes a long rest. " * 20
CHINESE = "我们需要在下周之前完成解析器的开发工作。" * 40
CODE = "for (int i = 0; i < n; ++i) { a[i] += b[i] << 2; }\n" * 30

CHARACTERS = {ENGLISH: 4.4, CHINESE: 1.3, CODE: 2.6}
"""Characters of one token, about what current tokenizers need."""


@pytest.mark.parametrize("text", CHARACTERS, ids=["english", "chinese", "code"])
def test_the_first_guess_is_of_the_right_size(text):
    assert 0.5 < weigh_text(text) / (len(text) / CHARACTERS[text]) < 2


@pytest.mark.parametrize("text", CHARACTERS, ids=["english", "chinese", "code"])
def test_after_one_answer_the_estimate_is_close(text):
    counted = len(text) / CHARACTERS[text]
    meter, messages = Meter(), [user_message(text) for _ in range(10)]
    meter.follow(messages)
    meter.learn("m", meter.between(0, 10), 0, input=int(10 * counted), output=50)
    messages += [assistant_message("Yes."), *(user_message(text) for _ in range(5))]
    meter.follow(messages)
    estimate = meter.tokens("m", meter.between(0, 16), 0)
    assert estimate == pytest.approx(15 * counted + 50, rel=0.02)


def test_nothing_is_counted_twice_and_what_is_gone_is_forgotten():
    meter = Meter()
    messages = [user_message("word " * size) for size in range(1, 50)]
    for count in (10, 49, 20, 21, 5, 49):
        meter.follow(messages[:count])
        assert meter.between(0, count) == pytest.approx(sum(map(weigh, messages[:count])))


def test_another_ending_of_the_same_length_is_weighed_anew():
    meter = Meter()
    first = user_message("a")
    meter.follow([first, user_message("b")])
    meter.follow([first, user_message("long " * 1_000)])
    assert meter.between(1, 2) > 1_000


def test_a_vendor_that_counts_only_a_part_is_not_believed():
    meter, messages = Meter(), [user_message(ENGLISH)]
    meter.follow(messages)
    weight = meter.between(0, 1)
    meter.learn("m", weight, 0, input=1, output=1)
    assert meter.tokens("m", weight, 0) == weight


def test_every_kind_of_part_has_a_weight():
    media = Media(kind="image", mime="image/png", data=b"x" * 5_000_000)
    odd = Unknown(data={"type": "hologram"})
    assert 1_000 < weigh(user_message(media)) < 2_000
    assert weigh(user_message(odd, "\ud800 lone")) < 30
    assert weigh(Message(role="tool")) > 0
