"""What is left of a mail's text: the writer's words, without what the agent said itself."""

from __future__ import annotations

import time

import pytest
from hermes_email.body import divided, html_text, part

ANSWERS = [
    (
        "Yes please.\n\nOn Mon, 1 Jan 2024 at 10:00, The agent <agent@x.test> wrote:\n> Shall I?\n> Really?\n",
        "Yes please.",
    ),
    ("Ja.\n\nAm 01.01.2024 um 10:00 schrieb The agent\n<agent@x.test>:\n\n> Soll ich?\n", "Ja."),
    ("Oui\n\nLe lun. 1 janv. 2024 à 10:00, agent a écrit :\n> Quoi ?\n", "Oui"),
    ("Do it\n\n-----Original Message-----\nFrom: agent@x.test\nSent: Monday\n\nShall I?\n", "Do it"),
    (
        "Do it\n\nFrom: The agent <agent@x.test>\nSent: Monday, 1 January 2024\nTo: me\nSubject: x\n\nShall I?\n",
        "Do it",
    ),
    ("Top\n\nOn Mon, 1 Jan 2024 at 10:00 The agent wrote:\n\nShall I do it?\n", "Top"),
    ("Yes\n> Shall I?\n", "Yes"),
    ("/stop\n-- \nAlice\nTel. 123\n", "/stop"),
    ("Yes\n\nSent from my iPhone\n\nOn Mon, 1 Jan 2024, agent wrote:\n> x\n", "Yes"),
]


@pytest.mark.parametrize(("text", "words"), ANSWERS)
def test_an_answer_to_the_agent_is_cut_to_its_own_words(text: str, words: str):
    assert divided(text, answers_agent=True).text == words


@pytest.mark.parametrize(
    "text",
    [
        "On Mon, 1 Jan 2024, agent wrote:\n> First?\nYes.\n> Second?\nNo.",
        "> First?\nYes.\n\n> Second?\nNo.",
        "From: what I know\nit is fine.",
        "On the whole I like it:\n\n- a\n- b",
        "He wrote: no.\nI wrote: yes.",
        "> nothing of my own",
    ],
)
def test_words_among_what_is_quoted_stay(text: str):
    assert divided(text, answers_agent=True).text == text


def test_what_is_cut_off_is_kept_beside_it():
    words = divided("Yes\n\nOn Mon, 1 Jan 2024, agent wrote:\n> Shall I?", answers_agent=True)
    assert words.history == "On Mon, 1 Jan 2024, agent wrote:\n> Shall I?"
    assert not words.others


@pytest.mark.parametrize(
    "text",
    [
        "What do you think?\n\nOn Mon, 1 Jan 2024, Bob wrote:\n> Pay me.",
        "FYI\n\n---------- Forwarded message ---------\nFrom: Bob\nSubject: x\n\nPay me.",
        "FYI\n\nBegin forwarded message:\n\nFrom: Bob\n\nPay me.",
    ],
)
def test_a_discussion_of_others_stays_whole_and_is_theirs(text: str):
    words = divided(text, answers_agent=False)
    assert words.text == text
    assert words.others


def test_own_words_are_not_taken_for_those_of_others():
    assert not divided("Hello,\nplease look: a > b.\n-- \nAlice", answers_agent=False).others


@pytest.mark.parametrize(
    "text",
    [
        "On Mon " * 40_000 + "\n",
        "> On x\n" * 40_000,
        "On Mon x\n" * 40_000,
        "From: a\nSent: b\n" * 20_000,
        "-" * 300_000,
        "\n" * 300_000,
        "_" * 300_000 + "\n",
        ">" * 300_000,
        "From: " * 50_000,
    ],
)
def test_no_text_takes_long(text: str):
    begun = time.perf_counter()
    divided(text, answers_agent=True)
    assert time.perf_counter() - begun < 2.0


@pytest.mark.parametrize(
    "html",
    [
        "",
        "\x00",
        "<",
        "<p",
        "<!--",
        "<table><tr><td colspan=999999999>x",
        "<p style='padding:99999999em'>x",
        "&#xD800;",
        "<" * 200_000,
    ],
)
def test_no_html_is_too_odd(html: str):
    begun = time.perf_counter()
    html_text(html)
    assert time.perf_counter() - begun < 3.0


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Content-Type: text/plain; charset",
        b"Content-Type: ;;;",
        b"Content-Type: text/plain; charset*0*=''utf-8",
        b"Content-Disposition: attachment; filename*=utf-8''%FF%FE",
        b"Content-Disposition: attachment; filename=" + b"x" * 15_000,
        b"Content-Type: text/plain; name==?utf-8?q?" + b"=41" * 5000,
        b"\xff\xfe: \x00",
        b"Content-Transfer-Encoding: uuencode",
    ],
)
def test_no_header_of_a_part_is_too_odd(header: bytes):
    found = part(header, b"words\r\n")
    assert b"words" in found.data
    assert len(found.name) <= 255
