"""The memory: the first words of the last turns, in a file of the plugin's own folder."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_host.context import PluginContext, SessionContext
    from hermes_host.protocols import Exchange
    from hermes_host.specs import MemorySpec

KEPT = 10
"""Turns that are remembered."""


def connect(context: PluginContext, spec: MemorySpec) -> Memory:
    """The target of the spec: reads nothing yet."""
    return Memory(context.state_directory / "topics.json")


class Memory:
    """Made once in a process, used by many conversations at once. Only what `features` names is called."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = asyncio.Lock()

    async def prompt_section(self, session: SessionContext) -> str:
        """What the model knows from the beginning; at most 5 seconds, so nothing slow is asked here."""
        topics = await asyncio.to_thread(self._read)
        return "\n".join(["Lately spoken of:", *(f"- {topic}" for topic in topics)]) if topics else ""

    async def observe(self, exchange: Exchange, session: SessionContext) -> None:
        """A turn is over; nobody waits for this."""
        said = next((message.text for message in exchange.messages if message.role == "user"), "")
        topic = " ".join(said.split())[:80]
        # Words of other people and of the network must not become instructions of tomorrow.
        if topic and all(message.provenance == "owner" for message in exchange.messages[:1]):
            async with self._writing:
                await asyncio.to_thread(self._add, topic)

    def _read(self) -> list[str]:
        try:
            return [str(topic) for topic in json.loads(self._path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []

    def _add(self, topic: str) -> None:
        topics = [*(known for known in self._read() if known != topic), topic][-KEPT:]
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(topics), encoding="utf-8")
        os.replace(new, self._path)
