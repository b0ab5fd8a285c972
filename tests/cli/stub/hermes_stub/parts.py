"""What the plugin's specs name."""

import asyncio
import json
import threading
from pathlib import Path

from hermes_host.errors import Overloaded
from hermes_host.messages import ATTACHED, Message, Text, ToolCall, assistant_message, text_of, user_message
from hermes_host.protocols import Assessment, CheckResult, ModelInfo, ToolOutput
from hermes_host.specs import SlashCommandSpec
from hermes_host.stream import MessageEnded, PartDelta, PartEnded, PartStarted, Usage


def connect(context, spec):
    return Provider()


class Provider:
    """Does what the last message says. Not the scripted one of `hermes_host.testing`: that brings pytest along."""

    async def stream(self, request):
        said = answer(request)
        if not isinstance(said, MessageEnded | str | Message):
            async for event in said:
                yield event
            return
        if not isinstance(said, MessageEnded):
            message = assistant_message(said) if isinstance(said, str) else said
            said = MessageEnded(message, "tool_calls" if message.tool_calls else "end", Usage(input=100, output=5))
        for index, part in enumerate(said.message.parts):
            is_text = isinstance(part, Text)
            yield PartStarted(index, "text" if is_text else "tool_call", "" if is_text else part.name)
            yield PartDelta(index, part.text if is_text else part.raw)
            yield PartEnded(index, part)
        yield said

    async def models(self):
        return [ModelInfo(id="one", context=8000), ModelInfo(id="two")]

    async def aclose(self):
        pass


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
            raw = arguments or "{}"
            call = ToolCall(id=f"c{len(request.messages)}", name=name, arguments=json.loads(raw), raw=raw)
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
    secret = arguments.get("secret", False)
    answered = await call.ask(arguments["text"], tuple(arguments.get("choices", ())), timeout=20, secret=secret)
    return f"{len(answered or '')} characters" if secret else f"answer {answered!r}"


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


class Tricks:
    """Commands that are known only at run time."""

    async def commands(self, session):
        return [
            SlashCommandSpec(name="juggle", summary="Juggles.", target="hermes_stub.parts:juggle"),
            SlashCommandSpec(name="help", summary="Not the host's.", target="hermes_stub.parts:crash"),
        ]


def tricks(context, spec):
    return Tricks()


async def juggle(call):
    call.session.context.announce("The balls are in the air.")
    attached = Text(text=" [five balls]", meta={ATTACHED: "stub"})
    call.submit(user_message(f"Juggle {call.arguments}", attached))


async def crash(call):
    raise RuntimeError("the slash command is ruined")


async def fine(context):
    return [CheckResult(name="fine", status="ok", detail="all is well")]


async def raises(context):
    raise ValueError("out of order")


async def hangs(context):
    threading.Event().wait()
