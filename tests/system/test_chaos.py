"""Random faults on every wire: nothing is lost, nothing is said twice, nothing hangs, and every turn ends as it may.

`HERMES_CHAOS_ROUNDS=500` makes it a long run, with a seed of its own that is printed; `HERMES_CHAOS_SEED` repeats one.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, NamedTuple

import pytest

from hermes_host.agent.session import Session
from hermes_host.errors import ToolError
from hermes_host.events import AnswerRestarted, Notice, SegmentFinished, TextDelta, TurnFinished
from hermes_host.host import Host
from hermes_host.messages import Message, ToolCall, ToolResult, assistant_message, encode_message
from hermes_host.testing import ModelServer, StandInHost, finished
from hermes_host.testing.model_server import Pause
from hermes_host.testing.model_server_chat import chat
from hermes_host.testing.model_server_faults import FAULTS
from hermes_host.testing.model_server_oddities import AGAIN, TOLD, WIRES

ROUNDS = int(os.environ.get("HERMES_CHAOS_ROUNDS", "40"))
SEED = os.environ.get("HERMES_CHAOS_SEED") or (
    str(SystemRandom().randrange(10**8)) if "HERMES_CHAOS_ROUNDS" in os.environ else "20261122"
)
TURNS = 5
STEPS = 8
FILLER = "All of it was as it should be. " * 40
SUMMARY = "\n\n".join(
    f"{heading}\nTo go on as asked."
    for heading in (
        *("## Goal", "## Constraints & Preferences", "## Progress", "### Done", "### In progress", "### Blocked"),
        *("## Key decisions", "## Relevant files", "## Next steps", "## Critical context"),
    )
)


class Client(NamedTuple):
    """Who speaks a wire: the plugin, the model, and the settings for a server."""

    wire: str
    plugin: str
    model: str
    settings: Callable[[ModelServer], dict[str, Any]]


KEY = "sk-not-a-key"
CLIENTS = {
    "chat": Client(
        "chat",
        "compatible",
        "custom:test-model",
        lambda server: {"model": {"base_url": server.url, "api_key": KEY}},
    ),
    "responses": Client(
        "responses",
        "openai",
        "openai:test-model",
        lambda server: {"openai": {"base_url": server.url, "api_key": KEY, "api": "responses"}},
    ),
    "messages": Client(
        "messages",
        "anthropic",
        "anthropic:claude-sonnet-4-5",
        lambda server: {"anthropic": {"base_url": server.origin, "api_key": KEY}},
    ),
    "messages without an SDK": Client(
        "messages",
        "compatible",
        "custom:claude-sonnet-4-5",
        lambda server: {
            "compatible": {"custom": {"base_url": server.url, "api_key": KEY, "api_mode": "anthropic_messages"}}
        },
    ),
}


class Story:
    """The server's side: what to answer to requests that say something, each answer with bad ones before it.

    Of the answers whose word a request holds, the latest counts; its last step is repeated for ever, for on a slow
    machine even a good answer may come too late for the short limits below, and a bad one may turn out harmless.
    """

    def __init__(self, wire: str, chance: Random) -> None:
        self.wire = WIRES[wire]
        self.chance = chance
        self.pending: list[tuple[bytes, list[Any]]] = []
        self.injected: list[str] = []
        self.summaries = 0

    def answer(self, after: str, *parts: Any, faults: int | None = None, **how: Any) -> list[Any]:
        """Answer requests that say `after` with `parts`, at the end. Gives the queue of steps."""
        good = self.wire.say(*parts, **how)
        message = assistant_message(*parts)
        queue: list[Any] = []
        for _ in range(self.chance.choice((0, 1, 1, 2)) if faults is None else faults):
            name = self.chance.choice([*FAULTS, *self._odd(message, as_usual=not how)])
            chance = Random(self.chance.random())
            self.injected.append(name)
            if name in FAULTS:
                queue.append(lambda request, name=name, chance=chance: FAULTS[name](good(request), chance))
            else:
                odd = self.wire.oddities[name]
                queue.append(lambda request, odd=odd, chance=chance: odd(message.parts, request, chance))
        return self.steps(after, *queue, good)

    def _odd(self, message: Message, *, as_usual: bool) -> list[str]:
        names = AGAIN | TOLD if message.tool_calls else AGAIN
        # What comes out of order can sometimes be put in order: it is then the answer, and ends as usual.
        return [name for name in self.wire.oddities if name in names and (as_usual or name != "out_of_order")]

    def steps(self, after: str, *steps: Any) -> list[Any]:
        """Answer requests that say `after` with these steps."""
        queue = list(steps)
        self.pending.append((after.encode(), queue))
        return queue

    def __call__(self, request: Any) -> Any:
        if b"Write the record now" in request.body:
            self.summaries += 1
            return self.wire.say(SUMMARY)(request)
        queue = next(queue for after, queue in reversed(self.pending) if after in request.body)
        step = queue.pop(0) if len(queue) > 1 else queue[0]
        return step(request) if callable(step) else step


class Round:
    """One turn: what is asked, what the tools did, and what came out."""

    def __init__(self, mark: str, story: Story, server: ModelServer) -> None:
        self.mark = mark
        self.question = f"question {mark}"
        self.last = f"The answer to question {mark}, in a few more words than one delta holds: {mark}!"
        self.story = story
        self.server = server
        self.acted: list[str] = []
        self.expected: list[str] = []
        self.codes: set[str] = set()
        self.events: list[Any] = []

    @property
    def chance(self) -> Random:
        return self.story.chance

    def calls(self, name: str = "act") -> list[ToolCall]:
        """One call or two, noted as what is to be done."""
        whats = [f"{self.mark}{letter}" for letter in ("a", "b")[: self.chance.choice((1, 1, 2))]]
        self.expected += whats
        return [ToolCall(id=f"call_{what}".replace(".", "_"), name=name, arguments={"what": what}) for what in whats]

    def tell_to_act(self, **how: Any) -> None:
        """The first answer, which calls tools."""
        self.story.answer(self.question, "Wait a moment.", *self.calls(), **how)

    async def run(self, session: Session, see: Callable[[Any], None] = lambda _: None) -> TurnFinished:
        """The whole turn; `see` gets each event as it comes."""
        self.events = []
        async with aclosing(session.run(self.question)) as events:  # type: ignore[type-var]
            async for event in events:
                self.events.append(event)
                see(event)
        self.codes = {event.code for event in self.events if isinstance(event, Notice)}
        return finished(self.events)


# Each kind of turn sets the story and says how the turn may end; what must hold for all of them is checked after it.


async def completed(turn: Round, session: Session) -> None:
    """Whatever happens to the answers, the work is done."""
    turn.tell_to_act()
    turn.story.answer(f"did {turn.mark}", turn.last)
    end = await turn.run(session)
    assert (end.outcome, end.error) == ("completed", "")
    assert end.text == turn.last


async def cut_by_the_limit(turn: Round, session: Session) -> None:
    turn.tell_to_act()
    turn.story.answer(f"did {turn.mark}", turn.last, stop_reason="length")
    end = await turn.run(session)
    assert end.outcome == "truncated" and end.text == turn.last


async def refused_in_its_midst(turn: Round, session: Session) -> None:
    turn.tell_to_act()
    turn.story.answer(f"did {turn.mark}", turn.last, stop_reason="refused", faults=0)
    end = await turn.run(session)
    assert end.outcome == "completed" and end.text == turn.last
    assert "refused" in turn.codes, "a person must see that the vendor stopped it"


async def refused(turn: Round, session: Session) -> None:
    """The content filter leaves nothing."""
    turn.tell_to_act()
    turn.story.answer(f"did {turn.mark}", faults=0, stop_reason="refused")
    end = await turn.run(session)
    assert (end.outcome, end.error_kind) == ("failed", "ContentRefused")
    assert "Say it differently" in end.error


async def too_long(turn: Round, session: Session) -> None:
    """The vendor refuses the length once: compacted and asked once more, or a clear end where nothing can go."""
    turn.tell_to_act()
    steps = turn.story.answer(f"did {turn.mark}", turn.last, faults=0)
    steps.insert(0, turn.story.wire.too_long)
    end = await turn.run(session)
    if end.outcome == "failed":
        assert end.error_kind == "ContextTooLong" and "/compress" in end.error
    else:
        assert end.outcome == "completed" and end.text == turn.last
        assert "compacting" in turn.codes


async def too_long_for_good(turn: Round, session: Session) -> None:
    turn.story.steps(turn.question, turn.story.wire.too_long)
    before = len(turn.server.requests)
    end = await turn.run(session)
    assert (end.outcome, end.error_kind) == ("failed", "ContextTooLong")
    assert "/compress" in end.error
    asked = [request for request in turn.server.requests[before:] if b"Write the record now" not in request.body]
    assert len(asked) <= 2, "compacted once, not for ever"


async def repeating(turn: Round, session: Session) -> None:
    """The model makes the same failing call again and again: it is told, then stopped."""
    number = 0

    def again(request: Any) -> Any:
        nonlocal number
        number += 1
        call = ToolCall(id=f"again_{turn.mark}_{number}".replace(".", "_"), name="fail", arguments={"what": turn.mark})
        return turn.story.wire.say("Once more.", call)(request)

    turn.story.steps(turn.question, again)
    end = await turn.run(session)
    assert (end.outcome, end.error_kind) == ("failed", "RepeatedCall")
    assert "same failing call" in end.error
    told = [part for part in _results(session.messages) if "Do not repeat it" in _text(part)]
    assert told, "the model is told before it is stopped"
    assert set(turn.acted) == {f"failed {turn.mark}"} and len(turn.acted) < STEPS
    turn.acted.clear()


async def out_of_steps(turn: Round, session: Session) -> None:
    """The model goes on for ever: its steps are counted, and it is asked for an answer at the end."""
    number = 0

    def further(request: Any) -> Any:
        nonlocal number
        if b"steps is reached" in request.body.rpartition(turn.question.encode())[2]:
            return turn.story.wire.say(turn.last)(request)
        number += 1
        what = f"{turn.mark}n{number}"
        return turn.story.wire.say(
            "On and on.", ToolCall(id=f"call_{number}_{session.id}", name="act", arguments={"what": what})
        )(request)

    turn.story.steps(turn.question, further)
    end = await turn.run(session)
    assert end.outcome == "budget" and end.text == turn.last
    assert len(turn.acted) == STEPS
    turn.expected += sorted(turn.acted)


async def interrupted(turn: Round, session: Session) -> None:
    """The user stops an answer that stands still, before its first word or in its midst."""
    turn.tell_to_act()
    good = turn.story.wire.say(turn.last)
    silent = turn.chance.random() < 0.3

    def held(request: Any) -> Any:
        answer = good(request)
        place = 0 if silent else len(answer.pieces) // 2 + 1
        return replace(answer, pieces=[*answer.pieces[:place], Pause.HOLD])

    turn.story.steps(f"did {turn.mark}", held)
    before = len(turn.server.requests)

    async def stop_silence() -> None:
        while not any(f"did {turn.mark}".encode() in request.body for request in turn.server.requests[before:]):
            turn.server.holding.clear()
            await turn.server.holding.wait()
        session.interrupt()

    def stop_words(event: Any) -> None:
        if isinstance(event, TextDelta) and turn.last.startswith(event.text):
            session.interrupt()

    stopping = asyncio.create_task(stop_silence()) if silent else None
    end = await turn.run(session, stop_words)
    if stopping is not None:
        stopping.cancel()
    assert end.outcome == "interrupted"
    assert silent or session.messages[-1].text, "what was said of it is kept"


ENDINGS = (
    *(completed, cut_by_the_limit, refused_in_its_midst, refused, too_long, too_long_for_good),
    *(repeating, out_of_steps, interrupted),
)


def shown(events: list[Any]) -> list[str]:
    """What a person has seen of the answers: the deltas, less those that were taken back."""
    seen: list[str] = []
    open_text = ""
    for event in events:
        if isinstance(event, TextDelta):
            open_text += event.text
        elif isinstance(event, AnswerRestarted):
            open_text = ""
        elif isinstance(event, SegmentFinished):
            assert event.text == open_text, "what is said at the end is what was shown"
            seen.append(open_text)
            open_text = ""
    return [*seen, open_text] if open_text else seen


def _results(messages: Any) -> list[ToolResult]:
    return [part for message in messages for part in message.parts if isinstance(part, ToolResult)]


def _text(result: ToolResult) -> str:
    return "".join(getattr(part, "text", "") for part in result.content)


def check(turn: Round, before: list[Message], session: Session, host: Host) -> None:
    """What holds after every turn, however it ended."""
    after = list(session.messages)
    assert after[: len(before)] == before, "nothing that was said changes or vanishes"
    new = after[len(before) :]
    assert [message.text for message in new if message.role == "user"] == [turn.question]
    said = [message.text for message in new if message.role == "assistant" and message.text]
    assert shown(turn.events) == said, "what was shown is what is kept: nothing lost, nothing doubled"
    assert sorted(turn.acted) == sorted(turn.expected), "each tool ran exactly once"
    asked = [call.id for message in new for call in message.tool_calls]
    assert [result.call_id for result in _results(new)] == asked, "every call has one result"
    stored = [record.message for record in host.sessions.load(session.id) if record.kind == "message"]
    assert list(map(encode_message, filter(None, stored))) == list(map(encode_message, after)), "the log has it all"


@pytest.mark.timeout(max(600, ROUNDS * 6))
@pytest.mark.parametrize("name", CLIENTS)
async def test_random_faults_lose_nothing_and_repeat_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = CLIENTS[name]
    if client.plugin != "compatible":
        importlib.import_module(client.plugin)  # an SDK takes longer to import than silence is allowed below
    long = "HERMES_CHAOS_ROUNDS" in os.environ
    if long:
        with capsys.disabled():
            print(f"\n{name}: {ROUNDS} rounds, HERMES_CHAOS_SEED={SEED}", flush=True)
    endings: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    chance = Random(f"{SEED} {name}")
    story = Story(client.wire, chance)
    limits = {"backoff": 0.0, "stale_timeout": 0.5, "first_event_timeout": 0.5, "retries": 8, "cooldown": 0.0}
    async with ModelServer(story) as server:
        overrides = {
            **client.settings(server),
            "resilience": limits,
            "agent": {"max_turns": STEPS},
            # Small enough that there is something to leave out, and no reason to do it unasked.
            "compression": {"context": 6_000, "threshold": 0.95, "target_ratio": 0.1, "protect_last_n": 4},
        }
        plugins = [client.plugin, "resilience", "compress"]
        async with StandInHost(tmp_path / "home", plugins=plugins, overrides=overrides) as host:
            current: list[Round] = []

            @host.tool
            def act(what: str) -> str:
                """Act."""
                current[-1].acted.append(what)
                return f"did {what}. {FILLER}"

            @host.tool
            def fail(what: str) -> str:
                """Fail."""
                current[-1].acted.append(f"failed {what}")
                raise ToolError("It cannot be done.")

            session = await host.start(model=client.model)
            for number in range(ROUNDS):
                turn = Round(f"{number // TURNS}.{number % TURNS}", story, server)
                current.append(turn)
                # Each kind once, then mostly work that must succeed.
                ending = ENDINGS[number] if number < len(ENDINGS) else chance.choice((*[completed] * 16, *ENDINGS))
                before = list(session.messages)
                story.injected.clear()
                try:
                    async with asyncio.timeout(60):
                        await ending(turn, session)
                    check(turn, before, session, host)
                    endings[f"{ending.__name__}: {finished(turn.events).outcome}"] += 1
                    faults.update(story.injected)
                except BaseException as error:
                    error.add_note(
                        f"round {number} ({ending.__name__}, {turn.mark}) of {name}, HERMES_CHAOS_SEED={SEED}, "
                        f"faults: {', '.join(story.injected)}"
                    )
                    raise
                if number % TURNS == TURNS - 1:
                    story.pending.clear()
                    await session.close()
                    session = await host.start(model=client.model)
                elif chance.random() < 0.3:
                    kept = list(session.messages)
                    await session.close()
                    session = await host.resume(session.id)
                    assert list(session.messages) == kept, "the log can be resumed"
            await session.close()
    if long:
        with capsys.disabled():
            print(f"{name}: {dict(sorted(endings.items()))}; {story.summaries} summaries", flush=True)
            print(f"{name}: {faults.total()} faults: {dict(sorted(faults.items()))}", flush=True)


def test_the_faults_are_what_they_say() -> None:
    """Every fault and every oddity changes a good answer."""
    call = ToolCall(id="call_1", name="act", arguments={"what": "this"})
    message = assistant_message("Hello there, this is long enough.", call)

    class Request:
        json = {"stream": True, "model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}

    request: Any = Request()
    answer = chat(message=message)(request)
    for fault in FAULTS.values():
        assert fault(answer, Random(1)) != answer
    for wire in WIRES.values():
        good = wire.say(message=message)(request)
        assert set(wire.oddities) >= (AGAIN | TOLD) - {"late_name"}
        for name, odd in wire.oddities.items():
            assert odd(message.parts, request, Random(1)).pieces != good.pieces, name
