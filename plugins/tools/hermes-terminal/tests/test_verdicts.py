"""Every line of verdicts.txt, which is the promise in detail."""

from __future__ import annotations

from pathlib import Path

import pytest
from hermes_terminal.judge import judge
from hermes_terminal.places import Place

_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\"}


def _unescape(text: str) -> str:
    chars = iter(text)
    return "".join(_ESCAPES[next(chars)] if char == "\\" else char for char in chars)


def _table() -> list[tuple[str, str]]:
    rows = []
    for line in Path(__file__).with_name("verdicts.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            verdict, _, command = line.partition("\t")
            rows.append((_unescape(command), verdict))
    return rows


ROWS = _table()


def test_the_table_is_large_and_has_no_row_twice() -> None:
    assert len(ROWS) >= 300
    assert len({command for command, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("command", "verdict"), ROWS, ids=[command[:60] for command, _ in ROWS])
def test_the_verdict_is(command: str, verdict: str, place: Place) -> None:
    judgement = judge(command, place)
    assert judgement.verdict == verdict, judgement.reason
    assert (judgement.reason == "") == (verdict == "allow")
    assert "\x00" not in judgement.reason
    assert "\n" not in judgement.reason
