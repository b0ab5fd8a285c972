"""A soak: the real gateway, killed at random, on a platform that fails at random, until time is up.

People write to many chats: plain questions, some that need a tool with an effect, some with long answers, commands.
Updates come twice and out of order; the platform limits, disconnects and leaves sends uncertain; the process is killed
and started again. Then everything is let come to rest, and counted:

* every question was answered (or, where the platform cannot tell what it has, is listed as unknown), in one message;
* no effect happened twice;
* pieces of long answers stand in order;
* every command was answered once;
* nothing is left waiting, running or unsent.

The model is scripted and honest: it answers what is asked and not answered in the conversation it is shown, and calls
the tool for what it has not called it for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway_process import GatewayProcess

from hermes_host.messages import ToolCall
from hermes_host.protocols import Inbound
from hermes_host.testing import Platform
from hermes_host.testing.model_server import Answer, ModelServer, Received
from hermes_host.testing.model_server_chat import chat
from hermes_host.testing.platform import SentMessage

_ASKED = re.compile(r"\b(ask|note|long)-\d+\b")
_LINES = 60
_NOTICES = ("I was restarted", "laid it aside", "may not have arrived")
_FAULTS = ("rate_limited", "lost", "uncertain")


class Model:
    """Answers as the module says."""

    def __init__(self, chance: random.Random) -> None:
        self.asked = 0
        self._chance = chance

    def __call__(self, received: Received) -> Answer:
        self.asked += 1
        messages = received.json["messages"]
        if not received.json.get("tools"):
            return chat("A title for it")(received).joined()
        open_words, noted = _standing(messages)
        for word in open_words:
            if word.startswith("note-") and word not in noted:
                call = ToolCall(
                    id=f"call_{word}", name="note_down", arguments={"word": word}, raw=json.dumps({"word": word})
                )
                return chat(call)(received).joined()
        answer = chat(self._text(open_words))(received)
        return answer.joined() if self._chance.random() < 0.7 else answer

    def _text(self, words: Sequence[str]) -> str:
        if not words:
            return "Nothing is open."
        lines: list[str] = []
        for word in words:
            if word.startswith("long-"):
                lines += [
                    f"{word} line {number:03} of a long answer, which needs more than one message"
                    for number in range(_LINES)
                ]
            lines.append(f"answer to {word}.")
        return "\n".join(lines)


def _standing(messages: Sequence[dict[str, Any]]) -> tuple[list[str], set[str]]:
    """What is asked and not answered, in order, and what the tool was called for."""
    asked: dict[str, None] = {}
    answered: set[str] = set()
    noted: set[str] = set()
    said: list[str] = []
    for message in messages:
        text = _text_of(message.get("content"))
        if message["role"] == "user":
            if "has not been delivered" in text:
                answered.difference_update(said)
            said = []
            asked.update((found.group(), None) for found in _ASKED.finditer(text))
        elif message["role"] == "assistant":
            said += re.findall(r"answer to (\S+)\.", text)
            answered.update(said)
            for call in message.get("tool_calls") or ():
                noted.add(json.loads(call["function"]["arguments"])["word"])
    return [word for word in asked if word not in answered], noted


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part.get("text", "") for part in content)
    return content or ""


class People:
    """Those who write."""

    def __init__(self, platform: Platform, chance: random.Random, chats: int) -> None:
        self.asked: dict[str, Inbound] = {}
        self.commands: dict[str, Inbound] = {}
        self.extra = 0
        self._platform = platform
        self._chance = chance
        self._chats = chats
        self._late: list[Inbound] = []
        self._asked_again: dict[str, float] = {}
        self.retried = 0

    async def write(self) -> None:
        """One of the things people do."""
        chance = self._chance
        chat = f"c{chance.randrange(self._chats)}"
        what = chance.random()
        if what < 0.08:
            command = self._platform.update(chance.choice(("/status", "/whoami", "/help")), chat=chat)
            self.commands[command.update] = command
            await self._platform.deliver(command)
        elif what < 0.16 and self.asked:
            self.extra += 1
            await self._platform.deliver(chance.choice(list(self.asked.values())))
        else:
            count = 3 if what > 0.9 else 1
            updates = [self._ask(chat) for _ in range(count)]
            if chance.random() < 0.2:
                self._late.append(updates.pop())
            chance.shuffle(updates)
            await self._platform.deliver(*updates)
            if self._late and chance.random() < 0.5:
                await self._platform.deliver(self._late.pop(0))

    def _ask(self, chat: str) -> Inbound:
        kind = self._chance.choices(("ask", "note", "long"), (6, 3, 1))[0]
        number = len(self.asked) + 1
        update = self._platform.update(f"please do {kind}-{number}", chat=chat)
        self.asked[f"{kind}-{number}"] = update
        return update

    async def finish(self) -> None:
        """Say what was held back."""
        await self._platform.deliver(*self._late)
        self._late.clear()

    async def react(self, aside: Sequence[str]) -> None:
        """Have the agent try again what it laid aside, in these chats."""
        for name in aside:
            if self._asked_again.get(name, 0.0) < time.monotonic() - 5:
                self._asked_again[name] = time.monotonic()
                self.retried += 1
                retry = self._platform.update("/retry", chat=name)
                self.commands[retry.update] = retry
                await self._platform.deliver(retry)


async def soak(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Do it; gives counts and violations."""
    chance = random.Random(options.seed)
    model = Model(random.Random(options.seed + 1))
    effects = folder / "effects"
    async with Platform(deduplicates=not options.forgetful) as platform, ModelServer(model) as server:
        settings = {
            "display": {"busy_input_mode": "queue"},
            "streaming": {"enabled": True},
            "gateway": {"text_pause": 0.1, "queue_limit": 1000, "drain_seconds": 2.0, "open_conversations": 4},
        }
        gateway = GatewayProcess(
            folder / "home",
            platform,
            model_url=server.url,
            settings=settings,
            plugin="soak_plugin",
            source=Path(__file__).with_name("soak_plugin.py"),
            environ={"SOAK_EFFECTS": str(effects), "SOAK_FORGETFUL": "1" if options.forgetful else ""},
        )
        people = People(platform, chance, options.chats)
        counts: Counter[str] = Counter()
        over = time.monotonic() + options.seconds
        await gateway.start()
        doing = [
            asyncio.create_task(_write(people, options, chance)),
            asyncio.create_task(_trouble(platform, counts, chance)),
            asyncio.create_task(_kill(gateway, counts, options, chance)),
        ]
        told = time.monotonic()
        while time.monotonic() < over and not any(task.done() for task in doing):
            await asyncio.sleep(0.5)
            await people.react(_aside(folder / "home"))
            if time.monotonic() - told > 60:
                told = time.monotonic()
                print(
                    f"{over - told:.0f} s left: {len(people.asked)} asked, {dict(counts)}", file=sys.stderr, flush=True
                )
        if time.monotonic() < over:
            await gateway.stop()  # one of them failed
        for task in doing:
            task.cancel()
        for result in await asyncio.gather(*doing, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        platform.faults.clear()
        if gateway.process is None or gateway.process.returncode is not None:
            await gateway.start()
        await people.finish()
        await _rest(folder / "home", platform, people, options)
        code = await gateway.stop()
        violations = _violations(folder / "home", platform, people, effects, options, counts)
        if code:
            violations.append(f"the gateway ended with {code}")
        if options.keep:
            _keep(Path(options.keep), platform)
    counts.update({"asked": len(people.asked), "commands": len(people.commands), "duplicates": people.extra})
    counts.update({"model requests": model.asked, "messages": len(platform.messages), "tried again": people.retried})
    return dict(counts), violations


async def _write(people: People, options: argparse.Namespace, chance: random.Random) -> None:
    while True:
        await people.write()
        await asyncio.sleep(chance.expovariate(options.rate))


async def _trouble(platform: Platform, counts: Counter[str], chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.expovariate(0.7))
        if chance.random() < 0.15:
            counts["disconnects"] += 1
            platform.disconnect()
        elif len(platform.faults) < 3:
            fault = chance.choice(_FAULTS)
            counts[f"fault {fault}"] += 1
            platform.faults.append(fault)  # type: ignore[arg-type]


async def _kill(
    gateway: GatewayProcess, counts: Counter[str], options: argparse.Namespace, chance: random.Random
) -> None:
    while True:
        await asyncio.sleep(chance.choice((chance.uniform(0, 1), chance.expovariate(1 / options.kill_every))))
        if chance.random() < 0.15:
            counts["stops"] += 1
            code = await gateway.stop()
            if code not in (0, -15):
                raise RuntimeError(f"the gateway ended with {code} when it was told to stop")
        else:
            counts["kills"] += 1
            await gateway.kill()
        await asyncio.sleep(chance.uniform(0, 0.5))
        await gateway.start()


async def _rest(home: Path, platform: Platform, people: People, options: argparse.Namespace) -> None:
    """Wait until nothing is left to do, or for three minutes without any progress."""
    seen, changed = -1, time.monotonic()
    while time.monotonic() - changed < 180:
        await people.react(_aside(home))
        if len(platform.calls) != seen:
            seen, changed = len(platform.calls), time.monotonic()
        if not platform._waiting and not _left(home) and time.monotonic() - changed > 1:
            return
        await asyncio.sleep(0.5)


def _query(home: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{home / 'gateway.db'}?mode=ro", uri=True, timeout=10)
    try:
        return list(connection.execute(query))
    finally:
        connection.close()


def _aside(home: Path) -> list[str]:
    """The chats in which something was laid aside."""
    try:
        rows = _query(home, "SELECT DISTINCT conversation FROM turns WHERE state = 'quarantined'")
    except sqlite3.Error:
        return []
    return [str(row[0]).rpartition(":")[2] for row in rows]


def _left(home: Path) -> list[str]:
    found = []
    for table, states in (
        ("updates", "'waiting', 'claimed'"),
        ("turns", "'running', 'quarantined'"),
        ("outbox", "'pending', 'sending', 'failed'"),
    ):
        for state, number in _query(
            home, f"SELECT state, COUNT(*) FROM {table} WHERE state IN ({states}) GROUP BY state"
        ):
            found.append(f"{number} of {table} are left {state}")
    return found


def _violations(
    home: Path,
    platform: Platform,
    people: People,
    effects: Path,
    options: argparse.Namespace,
    counts: Counter[str],
) -> list[str]:
    found = _left(home)
    if platform._waiting:
        found.append(f"{len(platform._waiting)} updates were never acknowledged")
    unknown = "\n".join(str(row[0]) for row in _query(home, "SELECT body FROM outbox WHERE state = 'unknown'"))
    counts["unknown"] = len(_query(home, "SELECT id FROM outbox WHERE state = 'unknown'"))
    said = [item for item in platform.messages if not item.deleted]
    counts["left showing"] = sum(_is_shown(item) for item in said)
    said = [item for item in said if not _is_shown(item)]
    found += _unanswered(said, people, unknown, counts)
    found += _disordered(said, people, unknown)
    found += _commands(said, people, unknown)
    done = Counter(effects.read_text(encoding="utf-8").split()) if effects.exists() else Counter()
    found += [f"the effect of {word} happened {times} times" for word, times in done.items() if times > 1]
    notes = {word for word in people.asked if word.startswith("note-")}
    counts["effects"] = len(done)
    counts["effects cut off"] = len(notes - set(done))
    return found


def _is_shown(item: SentMessage) -> bool:
    """Whether it only shows a turn that was cut off: the platform took it, and the process died before it knew."""
    return item.text.endswith("▉")


def _unanswered(said: Sequence[SentMessage], people: People, unknown: str, counts: Counter[str]) -> list[str]:
    answers: dict[str, list[SentMessage]] = defaultdict(list)
    for item in said:
        for found in re.finditer(r"answer to (\S+)\.", item.text):
            answers[found.group(1)].append(item)
    counts["answered"] = len(answers)
    problems = []
    for word, update in people.asked.items():
        places = answers.get(word, [])
        if not places and f"answer to {word}." not in unknown:
            problems.append(f"{word} in {update.address.chat} was not answered")
        if len(places) > 1:
            problems.append(f"{word} in {update.address.chat} was answered {len(places)} times")
        if any(item.address.chat != update.address.chat for item in places):
            problems.append(f"{word} was answered in another chat")
    return problems


def _disordered(said: Sequence[SentMessage], people: People, unknown: str) -> list[str]:
    lines: dict[str, list[int]] = defaultdict(list)
    for item in said:
        for found in re.finditer(r"(long-\d+) line (\d+)", item.text):
            lines[found.group(1)].append(int(found.group(2)))
    return [
        f"the pieces of {word} are not all there, once and in order: {numbers[:3]} … ({len(numbers)})"
        for word, numbers in lines.items()
        if numbers != list(range(_LINES)) and f"{word} line" not in unknown
    ]


def _commands(said: Sequence[SentMessage], people: People, unknown: str) -> list[str]:
    answered = Counter(item.message.reply_to for item in said if item.message.reply_to)
    return [
        f"{update.text} in {update.address.chat} was answered {answered[update.message]} times"
        for update in people.commands.values()
        if answered[update.message] != 1 and f'"{update.message}"' not in unknown
    ]


def _keep(path: Path, platform: Platform) -> None:
    with path.open("w", encoding="utf-8") as file:
        for item in platform.messages:
            shown = {"id": item.id, "chat": item.address.chat, "key": item.message.key, "text": item.text}
            file.write(json.dumps({**shown, "edits": [edit.key for edit in item.edits]}) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--chats", type=int, default=12)
    parser.add_argument("--rate", type=float, default=2.0, help="things people do each second")
    parser.add_argument("--kill-every", type=float, default=8.0, help="seconds a process lives, in the mean")
    parser.add_argument("--forgetful", action="store_true", help="a platform that takes a message twice")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--home", default="", help="a new folder to work in and to keep")
    parser.add_argument("--keep", default="", help="write all messages into this file")
    options = parser.parse_args()
    os.setpriority(os.PRIO_PROCESS, 0, 10)
    print(f"seed {options.seed}", file=sys.stderr, flush=True)
    if options.home:
        folder = Path(options.home)
        folder.mkdir(parents=True)
        counts, violations = asyncio.run(soak(options, folder))
    else:
        with tempfile.TemporaryDirectory(prefix="hermes-soak-") as name:
            counts, violations = asyncio.run(soak(options, Path(name)))
    for name, number in sorted(counts.items()):
        print(f"{name:<20} {number}")
    for line in violations[:50]:
        print(f"VIOLATION: {line}")
    print(f"{len(violations)} violations")
    return int(bool(violations))


if __name__ == "__main__":
    sys.exit(main())
