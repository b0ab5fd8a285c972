"""A process killed between any two of its writes to the disk: everything is learnt, and nothing twice."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest

STEPS = (os.write, os.replace, os.unlink, os.rename, os.ftruncate)
MOST = 200


def learn(kit: Any, world: Any) -> None:
    """A model that keeps two things unless it can see that they are kept."""
    number = os.getpid()

    def review(request: Any) -> Any:
        asked = request.messages[-1]
        if asked.role == "tool":
            return "Done."
        known = request.system + asked.text
        calls = []
        if "Likes tea" not in known:
            calls.append(kit.call("memory", action="add", target="user", content=f"Likes tea ({number})."))
        if "brewing" not in known:
            calls.append(kit.call("skill_manage", action="create", name="brewing", content=f"({number})"))
        return kit.assistant_message(*calls) if calls else "Nothing to save."

    world.model.reviews = [review] * 40


def kill_at(number: int) -> None:
    """Have this process killed before its write of that number."""
    left = count(1)

    def watch(frame: Any, event: str, function: Any) -> None:
        if event == "c_call" and function in STEPS and next(left) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


async def prepare(kit: Any, home: Path) -> str:
    """Nine turns with much work, or enough for leaving to wait."""
    world = kit.World(home)
    world.overrides = {"skills.creation_nudge_interval": 10}
    await world.open()
    world.model.turns = [*[kit.calling("work") for _ in range(9)], "Worked."]
    await world.talk(9)
    name: str = world.session.id
    await world.die()
    return name


async def scene(kit: Any, home: Path, session_id: str, number: int, how: str) -> None:
    world = kit.World(home)
    world.overrides = {"learning.exit_wait": 20}
    if how == "leaving":
        world.overrides |= {"memory.nudge_interval": 0, "skills.creation_nudge_interval": 12}
    learn(kit, world)
    await world.open(resume=session_id)
    world.model.turns = [kit.calling("work"), "Done."]
    kill_at(number)
    await world.say("The tenth.")
    await world.close()


async def recover(kit: Any, home: Path, session_id: str, resume: bool) -> list[list[str]]:
    """The next process: a turn in the same conversation, or in another one, and one more."""
    world = kit.World(home)
    learn(kit, world)
    await world.open(resume=session_id if resume else "")
    await world.say("Hello again.")
    await world.close()
    world = kit.World(home)
    learn(kit, world)
    await world.open()
    await world.say("And again.")
    asked = len(world.model.asked)
    debts = (await world.learner()).debts.ids()
    await world.close()
    assert debts == []
    assert asked == 0 or not resume
    entries: list[list[str]] = world.notebook.entries
    return entries


@pytest.mark.parametrize("resume", [True, False], ids=["and resumed", "and left"])
@pytest.mark.parametrize("how", ["interval", "leaving"])
def test_killed_between_any_two_writes_all_is_learnt_and_nothing_twice(tmp_path, kit, how, resume):
    ready = tmp_path / "ready"
    ready.mkdir()
    session_id = asyncio.run(prepare(kit, ready))
    killed = 0
    # Every write is a point to die at, half of them followed by one way to go on, half by the other.
    for number in range(1 if resume else 2, MOST, 2):
        home = tmp_path / f"home{number}"
        shutil.copytree(ready, home)
        if run(lambda home=home, number=number: scene(kit, home, session_id, number, how)) == 0:
            break
        killed += 1
        if "The tenth." not in all_text(home, session_id):
            continue  # it died before the turn that is due for a review
        over = finished(home, session_id)
        entries = asyncio.run(recover(kit, home, session_id, resume))
        kinds = sorted(entry[0] for entry in entries)
        if over:
            assert kinds == ["memory", "skill"], (number, entries)
        else:
            assert len(kinds) == len(set(kinds)), (number, entries)
        shutil.rmtree(home)
    else:
        pytest.fail("the process never came to its end")
    assert killed > 8


def all_text(home: Path, session_id: str) -> str:
    return (home / "sessions" / "jsonl" / f"{session_id}.jsonl").read_text(encoding="utf-8")


def finished(home: Path, session_id: str) -> bool:
    """Whether the tenth turn was over before the end came."""
    tail = all_text(home, session_id).split("The tenth.")[-1]
    return '"turn_finished"' in tail


def run(work: Any) -> int:
    """Do it in a process of its own; gives its exit code."""

    def inside() -> None:
        asyncio.run(work())
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=inside)
    process.start()
    process.join(60)
    code = process.exitcode
    assert code in (0, -signal.SIGKILL), code
    return code
