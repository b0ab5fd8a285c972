"""A plugin that prints wherever it can, and tools that a test can make wait."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable

from hermes_host import hookimpl
from hermes_host.context import ToolContext
from hermes_host.messages import Media, Text
from hermes_host.protocols import ToolOutput
from hermes_host.services import Conversations
from hermes_host.specs import PluginInfo, SlashCommandSpec, ToolSpec

print("a plugin prints while it is loaded")


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    return PluginInfo(summary="Prints")


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    text = {"type": "object", "properties": {"text": {"type": "string"}}}
    yield ToolSpec(
        name="shout", summary="Print.", parameters=text, target="noisy_plugin:shout", effects=frozenset({"read"})
    )
    yield ToolSpec(
        name="act",
        summary="Act.",
        parameters=text,
        target="noisy_plugin:act",
        effects=frozenset({"process"}),
        shows="text",
    )
    yield ToolSpec(
        name="hang", summary="Hang.", parameters=text, target="noisy_plugin:hang", effects=frozenset({"read"})
    )
    yield ToolSpec(
        name="question", summary="Ask.", parameters=text, target="noisy_plugin:question", effects=frozenset({"ask"})
    )
    yield ToolSpec(
        name="echo",
        summary="Echo.",
        parameters=text,
        target="noisy_plugin:echo",
        effects=frozenset({"read"}),
        parallel=True,
    )

    yield ToolSpec(
        name="helper", summary="Help.", parameters=text, target="noisy_plugin:helper", effects=frozenset({"read"})
    )


@hookimpl
def hermes_slash_commands() -> Iterable[SlashCommandSpec]:
    yield SlashCommandSpec(name="greet", summary="Greet.", target="noisy_plugin:greet", usage="[name]", while_busy=True)
    yield SlashCommandSpec(name="resend", summary="Send a prompt.", target="noisy_plugin:resend")


async def helper(arguments, call: ToolContext) -> str:
    conversations = await call.plugin.services.get(Conversations)
    session = await conversations.start(behind=call.session.id, source="subagent", directory=call.session.directory)
    try:
        events = [event async for event in session.run(arguments["text"])]
    finally:
        await session.close()
    return f"helper says: {events[-1].text}"


async def greet(call):
    return f"Hello {call.arguments or 'you'}"


async def resend(call):
    call.submit(call.arguments)


async def shout(arguments, call: ToolContext) -> ToolOutput:
    print("a tool prints")
    sys.stdout.flush()
    os.write(1, b"a library writes\n")
    child = await asyncio.create_subprocess_exec("/bin/sh", "-c", "echo a child writes; cat")
    await child.wait()
    call.progress("working\n")
    pixel = Media(kind="image", mime="image/png", data=b"\x89PNG")
    return ToolOutput(content=(Text(text="shouted"), pixel))


async def act(arguments, call: ToolContext) -> str:
    return f"acted on {arguments['text']}"


async def hang(arguments, call: ToolContext) -> str:
    call.progress("hanging")
    await asyncio.Event().wait()
    return ""


async def question(arguments, call: ToolContext) -> str:
    answer = await call.ask("Which colour?", ("red", "blue"), timeout=5)
    return f"answer: {answer}"


async def echo(arguments, call: ToolContext) -> str:
    if arguments["text"] == "slow":
        await asyncio.sleep(0.1)
    return f"echo {arguments['text']}"
