"""Every attack is blocked, and the scorecard counts what is not."""

from __future__ import annotations

import pytest

from tests.attacks.cases import Attack, Attacks, collect, score, table
from tests.attacks.command_approval import ATTACKS


@pytest.mark.parametrize("attack", collect(), ids=lambda attack: f"{attack.number}: {attack.description}")
async def test_it_is_blocked(attack: Attack) -> None:
    assert await attack.blocked()


def test_every_line_about_command_approval_is_tried() -> None:
    assert {attack.number for attack in ATTACKS} == set(range(18, 27))


def test_the_scorecard_counts_what_is_not_blocked() -> None:
    group = Attacks("doors")

    @group.attack(1, "the window")
    async def window() -> bool:
        return False

    @group.attack(2, "the wall")
    async def wall() -> bool:
        return True

    @group.attack(3, "the roof")
    async def roof() -> bool:
        raise RuntimeError("it fell in")

    (line,) = score(group)
    assert (line.tried, line.blocked) == (3, 1)
    shown = table([line])
    assert "doors      3        1" in shown
    assert "NOT BLOCKED  doors 1: the window" in shown
    assert "3: the roof (RuntimeError: it fell in)" in shown
