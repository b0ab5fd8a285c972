"""The tool itself: imported when it is first called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from hermes_host.errors import ToolError
from hermes_host.protocols import ToolOutput

from hermes_example_tool.settings import Settings

if TYPE_CHECKING:
    from hermes_host.context import ToolContext


class Arguments(msgspec.Struct, frozen=True, kw_only=True):
    """What the model writes; its JSON schema is what the model sees."""

    text: Annotated[str, msgspec.Meta(description="The text.")]


async def run(arguments: Arguments, call: ToolContext) -> ToolOutput:
    """Count the words."""
    limit = call.plugin.section(Settings).limit
    if len(arguments.text) > limit:
        # A ToolError is for the model to read: say what it can do better.
        raise ToolError(f"The text is longer than {limit} characters.", remedy="Give it in parts.")
    number = len(arguments.text.split())
    return ToolOutput(content=f"{number} words", title=f"counted {number} words")
