"""The model server as a program: its command line and the JSON form of a script.

A script is a JSON list of steps. Each is an object with one of

* `"text"`: an answer; with `"reasoning"` before it and `"tool_calls"` (a list of `{"name", "arguments"}`) after it;
* `"deltas"`: a number; the answer is that many deltas of `"delta"` (default `"word "`);
* `"status"`: an HTTP error with `"message"` and `"headers"`;
* `"chunks"`: the chunks of a stream, sent as they are.

`"pieces"` sets into how many deltas each part is cut, `"joined"` sends the whole answer in one write.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.messages import Part, Reasoning, Text, ToolCall
from hermes_host.testing.model_server import Answer, ModelServer, Received
from hermes_host.testing.model_server_chat import chat, chunk, echo, events, failure, usage_chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["run", "script_of"]


def script_of(steps: Iterable[dict[str, Any]]) -> list[Callable[[Received], Answer]]:
    """The steps of a JSON script. Raises `ValueError` for a step without a known key."""
    return [_step(number, step) for number, step in enumerate(steps, 1)]


def _step(number: int, step: dict[str, Any]) -> Callable[[Received], Answer]:
    if "status" in step:
        failed = failure(step["status"], step.get("message", "It failed."), headers=step.get("headers"))
        return lambda _: failed
    if "chunks" in step:
        return _fixed(events(*step["chunks"]), step)
    if "deltas" in step:
        pieces = [chunk({"content": step.get("delta", "word ")})] * step["deltas"]
        return _fixed(events(*pieces, chunk(finish="stop"), usage_chunk()), step)
    if not step.keys() & {"text", "reasoning", "tool_calls"}:
        raise ValueError(f"Step {number} has none of text, reasoning, tool_calls, deltas, status, chunks.")
    answer = chat(*_parts(number, step), pieces=step.get("pieces", 4))
    return (lambda request: answer(request).joined()) if step.get("joined") else answer


def _fixed(answer: Answer, step: dict[str, Any]) -> Callable[[Received], Answer]:
    answer = answer.joined() if step.get("joined") else answer
    return lambda _: answer


def _parts(number: int, step: dict[str, Any]) -> Iterable[Part]:
    if step.get("reasoning"):
        yield Reasoning(text=step["reasoning"])
    if step.get("text"):
        yield Text(text=step["text"])
    for position, call in enumerate(step.get("tool_calls", ())):
        name = call.get("id", f"call_{number}_{position}")
        yield ToolCall(id=name, name=call["name"], arguments=call.get("arguments", {}), raw=call.get("raw", ""))


def run(arguments: Sequence[str] | None = None) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m hermes_host.testing.model_server", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, default=0, help="0 for any free port")
    parser.add_argument("--script", type=Path, help="a JSON file with a list of steps")
    parser.add_argument("--echo", action="store_true", help="say the last user message again")
    parser.add_argument("--loop", action="store_true", help="begin the script anew when it is over")
    parser.add_argument("--prefix", default="/v1", help="the path of the base URL")
    options = parser.parse_args(arguments)
    if bool(options.script) == options.echo:
        parser.error("give either --script FILE or --echo")
    asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    script: Any = echo
    if options.script:
        script = script_of(msgspec.json.decode(options.script.read_bytes()))
        if options.loop:
            steps = itertools.cycle(script)
            script = lambda request: next(steps)(request)  # noqa: E731
    async with ModelServer(script, port=options.port, prefix=options.prefix) as server:
        print(server.url, flush=True)  # noqa: T201
        serving = asyncio.ensure_future(server.serve_forever())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, serving.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await serving
