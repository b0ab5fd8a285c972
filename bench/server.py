"""The model server of the measurements: plays a scenario, and at the end of its input reports what it saw.

`python -m bench.server SCENARIO` prints its URL as the first line. Scenarios:

* `hello`: a short answer to everything
* `deltas N`: an answer of N deltas
* `tools NAME JSON N`: N calls of a tool, one after the other, then an answer; begins anew with each conversation
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from hermes_host.messages import ToolCall
from hermes_host.testing.model_server import Answer, ModelServer, Received
from hermes_host.testing.model_server_chat import chat


class Recorder:
    """Answers requests and notes when they came, when they were answered, and how long they were."""

    def __init__(self, scenario: str, options: list[str]) -> None:
        self.arrivals: list[float] = []
        self.answers: list[float] = []
        self.sizes: list[int] = []
        self.bodies: list[bytes] = []
        self._scenario = scenario
        self._options = options
        if scenario == "deltas":
            count = int(options[0])
            # Some answers hold a hundred deltas in one read, as a fast server's do.
            self._long = chat("word " * count, pieces=count)

    def __call__(self, received: Received) -> Answer:
        self.arrivals.append(time.perf_counter())
        self.sizes.append(len(received.body))
        if len(self.bodies) < 3:
            self.bodies.append(received.body)
        answer = self._answer(received)
        self.answers.append(time.perf_counter())
        return answer

    def _answer(self, received: Received) -> Answer:
        if self._scenario == "deltas":
            return self._long(received).joined()
        if self._scenario == "tools":
            return self._tool_step(received)
        return chat("Hello there.")(received).joined()

    def _tool_step(self, received: Received) -> Answer:
        name, arguments, count = self._options[0], self._options[1], int(self._options[2])
        done = sum(message["role"] == "tool" for message in received.json["messages"])
        if done >= count:
            return chat("Done.")(received).joined()
        call = ToolCall(id=f"call_{done}", name=name, arguments=json.loads(arguments), raw=arguments)
        return chat(call)(received).joined()

    def report(self, server: ModelServer) -> dict[str, Any]:
        gaps = [
            (arrived - answered) * 1000 for answered, arrived in zip(self.answers[:-1], self.arrivals[1:], strict=True)
        ]
        return {
            "requests": len(self.sizes),
            "connections": server.connections,
            "sizes": self.sizes,
            "gaps_ms": gaps,
            "first_bodies": [body.decode() for body in self.bodies],
        }


async def main(scenario: str, *options: str) -> None:
    recorder = Recorder(scenario, list(options))
    async with ModelServer(recorder) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps(recorder.report(server)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
