"""What is learnt in one conversation is there in the next, over several processes, also when they are killed.

Real processes with every installed plugin, a real model server, real files. A preference told in the first
conversation is in the prompt of the second; hard work ends in a skill that is valid, is used in the next one,
corrected, and patched with its history kept; a question about last week is answered from that conversation.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from hermes_host.messages import ToolCall, assistant_message, user_message
from hermes_host.records import SessionInfo, SessionRecord
from hermes_host.testing.model_server import Answer, ModelServer, Received
from hermes_host.testing.model_server_chat import chat

pytest.importorskip("hermes_learning")
skill_format = pytest.importorskip("hermes_skills.format")
skill_history = pytest.importorskip("hermes_skills.history")

PREFERENCE = "Call me Sam, and give me metric units."
QUESTION = "How far is it to the moon?"
WORK = "Release the site."
AGAIN = "Release the site again."
CORRECTION = "No, you should have run the tests first."
LAST_WEEK = "What did we decide about the database last week?"

STORY = (
    ("preference", PREFERENCE),
    ("question", QUESTION),
    ("work", WORK),
    ("again", AGAIN, CORRECTION),
    ("last week", LAST_WEEK),
)
"""The conversations: a title, and what the user says."""

SKILL = """\
---
name: release-site
description: Release the static site when the user asks for a release.
---
# Release the site

1. Read the release notes.
2. Upload the folder `public`.
3. Check that the start page answers.
"""

DRIVER = r"""
import asyncio, json, os, signal, sys, threading
from contextlib import aclosing
from itertools import count
from pathlib import Path

home, title, texts, kill = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
steps = count(1)
NAMES = {"write", "replace", "rename", "unlink", "execute", "executemany", "executescript", "commit"}


def is_step(function):
    if function.__name__ not in NAMES:
        return False
    owner = getattr(function, "__self__", None)
    return owner is os or getattr(owner, "__name__", "") == "posix" or type(owner).__module__ == "sqlite3"


def watch(frame, event, function):
    if event == "c_call" and is_step(function) and next(steps) == kill:
        os.kill(os.getpid(), signal.SIGKILL)


async def main():
    from hermes_host.errors import NotFound
    from hermes_host.host import Host

    async with Host(home=home) as host:
        try:
            session = await host.resume(title, yolo=True)
        except NotFound:
            session = await host.start(title=title, yolo=True, directory=os.getcwd())
        for text in texts:
            said = [message.said for message in session.messages if message.role == "user"]
            last = session.messages[-1] if said else None
            if text in said and (text != said[-1] or last.role == "assistant" and not last.tool_calls):
                continue
            async with aclosing(session.run("Go on." if text in said else text)) as events:
                async for event in events:
                    if type(event).__name__ == "TurnFinished":
                        assert event.outcome == "completed", event
                        print(event.text)
            await session.memories._observing.settle(20)
            await host.background.settle(20)
        if not kill:
            async with aclosing(session.run("Thank you.")) as events:  # a turn after which debts are paid
                async for event in events:
                    pass
            await session.memories._observing.settle(20)
            await host.background.settle(20)


