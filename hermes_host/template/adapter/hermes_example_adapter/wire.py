"""What goes over the connection: one JSON object a line. Put the platform's own protocol, or its SDK, in its place.

The platform sends updates, `{"update": ID, "chat": …, "user": …, "name": …, "text": …}`, until they are acknowledged
by `{"ack": ID}`. A request has a number, and its answer has the same.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any

from hermes_host.errors import DeliveryUncertain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONGEST_LINE = 1_000_000


class Wire:
    """One connection, from its beginning to its end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def updates(self) -> AsyncIterator[dict[str, Any]]:
        """What people write, until the connection ends. Answers go to whoever waits for them."""
        while line := await self._reader.readline():
            said = json.loads(line)
            waiting = self._answers.pop(said.get("answer", 0), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(said)
            elif "update" in said:
                yield said

    async def write(self, **said: Any) -> None:
        """Send one object."""
        self._writer.write(json.dumps(said).encode() + b"\n")
        await self._writer.drain()

    async def request(self, **said: Any) -> dict[str, Any]:
        """Send one object and wait for its answer. Raises `DeliveryUncertain` when the connection ends before."""
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await self.write(request=number, **said)
            result: dict[str, Any] = await answer
            return result
        except OSError as error:
            raise DeliveryUncertain("The connection broke while a message was sent.") from error
        finally:
            self._answers.pop(number, None)

    def close(self) -> None:
        """Let go of it; whoever waits for an answer learns that it will not come."""
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(DeliveryUncertain("The connection broke before the platform answered."))
        self._writer.close()
