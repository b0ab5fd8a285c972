"""A vendor that counts tokens, refuses what is too long, and writes summaries as told; and long conversations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hermes_host.errors import ContextTooLong
from hermes_host.frontends import SlashCall
from hermes_host.messages import Text, ToolCall, ToolResult, assistant_message, tool_message, user_message
from hermes_host.stream import MessageEnded, Usage
from hermes_host.testing import StandInHost, events_of, finished

HEADINGS = (
    *("## Goal", "## Constraints & Preferences", "## Progress", "### Done", "### In progress", "### Blocked"),
    *("## Key decisions", "## Relevant files", "## Next steps", "## Critical context"),
)


def summary(**bodies: str) -> str:
    """A summary with all headings; `bodies` by heading with underscores for what is not a letter."""
    return "\n\n".join(f"{heading}\n{bodies.get(_key(heading), 'Nothing new.')}" for heading in HEADINGS)


def _key(heading: str) -> str:
    return "_".join(heading.strip("# ").replace("&", "and").lower().split())


class Vendor:
    """A model's vendor for `ScriptedProvider`: `limit` tokens fit, one token has `characters` characters."""

    def __init__(self) -> None:
        self.limit = 10**9
        self.named_limit: int | None = None
        self.characters = 4.0
        self.answers: list[Any] = []
        self.summaries: list[Any] = []
        self.turns: list[Any] = []
        """The requests of turns, as they arrived."""
        self.asked: list[Any] = []
        """The requests for summaries."""
        self.mark: Any = None
        """Called for each request of a turn; what it gives is kept in `marks`."""
        self.marks: list[Any] = []

    def __call__(self, request: Any) -> Any:
        tokens = self.count(request)
        if request.purpose == "compression":
            self.asked.append(request)
            answer = self.summaries.pop(0) if self.summaries else summary(goal="To finish the work.")
        else:
            self.turns.append(request)
            self.marks.append(self.mark() if self.mark else None)
            if tokens > self.limit:
                return ContextTooLong(
                    "too many tokens", limit=self.limit if self.named_limit is None else self.named_limit
                )
            answer = self.answers.pop(0) if self.answers else "All right."
        if callable(answer):
            answer = answer(request)
        if hasattr(answer, "__aiter__"):
            return answer
        if isinstance(answer, str):
            answer = assistant_message(answer)
        if isinstance(answer, BaseException) or hasattr(answer, "__await__") or isinstance(answer, MessageEnded):
            return answer
        usage = Usage(input=tokens, output=max(1, len(answer.text) // 4))
        return MessageEnded(answer, "tool_calls" if answer.tool_calls else "end", usage)

    def count(self, request: Any) -> int:
        return int((len(request.system) + sum(map(length, request.messages))) / self.characters)


def length(message: Any) -> int:
    return sum(map(_length, message.parts))


def _length(part: Any) -> int:
    if isinstance(part, Text):
        return len(part.text)
    if isinstance(part, ToolCall):
        return len(part.name) + len(str(part.arguments))
    if isinstance(part, ToolResult):
        return sum(map(_length, part.content))
    return 0


class Talk:
    """A host, its vendor, and the conversation under test."""

    def __init__(self, host: StandInHost, vendor: Vendor) -> None:
        self.host = host
        self.vendor = vendor
        self.session: Any = None

    async def start(self) -> None:
        self.session = await self.host.start(yolo=True)

    async def restart(self) -> None:
        """Leave the conversation and come back to it."""
        name = self.session.id
        await self.session.close()
        self.session = await self.host.resume(name, yolo=True)

    async def say(self, text: str) -> list[Any]:
        """One turn; gives its events."""
        return await events_of(self.session.run(text))

    async def ends(self, text: str) -> tuple[str, list[str]]:
        """One turn; gives how it ended and the codes of its notices."""
        events = await self.say(text)
        return finished(events).outcome, codes(events)

    async def command(self, arguments: str = "") -> str:
        command = self.host.slash_commands.get("compress")
        handler = self.host.target(command, command.spec.target)
        return await handler(SlashCall(name="compress", arguments=arguments, host=self.host, session=self.session))

    def add(self, *messages: Any) -> None:
        """Put messages into the conversation as if they had been said."""
        for message in messages:
            self.session.append(message, "before")

    def add_turns(self, count: int, size: int = 400, first: str = "Build the parser.") -> None:
        """Turns of one read each; `size` is the characters of each result."""
        for index in range(count):
            self.add(user_message(first if index == 0 else f"Please look at part {index}."))
            self.add(*step(f"c{index}", "read_file", f"line {index} " * (size // 7), path=f"part{index}.py"))
            self.add(assistant_message(f"Part {index} is fine."))

    @property
    def view(self) -> dict[str, Any]:
        return self.session.context.recorded("compress.view")

    @property
    def shown(self) -> list[Any]:
        """The messages of the last request of a turn."""
        return list(self.vendor.turns[-1].messages)


def step(
    id: str, tool: str, result: str, *, failed: bool = False, provenance: Any = "external", **arguments: Any
) -> Any:
    """A call and its result, as two messages."""
    content = (Text(text=result),)
    return (
        assistant_message(ToolCall(id=id, name=tool, arguments=arguments)),
        tool_message(ToolResult(call_id=id, name=tool, content=content, is_error=failed, provenance=provenance)),
    )


def codes(events: list[Any]) -> list[str]:
    return [event.code for event in events if type(event).__name__ == "Notice"]


def unpaired(messages: list[Any]) -> list[str]:
    """The ids of calls without a result right after them, and of results without a call right before them."""
    wrong: list[str] = []
    open_calls: list[str] = []
    for message in messages:
        if message.role == "tool":
            results = [part.call_id for part in message.parts if isinstance(part, ToolResult)]
            wrong += [id for id in results if id not in open_calls]
            open_calls = [id for id in open_calls if id not in results]
        else:
            wrong += open_calls
            open_calls = [call.id for call in message.tool_calls]
    return wrong + open_calls


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"compression.context": 20_000}


@pytest.fixture
async def talk(tmp_path: Path, vendor: Vendor, settings: dict[str, Any]) -> AsyncIterator[Talk]:
    async with StandInHost(tmp_path / "home", plugins=["compress"], overrides=settings) as host:
        host.script(*[vendor] * 1000)
        talk = Talk(host, vendor)
        await talk.start()
        yield talk


@pytest.fixture
def kit() -> Any:
    """The module's functions, for test modules, which cannot import this one."""
    import sys

    return sys.modules[__name__]
