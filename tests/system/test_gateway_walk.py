"""The gateway as a new user walks: set up, let in, asked, listened to and killed, in Telegram with a scripted model."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hermes_host.messages import ToolCall
from hermes_host.testing.model_server import Answer, ModelServer, Pause, Received
from hermes_host.testing.model_server_chat import chat, chunk, events, usage_chunk

pytestmark = pytest.mark.timeout(90)

FOLDER = Path(__file__).parents[2]
HERMES = (sys.executable, "-c", "from hermes_host.cli import main; main()")
PLUGINS = "approvals,compatible,gateway,local,sessions,telegram,terminal,voice"
OTHER = {"id": 777, "is_bot": False, "first_name": "Bob"}
STRANGER = {"id": 888, "is_bot": False, "first_name": "Eve"}
SPOKEN = "Please open the second window."


def telegram() -> Any:
    """The module with the Bot API server, which is among the tests of the plugin."""
    path = FOLDER / "plugins" / "gateway" / "hermes-telegram" / "tests" / "conftest.py"
    spec = importlib.util.spec_from_file_location("bot_api_of_telegram_tests", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TELEGRAM = telegram()


class Model:
    """What the model answers in conversations, and what it was asked."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.asked: list[dict[str, Any]] = []

    def answer(self, request: Received) -> Answer:
        if "tools" not in request.json:
            return chat("A title")(request)
        self.asked.append(request.json)
        step = self.steps.pop(0) if self.steps else chat("The script is over.")
        return step if isinstance(step, Answer) else step(request)

    def last_of(self, role: str) -> str:
        """The last message of a role in the last request, as text."""
        return json.dumps([item for item in self.asked[-1]["messages"] if item["role"] == role][-1]["content"])


def paused(*pieces: str) -> Answer:
    """A streamed answer that holds after its first piece."""
    deltas = [chunk({"content": piece}) for piece in pieces]
    return events(deltas[0], Pause.HOLD, *deltas[1:], chunk({}, finish="stop"), usage_chunk())


