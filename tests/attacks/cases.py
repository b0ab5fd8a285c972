"""The form of an attack, and how attacks are counted.

A module of this folder with attacks has a list `ATTACKS`. Each says its group, its number in the list of attacks, what
is tried, and an async function that tries it and gives whether it was blocked::

    ATTACKS = Attacks("network")

    @ATTACKS.attack(13, "a request to the metadata address")
    async def metadata_address() -> bool:
        ...

Every one of them is a test (`pytest tests/attacks`) and a line of the scorecard (`nox -s attacks`).
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Try = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Attack:
    """One thing an attacker tries. `blocked` tries it; an exception counts as not blocked."""

    group: str
    number: int
    description: str
    blocked: Try


class Attacks(list[Attack]):
    """The attacks of one group."""

    def __init__(self, group: str) -> None:
        super().__init__()
        self.group = group

    def attack(self, number: int, description: str) -> Callable[[Try], Try]:
        """Add the function below as an attack."""

        def add(function: Try) -> Try:
            self.append(Attack(self.group, number, description, function))
            return function

        return add


@dataclass
class Score:
    """What became of the attacks of one group."""

    group: str
    tried: int = 0
    blocked: int = 0
    missed: list[str] = field(default_factory=list)


def collect() -> list[Attack]:
    """The attacks of every module beside this one."""
    found: list[Attack] = []
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in ("cases", "scorecard", "conftest") and not path.stem.startswith("test_"):
            module = importlib.import_module(f"tests.attacks.{path.stem}")
            found += getattr(module, "ATTACKS", ())
    return found


def score(attacks: Iterable[Attack]) -> Sequence[Score]:
    """Try each one and count, by group."""
    scores: dict[str, Score] = {}
    for attack in attacks:
        line = scores.setdefault(attack.group, Score(attack.group))
        line.tried += 1
        try:
            blocked = asyncio.run(_try(attack))
        except Exception as error:
            blocked = False
            line.missed.append(f"{attack.number}: {attack.description} ({type(error).__name__}: {error})")
        else:
            if not blocked:
                line.missed.append(f"{attack.number}: {attack.description}")
        line.blocked += blocked
    return list(scores.values())


async def _try(attack: Attack) -> bool:
    async with asyncio.timeout(60):
        return await attack.blocked()


def table(scores: Sequence[Score]) -> str:
    """The scores as text: group, tried, blocked; below it what was not blocked."""
    rows = [("group", "tried", "blocked"), *((each.group, str(each.tried), str(each.blocked)) for each in scores)]
    width = max(len(row[0]) for row in rows)
    lines = [f"{group:<{width}}  {tried:>5}  {blocked:>7}" for group, tried, blocked in rows]
    lines += [f"NOT BLOCKED  {each.group} {missed}" for each in scores for missed in each.missed]
    return "\n".join(lines)
