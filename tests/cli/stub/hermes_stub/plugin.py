"""A provider that does what the prompt says, tools that need consent, ask and wait, and commands good and bad."""

import os

from hermes_host import hookimpl
from hermes_host.specs import (
    CheckSpec,
    CommandSpec,
    PluginInfo,
    ProviderSpec,
    SecretSpec,
    ServiceSpec,
    SlashCommandSpec,
    ToolSpec,
)

OBJECT = {"type": "object", "properties": {}, "additionalProperties": True}


@hookimpl
def hermes_plugin_info():
    return PluginInfo(summary="For tests", secrets=(SecretSpec(name="STUB_LOCKED_KEY"),))


@hookimpl
def hermes_providers():
    yield ProviderSpec(
        name="stub",
        summary="Does what the prompt says",
        target="hermes_stub.parts:connect",
        needs_setup=False,
        priority=1000,
        default_model="one",
    )
    yield ProviderSpec(
        name="locked",
        summary="Needs a key",
        target="hermes_stub.parts:connect",
        secrets=("STUB_LOCKED_KEY",),
        url="https://keys.example",
    )


@hookimpl
def hermes_tools():
    yield ToolSpec(
        name="act",
        summary="Acts.",
        parameters=OBJECT,
        target="hermes_stub.parts:act",
        effects=frozenset({"process"}),
        toolset="stubs",
        shows="command",
        assess="hermes_stub.parts:assess",
    )
    yield ToolSpec(
        name="ask",
        summary="Asks.",
        parameters=OBJECT,
        target="hermes_stub.parts:ask",
        effects=frozenset({"ask"}),
        toolset="stubs",
    )
    for name in ("wait", "cling", "block"):
        yield ToolSpec(
            name=name,
            summary="Does not end.",
            parameters=OBJECT,
            target=f"hermes_stub.parts:{name}",
            effects=frozenset({"read"}),
            toolset="stubs",
        )


@hookimpl
def hermes_commands():
    yield CommandSpec(name="greet", summary="Greets.", target="hermes_stub.commands:greet")
    yield CommandSpec(name="ruined", summary="Cannot be imported.", target="hermes_stub.ruined:command")
    yield CommandSpec(name="chat", summary="Not the host's.", target="hermes_stub.commands:greet", priority=99)


@hookimpl
def hermes_slash_commands():
    yield SlashCommandSpec(name="crash", summary="Fails.", target="hermes_stub.parts:crash", while_busy=True)


@hookimpl
def hermes_services():
    yield ServiceSpec(
        name="tricks", summary="s", provides="hermes_host.services:SlashCommands", target="hermes_stub.parts:tricks"
    )


@hookimpl
def hermes_checks():
    for name in os.environ.get("STUB_CHECKS", "fine,raises").split(","):
        yield CheckSpec(name=name, summary="For tests.", target=f"hermes_stub.parts:{name}")