class Machine:
    """A home, a Bot API and a model."""

    def __init__(self, root: Path, api: Any, server: ModelServer, model: Model) -> None:
        self.home, self.api, self.server, self.model = root / "home", api, server, model
        self.home.mkdir()
        self.workspace = self.home / "workspace"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "HERMES_HOME": str(self.home),
            "HERMES_PLUGINS": PLUGINS,
        }
        self.configure()

    def configure(self, **sections: Any) -> None:
        settings = {
            "model": {"provider": "custom", "base_url": self.server.url, "default": "test-model", "api_key": "none"},
            "telegram": {"base_url": self.api.url, "require_mention": False},
            "server": {"listen": "127.0.0.1:0"},
            "stt": {"provider": "pocketsphinx"},
            "tts": {"provider": "program"},
            **sections,
        }
        (self.home / "config.yaml").write_text(json.dumps(settings), encoding="utf-8")

    def give_token(self) -> None:
        (self.home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={self.api.token}\n", encoding="utf-8")

    async def hermes(self, *arguments: str, code: int = 0) -> str:
        """Everything a command says."""
        process = await asyncio.create_subprocess_exec(
            *HERMES,
            *arguments,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == code, said.decode()
        return said.decode()

    async def pid(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *HERMES, "gateway", "status", "--json", env=self.environment, stdout=asyncio.subprocess.PIPE
        )
        found = json.loads((await process.communicate())[0])
        return int(found["pid"]) if found["running"] else 0

    async def kill(self) -> None:
        pid = await self.pid()
        if pid:
            descriptor = os.pidfd_open(pid)
            os.kill(pid, signal.SIGKILL)
            gone = asyncio.Event()
            asyncio.get_running_loop().add_reader(descriptor, gone.set)
            await asyncio.wait_for(gone.wait(), 10)
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    # ----------------------------------------------------------------------------------------------- in Telegram

    async def until_shown(self, text: str, *, times: int = 1) -> int:
        """Wait for a message with that text; gives the last one's number."""
        try:
            async with asyncio.timeout(15):
                await self.api.until(lambda: sum(text in shown for shown in self.api.texts()) >= times)
        except TimeoutError:
            log = (self.home / "logs" / "gateway.log").read_text(encoding="utf-8")
            raise AssertionError(f"not shown: {text!r}, but {self.api.texts()}\n{log}") from None
        return [number for number, kept in self.api.messages.items() if text in _words(kept)][-1]

    async def press(self, number: int, label: str, *, by: Any = None, chat: Any = None) -> None:
        """Press a button of the bot's message."""
        rows = self.api.messages[number]["reply_markup"]["inline_keyboard"]
        value = next(button["callback_data"] for row in rows for button in row if button["text"] == label)
        await self.press_value(number, value, by=by, chat=chat)

    async def press_value(self, number: int, value: str, *, by: Any = None, chat: Any = None) -> None:
        message = {**self.api.message(chat=chat or TELEGRAM.DIRECT), "message_id": number, "from": TELEGRAM.BOT}
        self.presses = getattr(self, "presses", 0) + 1
        await self.api.happen(
            callback_query={
                "id": str(self.presses),
                "from": by or TELEGRAM.PERSON,
                "message": message,
                "chat_instance": "1",
                "data": value,
            }
        )


def _words(kept: dict[str, Any]) -> str:
    return str(kept.get("text", kept.get("caption", "")))


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    model = Model()
    api = TELEGRAM.BotApi()
    await api.start()
    async with ModelServer(model.answer) as server:
        made = Machine(tmp_path, api, server, model)
        yield made
        await made.kill()
    await api.stop()


@pytest.fixture
async def started(machine: Machine) -> Machine:
    """A gateway that knows its owner, and a member."""
    machine.configure(gateway={"access": {"telegram": {"owners": ["4242"], "members": ["777"]}}})
    machine.give_token()
    await machine.hermes("gateway", "start")
    return machine


async def test_from_setting_up_to_an_answer_that_is_seen_while_it_is_written(machine: Machine):
    said = await machine.hermes("gateway", "setup", "telegram", code=1)
    assert "telegram is not set up" in said
    assert "hermes config set TELEGRAM_BOT_TOKEN" in said
    machine.give_token()
    said = await machine.hermes("gateway", "setup", "telegram")
    assert "telegram is set up" in said
    assert "hermes pairing approve telegram CODE --owner" in said
    said = await machine.hermes("gateway", "start")
    assert "The gateway runs" in said
    assert "telegram is connected as @hermes_test_bot." in said

    await machine.api.say("hello")
    number = await machine.until_shown("Your code is")
    found = re.search(r"\b[A-Z2-9]{8}\b", machine.api.messages[number]["text"])
    assert found is not None
    await machine.hermes("pairing", "approve", "telegram", found.group(), "--owner")
    await machine.until_shown("let in")

    machine.model.steps = [paused("The beginning of an answer", " and its **end**.")]
    await machine.api.say("Tell me something.")
    number = await machine.until_shown("The beginning of an answer")
    machine.server.release()
    await machine.until_shown("and its end.")
    assert machine.api.messages[number]["text"] == "The beginning of an answer and its end."
    assert len(machine.api.made("sendMessage")) == 3, "the answer is one message"
    assert len(machine.model.asked) == 1


async def test_what_needs_consent_is_asked_by_buttons_that_work_once_and_for_the_owner(started: Machine):
    touch = ToolCall(id="t1", name="terminal", arguments={"command": "chmod -R 777 . && touch made"})
    started.model.steps = [chat(touch), chat("It is made.")]
    await started.api.say("Make it, please.", chat=TELEGRAM.GROUP)
    number = await started.until_shown("May I?")
    asked = started.api.messages[number]
    value = asked["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    await started.press(number, "Allow once", by=STRANGER, chat=TELEGRAM.GROUP)
    await started.press(number, "Allow once", by=OTHER, chat=TELEGRAM.GROUP)
    await started.until_shown("Only the owner may answer that.")
    assert not (started.workspace / "made").exists()
    await started.press(number, "Allow once", chat=TELEGRAM.GROUP)
    await started.until_shown("It is made.")
    assert (started.workspace / "made").exists()
    assert "denied" not in started.model.last_of("tool")
    assert len(started.model.asked) == 2
    await started.press_value(number, value, chat=TELEGRAM.GROUP)
    await started.until_shown("Nothing waits for that answer any more.")

    (started.workspace / "made").unlink()
    started.model.steps = [chat(touch), chat("Then not.")]
    await started.api.say("And again.", chat=TELEGRAM.GROUP)
    number = await started.until_shown("May I?", times=2)
    await started.press(number, "Deny", chat=TELEGRAM.GROUP)
    await started.until_shown("Then not.")
    assert not (started.workspace / "made").exists()
    assert "denied" in started.model.last_of("tool").lower()


@pytest.mark.skipif(not (shutil.which("flite") and shutil.which("ffmpeg")), reason="flite or ffmpeg is not installed")
async def test_a_voice_memo_is_read_by_the_model_and_answered_aloud(started: Machine, tmp_path: Path):
    pytest.importorskip("pocketsphinx")
    wave, memo = tmp_path / "memo.wav", tmp_path / "memo.ogg"
    await asyncio.to_thread(subprocess.run, ["flite", "-t", SPOKEN, "-o", wave], check=True)
    convert = ["ffmpeg", "-v", "error", "-i", wave, "-c:a", "libopus", memo]
    await asyncio.to_thread(subprocess.run, convert, check=True)
    voice = started.api.upload(memo.read_bytes(), duration=2, mime_type="audio/ogg")
    started.model.steps = [chat("It is open."), chat("It is closed.")]
    await started.api.say(voice=voice)
    await started.until_shown("It is open.")
    assert "open the second window" in started.model.last_of("user")
    assert not started.api.made("sendVoice")
    await started.api.say("/voice on")
    await started.until_shown("read aloud")
    await started.api.say("Close it.")
    await started.until_shown("It is closed.")
    await started.api.until_called("sendVoice", times=1)
    (spoken,) = [kept for kept in started.api.messages.values() if kept["method"] == "sendVoice"]
    assert spoken["data"].startswith(b"OggS")


async def test_an_answer_that_a_crash_cut_off_comes_once_with_a_notice(started: Machine):
    started.model.steps = [paused("The beginning of it", " and its end."), chat("All of it.")]
    await started.api.say("Tell me something long.")
    await started.until_shown("The beginning of it")
    await started.kill()
    assert "did not end in order" in await started.hermes("gateway", "status", code=1)
    await started.hermes("gateway", "start")
    await started.until_shown("restarted")
    await started.until_shown("All of it.")
    assert len(started.model.asked) == 2
    await started.api.say("/status")
    await started.until_shown("waiting for you")
    assert [sum(words in text for text in started.api.texts()) for words in ("All of it.", "restarted")] == [1, 1]
    assert not any("The beginning" in text for text in started.api.texts()), "the new answer took its place"


@pytest.mark.parametrize("token", ["123:wrong", TELEGRAM.TOKEN])
async def test_a_token_typed_into_setup_is_hidden_and_tried(machine: Machine, token: str):
    controller, terminal = pty.openpty()
    arguments = (*HERMES, "gateway", "setup", "telegram")
    process = await asyncio.create_subprocess_exec(
        *arguments, env=machine.environment, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    )
    os.close(terminal)
    said = await asyncio.to_thread(read_until, controller, "not shown):")
    os.write(controller, f"{token}\n".encode())
    said += await asyncio.to_thread(read_until, controller, "")
    code = await process.wait()
    os.close(controller)
    assert token not in said
    if token == machine.api.token:
        assert code == 0, said
        assert "the bot is @hermes_test_bot" in said
        assert "hermes pairing approve telegram CODE --owner" in said
    else:
        assert code == 1
        assert "Telegram does not know the bot's token" in said
        assert "is set up" not in said


def read_until(descriptor: int, words: str) -> str:
    """Read what a terminal shows until these words, or to its end."""
    said = b""
    while not words or words.encode() not in said:
        try:
            piece = os.read(descriptor, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    return said.decode()


async def test_a_wrong_token_is_named_at_the_start(machine: Machine):
    (machine.home / ".env").write_text("TELEGRAM_BOT_TOKEN=123:wrong\n", encoding="utf-8")
    said = await machine.hermes("gateway", "start")
    assert "! telegram: Telegram does not know the bot's token." in said
    assert "hermes config set TELEGRAM_BOT_TOKEN" in said
    assert said.count("hermes config set TELEGRAM_BOT_TOKEN") == 1
    assert "hermes config set TELEGRAM_BOT_TOKEN" in await machine.hermes("gateway", "status")


async def test_skills_are_listed_where_somebody_asks_for_them(machine: Machine):
    skill = machine.home / "skills" / "brew-coffee" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: brew-coffee\ndescription: How coffee is made.\n---\nBoil it.\n", encoding="utf-8")
    machine.environment["HERMES_PLUGINS"] = f"{PLUGINS},skills"
    machine.configure(gateway={"access": {"telegram": {"owners": ["4242"]}}})
    machine.give_token()
    await machine.hermes("gateway", "start")
    await machine.api.say("/help")
    number = await machine.until_shown("/help skills")
    assert "brew-coffee" not in machine.api.messages[number]["text"]
    assert "/new Begin a new conversation." in machine.api.messages[number]["text"]
    assert len(machine.api.messages[number]["text"]) < 2000
    await machine.api.say("/help skills")
    await machine.until_shown("/brew-coffee How coffee is made.")
    await machine.api.say("/help bg")
    await machine.until_shown("/background Do something beside")


async def test_a_chat_made_home_gets_what_is_sent_to_the_platform(started: Machine):
    said = await started.hermes("gateway", "send", "telegram", "hi", code=1)
    assert "/sethome" in said
    await started.api.say("/sethome")
    await started.until_shown("is the home")
    assert "sent" in await started.hermes("gateway", "send", "telegram", "hi")
    assert started.api.texts()[-1] == "hi"
