"""What the plugin's specs name."""

import asyncio
import json
import threading
from pathlib import Path

from hermes_host.errors import Overloaded
from hermes_host.messages import Message, Text, ToolCall, assistant_message, text_of
from hermes_host.protocols import Assessment, CheckResult, ToolOutput
from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted, Usage
from hermes_host.testing.providers import ScriptedProvider


def connect(context, spec):
    provider = ScriptedProvider(models=("one", "two"))
    provider.steps = _Endless()
    return provider


class _Endless(list):
    """A script that never ends: each step follows from the request."""

    def __bool__(self):
        return True

    def pop(self, _index):
        return answer


def answer(request):
    last = request.messages[-1]
    if last.role == "tool":
        return "The tool said: " + text_of(last.parts[0].content)
    word, _, rest = last.text.partition(" ")
    match word:
        case "say":
            return rest
        case "call":
            name, _, arguments = rest.partition(" ")
            call = ToolCall(id=f"c{len(request.messages)}", name=name, arguments=json.loads(arguments or "{}"))
            return assistant_message("I use a tool.", call)
        case "hang":
            return _hanging()
        case "long":
            return MessageEnded(assistant_message("The beginning of"), "length", Usage(input=1, output=1))
        case "fail":
            raise Overloaded("The vendor is too busy.", remedy="Try again later.")
    return "You said: " + last.text


async def _hanging():
    yield PartStarted(0, "text")
    yield PartDelta(0, "Half an answer")
    await asyncio.Event().wait()
    yield PartEnded(0, Text(text="Half an answer"))
    yield MessageEnded(Message(role="assistant"), "end", Usage())


async def assess(arguments, call):
    return Assessment(verdict="ask", reason="It runs a program.", shown=arguments["command"])


async def act(arguments, call):
    return ToolOutput(content=f"did {arguments['command']}", title="done", diff=arguments.get("diff", ""))


async def ask(arguments, call):
    answered = await call.ask(arguments["text"], tuple(arguments.get("choices", ())), timeout=20)
    return f"answer {answered!r}"


async def wait(arguments, call):
    call.progress("waiting since long")
    await asyncio.Event().wait()


async def cling(arguments, call):
    call.progress("clinging on")
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


async def block(arguments, call):
    Path(arguments["fifo"]).write_text("blocking")  # noqa: ASYNC240 - what a bad plugin does
    threading.Event().wait()


async def crash(call):
    raise RuntimeError("the slash command is ruined")


async def fine(context):
    return [CheckResult(name="fine", status="ok", detail="all is well")]


async def raises(context):
    raise ValueError("out of order")
