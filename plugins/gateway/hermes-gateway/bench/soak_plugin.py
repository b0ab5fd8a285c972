"""The plugin of the soak: the platform, and a tool whose effect is counted in a file.

`SOAK_EFFECTS` is that file; `SOAK_FORGETFUL` is set where the platform cannot tell a message that it has already.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

import msgspec

from hermes_host import hookimpl
from hermes_host.context import PluginContext, ToolContext
from hermes_host.specs import AdapterSpec, PluginInfo, SecretSpec, ToolSpec
from hermes_host.testing.platform import PlatformAdapter
from hermes_host.testing.platform_plugin import adapter_spec


@hookimpl
def hermes_plugin_info() -> PluginInfo:
    """What it is."""
    names = ("TESTING_PLATFORM_PORT", "SOAK_EFFECTS", "SOAK_FORGETFUL")
    return PluginInfo(
        summary="What the soak needs", secrets=tuple(SecretSpec(name=name, sensitive=False) for name in names)
    )


@hookimpl
def hermes_adapters() -> Iterable[AdapterSpec]:
    """The platform."""
    spec = adapter_spec(deduplicates=not os.environ.get("SOAK_FORGETFUL"))
    yield msgspec.structs.replace(spec, target=f"{__name__}:connect_platform", configured="")


@hookimpl
def hermes_tools() -> Iterable[ToolSpec]:
    """The tool."""
    yield ToolSpec(
        name="note_down",
        summary="Write a word down.",
        parameters=f"{__name__}:Note",
        target=f"{__name__}:note_down",
        effects=frozenset({"read"}),
        toolset="soak",
    )


class Note(msgspec.Struct):
    """What to write down."""

    word: str


def connect_platform(context: PluginContext, spec: AdapterSpec) -> PlatformAdapter:
    """The adapter."""
    return PlatformAdapter(int(context.secret("TESTING_PLATFORM_PORT")))


async def note_down(arguments: Note, call: ToolContext) -> str:
    """The effect stands between two pauses, so that a kill meets it before, at and after it."""
    await asyncio.sleep(0.1)
    with open(os.environ["SOAK_EFFECTS"], "a", encoding="utf-8") as file:
        file.write(f"{arguments.word}\n")
    await asyncio.sleep(0.1)
    return f"noted {arguments.word}"
