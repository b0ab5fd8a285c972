"""The tool `greet`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from hermes_example_greeter.settings import GreeterSettings
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput

if TYPE_CHECKING:
    from hermes_host.context import ToolContext


class Greet(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of the tool, as the model writes them."""

    name: Annotated[str, msgspec.Meta(description="Whom to greet.")]


async def greet(arguments: Greet, call: ToolContext) -> ToolOutput:
    """Greet a person."""
    if not arguments.name.strip():
        raise ToolError("The name is empty.", remedy="Ask the user for it.")
    greeting = call.plugin.section(GreeterSettings).greeting
    return ToolOutput(content=f"{greeting}, {arguments.name}!", title=f"greeted {arguments.name}")
