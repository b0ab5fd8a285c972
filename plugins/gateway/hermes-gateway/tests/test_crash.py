"""Killed at any instant, the gateway loses nothing, does nothing twice, and answers once."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hermes_gateway.database import Database

PROGRAM = Path(__file__).with_name("crash_program.py")


@asynccontextmanager
async def process(home, platform, *script, instant="none"):
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        str(home),
        str(platform.port),
        instant,
        json.dumps(script),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def killed_at(instant, home, platform, *script):
    async with process(home, platform, *script, instant=instant) as child:
        async with asyncio.timeout(20):
            assert (await child.stdout.readline()).decode().strip() == f"at {instant}"
        child.kill()
        await child.wait()


def rows(home, query):
    database = Database(home)
    try:
        with database.reading() as connection:
            return [tuple(row) for row in connection.execute(query)]
    finally:
        database.close()


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("instant", ["admit", "claim", "model", "persist", "enqueue"])
async def test_a_message_is_answered_once_although_the_process_was_killed(home, platform, instant):
    await platform.say("hello")
    await killed_at(instant, home, platform, "the answer")
    async with process(home, platform, "the answer"):
        await platform.until_said("the answer", timeout=20)
        await platform.say("/status")
        await platform.until_said("waiting for you", timeout=20)
    assert [text for text in platform.texts() if "the answer" in text] == ["the answer"]
    assert set(rows(home, "SELECT state FROM updates")) == {("done",)}
    assert rows(home, "SELECT state FROM turns") == [("finished",)]


async def test_the_model_is_not_asked_again_when_the_answer_is_in_the_log(home, platform):
    await platform.say("hello")
    await killed_at("persist", home, platform, "the answer")
    async with process(home, platform):
        await platform.until_said("the answer", timeout=20)


async def test_a_tool_that_had_begun_is_not_run_again(home, platform):
    await platform.say("do the work")
    await killed_at("tool", home, platform, {"tool": "work"}, "not reached")
    async with process(home, platform, "after: {asked}"):
        await platform.until_said("after:", timeout=20)
        await platform.until_said("I was restarted", timeout=20)
    assert (home / "effects").read_text() == "done\n"
    said = next(text for text in platform.texts() if text.startswith("after:"))
    assert "Do not repeat what is done already" in said


async def test_an_approval_that_waited_counts_as_denied_after_a_restart(home, platform):
    async with process(home, platform, {"tool": "guarded"}, "not reached") as child:
        await platform.say("do the work")
        asked = await platform.until_said("May I?", timeout=20)
        child.kill()
    identity = asked.text.split("/approve ")[1].split("`")[0]
    async with process(home, platform, "went on"):
        await platform.until_said(f"the request {identity} waited; it counts as denied", timeout=20)
        await platform.until_said("went on", timeout=20)
        await platform.say(f"/approve {identity}")
        await platform.until_said("Nothing waits for that answer", timeout=20)
    assert not (home / "effects").exists()


async def test_a_turn_that_kills_the_process_is_laid_aside_and_tried_again_by_the_owner(home, platform):
    await platform.say("poison")
    for _ in range(3):
        await killed_at("model", home, platform, "never")
    async with process(home, platform, "at last"):
        await platform.until_said("laid it aside", timeout=20)
        assert rows(home, "SELECT state, resumes FROM turns") == [("quarantined", 3)]
        await platform.say("/retry")
        await platform.until_said("at last", timeout=20)
    assert rows(home, "SELECT state FROM turns") == [("finished",)]
    assert set(rows(home, "SELECT state FROM updates")) == {("done",)}


async def test_updates_that_came_while_it_was_dead_are_answered(home, platform):
    await platform.say("first")
    await killed_at("model", home, platform, "never")
    await platform.say("second", chat="c2")
    async with process(home, platform, "{asked}", "{asked}"):
        await platform.until(lambda: len(platform.texts()) >= 3, timeout=20)
    assert "second" in platform.texts("c2")


@pytest.mark.parametrize("read", [True, False])
async def test_words_that_joined_a_running_turn_are_read_once_although_it_was_killed(home, platform, read):
    await platform.say("/busy steer")
    await platform.say("do the work")
    async with process(home, platform, {"tool": "work"}, "not reached", instant="steered") as child:
        assert await child.stdout.readline() == b"at work\n"
        await platform.say("and quickly")
        await platform.until(lambda: len(platform.acknowledged) == 3, timeout=20)
        await platform.say("/status")
        await platform.until_said("at work for", timeout=20)
        if read:
            child.stdin.write(b"\n")
            assert await child.stdout.readline() == b"at steered\n"
        child.kill()
    async with process(home, platform, "read: {asked}"):
        said = await platform.until_said("read:", timeout=20)
    assert said.text.count("and quickly") == 1
    assert said.text.count("do the work") == 1
    assert set(rows(home, "SELECT state FROM updates")) == {("done",)}


async def test_a_command_that_takes_back_is_not_done_twice(home, platform):
    await platform.say("first")
    async with process(home, platform, "one", "two"):
        await platform.until_said("one", timeout=20)
        await platform.say("second")
        await platform.until_said("two", timeout=20)
        await platform.say("/undo")
        await platform.until_said("Taken back: “second”", timeout=20)
    async with process(home, platform, "left: {asked}"):
        await platform.say("third")
        said = await platform.until_said("left:", timeout=20)
    assert said.text == "left: first / third"
