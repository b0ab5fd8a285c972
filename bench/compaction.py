"""What compacting a long conversation costs besides the model call."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.measure import Row
from hermes_host.frontends import SlashCall
from hermes_host.messages import (
    Message,
    Text,
    ToolCall,
    ToolResult,
    assistant_message,
    encode_message,
    tool_message,
    user_message,
)
from hermes_host.testing import StandInHost

MESSAGES = 2_000
HEADINGS = (
    *("## Goal", "## Constraints & Preferences", "## Progress", "### Done", "### In progress", "### Blocked"),
    *("## Key decisions", "## Relevant files", "## Next steps", "## Critical context"),
)
SUMMARY = "\n\n".join(f"{heading}\nTo finish the work." for heading in HEADINGS)


def measure(runs: int) -> list[Row]:
    """A conversation of two thousand messages, compacted by a model that answers at once."""
    return asyncio.run(_measure(max(3, runs)))


async def _measure(runs: int) -> list[Row]:
    import msgspec

    conversation = _conversation()
    times, floors = [], []
    for _ in range(runs):
        times.append(await _compacted(conversation))
        began = time.perf_counter()
        msgspec.json.encode([encode_message(message) for message in conversation])
        floors.append((time.perf_counter() - began) * 1000)
    return [
        Row(
            f"compacting {MESSAGES} messages",
            statistics.median(times),
            "ms",
            200.0,
            statistics.median(floors),
            "encoding them",
            "ms",
        )
    ]


def _conversation() -> list[Message]:
    made: list[Message] = []
    for index in range(MESSAGES // 4):
        call = ToolCall(id=f"c{index}", name="read_file", arguments={"path": f"part{index}.py"})
        content = (Text(text=f"line {index} of the file\n" * 60),)
        made += [
            user_message(f"Please look at part {index}. " + "Some words. " * 20),
            assistant_message(call),
            tool_message(ToolResult(call_id=call.id, name=call.name, content=content)),
            assistant_message("It is fine. " * 30),
        ]
    return made


async def _compacted(conversation: list[Message]) -> float:
    """The milliseconds of one compaction."""
    with tempfile.TemporaryDirectory(prefix="hermes-bench-") as folder:
        settings: dict[str, Any] = {"compression.context": 400_000}
        host = StandInHost(Path(folder), plugins=("compress",), overrides=settings)
        async with host:
            host.script(SUMMARY)
            session = await host.start(yolo=True)
            for message in conversation:
                session.append(message, "before")
            await session.prepare()
            command = host.slash_commands.get("compress")
            handler = host.target(command, command.spec.target)
            began = time.perf_counter()
            answer = await handler(SlashCall(name="compress", arguments="", host=host, session=session))
            spent = (time.perf_counter() - began) * 1000
            if not answer.startswith("Compacted "):
                raise RuntimeError(f"nothing was compacted: {answer}")
            await session.close()
    return spent