threading.setprofile(watch)
sys.setprofile(watch)
asyncio.run(main())
"""


class World:
    """One machine: a home, a workspace, and a model server whose model plays its part."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.home.mkdir(mode=0o700)
        for number in range(5):
            (self.workspace / f"notes{number}.txt").write_text(f"Note {number}.\n", encoding="utf-8")
        self.server = ModelServer(model)

    def configure(self) -> None:
        settings = {
            "model": {"provider": "custom", "default": "test-model", "base_url": self.server.url},
            "memory": {"nudge_interval": 1},
            "skills": {"creation_nudge_interval": 5},
            "honcho": {"enabled": False},
        }
        (self.home / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")

    async def process(self, title: str, texts: tuple[str, ...], kill: int = 0) -> tuple[int, str]:
        """Hold a conversation, or go on with it, in a process of its own; gives its exit code and what it printed."""
        environ = {
            "HERMES_HOME": str(self.home),
            "HOME": str(self.home.parent),
            "PATH": os.environ["PATH"],
            "OPENAI_BASE_URL": self.server.url,
            "OPENAI_API_KEY": "sk-not-a-secret",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", DRIVER, str(self.home), title, json.dumps(texts), str(kill)),
            cwd=self.workspace,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        code = process.returncode
        assert code in (0, -signal.SIGKILL), err.decode()
        return code or 0, out.decode()

    async def whole(self, title: str, *texts: str) -> str:
        """One chapter without a kill; gives what was printed."""
        code, out = await self.process(title, texts)
        assert code == 0
        return out

    def remember_last_week(self) -> None:
        """A conversation of last week, as the store has it."""
        then = time.time() - 7 * 86_400
        said = [user_message("Which database shall we use?"), assistant_message("PostgreSQL: the database is decided.")]
        records = [
            SessionRecord(kind="message", id=f"m{number}", time=then, turn_id="t", message=message)
            for number, message in enumerate(said)
        ]
        identity = time.strftime("%Y%m%d_%H%M%S", time.localtime(then)) + "_abcdef"
        info = SessionInfo(id=identity, started=then, updated=then, title="Databases", messages=2)
        from hermes_host.host import Host

        host = Host(home=self.home, environ={"PATH": os.environ["PATH"]})
        host.sessions.restore(info, records)
        host.sessions.close()

    # ------------------------------------------------------------------------------------------------ afterwards

    def prompts(self, said: str) -> list[str]:
        """The system prompts of the turns that a message of the user began."""
        bodies = [request.json["messages"] for request in self.server.requests]
        return [plain(body[0]) for body in bodies if body[0]["role"] == "system" and plain(body[-1]).startswith(said)]

    def reviews(self) -> list[str]:
        return [plain(each.json["messages"][-1]) for each in self.server.requests if is_review(each.json["messages"])]

    @property
    def profile(self) -> str:
        return (self.home / "memories" / "USER.md").read_text(encoding="utf-8")

    @property
    def skill(self) -> str:
        (path,) = (self.home / "skills").rglob("release-site/SKILL.md")
        return path.read_text(encoding="utf-8")

    def check(self) -> None:
        """What must be so at the end of the story, however it went."""
        assert self.profile.count("Sam") == 1
        assert any("Sam" in prompt for prompt in self.prompts(QUESTION))
        text = self.skill
        assert skill_format.author_problems(text, "release-site", "release-site") == []
        assert text.count("Run the tests.") == 1
        versions = skill_history.versions(self.home, "release-site")
        assert versions[0].action == "create"
        assert "Run the tests." not in versions[0].entries["SKILL.md"].data.decode()
        assert any("+2. Run the tests." in version.diff for version in versions)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    async with world.server:
        world.configure()
        world.remember_last_week()
        yield world


async def test_what_is_learnt_in_one_conversation_is_there_in_the_next(world: World) -> None:
    async with asyncio.timeout(100):
        for title, *texts in STORY:
            out = await world.whole(title, *texts)
        assert "It was PostgreSQL." in out
        world.check()
        versions = skill_history.versions(world.home, "release-site")
        assert [(version.action, version.author.kind) for version in versions] == [
            ("create", "learning"),
            ("patch", "learning"),
        ]
        assert len([text for text in world.reviews() if "The skill 'release-site' was in use" in text]) == 1
        listing = await command(world, "learning", "history", "--json")
        changed = [change for review in json.loads(listing) for change in review["changed"]]
        assert sorted(changed) == [
            "skill created: release-site",
            "skill patched: release-site",
            "user profile updated",
        ]


async def test_processes_killed_in_the_midst_change_nothing_of_that(world: World) -> None:
    killed = 0
    async with asyncio.timeout(280):
        for number, (title, *texts) in enumerate(STORY):
            for share in (0.4, 0.65, 0.9):
                code, _ = await world.process(title, tuple(texts), kill=int(WRITES[number] * share) + number)
                killed += code != 0
            await world.whole(title, *texts)
        world.check()
        assert killed >= 3
        bodies = [request.json["messages"] for request in world.server.requests]
        assert any(plain(each) == "It was PostgreSQL." for body in bodies for each in body)


async def test_what_is_tidied_up_can_be_taken_back(world: World) -> None:
    old = world.home / "skills" / "release-site" / "SKILL.md"
    old.parent.mkdir(parents=True)
    old.write_text(SKILL, encoding="utf-8")
    os.utime(old, (time.time() - 200 * 86_400,) * 2)
    notes = world.home / "memories" / "MEMORY.md"
    notes.parent.mkdir()
    notes.write_text("The site is built with make.\n§\nThe site is built with make!", encoding="utf-8")
    before = notes.read_text(encoding="utf-8")
    async with asyncio.timeout(60):
        proposals = json.loads(await command(world, "learning", "curate", "--json"))
        assert [each["action"] for each in proposals] == ["retire", "drop"]
        assert old.exists() and notes.read_text(encoding="utf-8") == before
        await command(world, "learning", "curate", "--apply", "1")
        await command(world, "learning", "curate", "--apply", "2")
        assert not old.exists()
        assert notes.read_text(encoding="utf-8").count("make") == 1
        await command(world, "skills", "revert", "release-site")
        await command(world, "memory", "undo")
    assert world.skill == SKILL
    assert sorted(notes.read_text(encoding="utf-8").split("\n§\n")) == sorted(before.split("\n§\n"))


WRITES = (170, 130, 190, 240, 150)
"""About how often each conversation writes to the disk."""


async def command(world: World, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("hermes")), *arguments),
        cwd=world.workspace,
        env={"HERMES_HOME": str(world.home), "PATH": os.environ["PATH"], "HOME": str(world.home.parent)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


# ------------------------------------------------------------------------------------------------------- the model


def model(received: Received) -> Answer:
    """Play the model: in turns, in reviews, and for side work."""
    body = received.json
    messages = body["messages"]
    tools = {tool["function"]["name"] for tool in body.get("tools") or ()}
    if not tools:
        everything = " ".join(map(plain, messages))
        said: Any = "They chose PostgreSQL." if "PostgreSQL" in everything else "A title"
    elif is_review(messages):
        said = review(messages, tools)
    else:
        said = turn(messages)
    parts = said if isinstance(said, list) else [said]
    return chat(*parts)(received)


def turn(messages: list[dict[str, Any]]) -> Any:
    asked = [plain(message).partition("\n")[0] for message in messages if message["role"] == "user"]
    task = next((text for text in reversed(asked) if text in PLAYED), asked[-1])
    begun = max(place for place, message in enumerate(messages) if plain(message).startswith(task))
    results = [plain(message) for message in messages[begun:] if message["role"] == "tool"]
    if asked[-1] == "Thank you.":
        return "You are welcome."
    return PLAYED.get(task, lambda results: "All right.")(results)


def released(results: list[str]) -> Any:
    if len(results) < 5:
        return call("read_file", path=f"notes{len(results)}.txt")
    return "Released."


def searched(results: list[str]) -> Any:
    if any("PostgreSQL" in result for result in results):
        return "It was PostgreSQL."
    return call("session_search", query="database") if len(results) < 6 else "I do not know."


PLAYED: dict[str, Callable[[list[str]], Any]] = {
    PREFERENCE: lambda results: "Gladly, Sam.",
    QUESTION: lambda results: "384,400 km.",
    WORK: released,
    AGAIN: lambda results: "Released." if results else call("skill_view", name="release-site"),
    CORRECTION: lambda results: "You are right.",
    LAST_WEEK: searched,
}


def review(messages: list[dict[str, Any]], tools: set[str]) -> Any:
    if messages[-1]["role"] == "tool":
        return "Done."
    system, prompt = plain(messages[0]), plain(messages[-1])
    known = f"{system} {prompt}"
    shown = " ".join(map(plain, messages[1:-1]))
    calls = []
    if "memory" in tools and PREFERENCE in shown and "called Sam" not in known:
        calls.append(call("memory", action="add", target="user", content="Is called Sam; wants metric units."))
    if "skill_manage" in tools:
        if "Note 4." in shown and "release-site" not in known:
            calls.append(call("skill_manage", action="create", name="release-site", content=SKILL))
        if "The skill 'release-site' was in use" in prompt:
            upload = "2. Upload the folder `public`.\n3."
            better = "2. Run the tests.\n3. Upload the folder `public`.\n4."
            calls.append(
                call("skill_manage", action="patch", name="release-site", old_string=upload, new_string=better)
            )
    return calls or "Nothing to save."


def is_review(messages: list[dict[str, Any]]) -> bool:
    return any(message["role"] == "user" and plain(message).startswith("[Review]") for message in messages)


def plain(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def call(name: str, /, **arguments: Any) -> ToolCall:
    identity = f"call_{time.monotonic_ns()}"
    return ToolCall(id=identity, name=name, arguments=arguments, raw=json.dumps(arguments))
