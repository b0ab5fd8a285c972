"""Tools made from ordinary functions of the embedding program."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from hermes_host.agent.schema import parameters_of_function
from hermes_host.specs import Effect, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import msgspec

    from hermes_host.context import ToolContext

__all__ = ["adapt"]


def adapt(
    function: Callable[..., Any], name: str, effects: frozenset[Effect], options: Mapping[str, Any]
) -> tuple[ToolSpec, Callable[..., Any], type[msgspec.Struct]]:
    """A spec, a handler and the parameters of `function`. A synchronous function runs in a thread."""
    struct, context_name = parameters_of_function(function)
    summary = inspect.getdoc(function) or ""
    if not summary:
        raise TypeError(f"{function.__name__}(): a tool needs a docstring; the model reads it.")
    tool_name = name or function.__name__
    spec = ToolSpec(
        name=tool_name,
        summary=summary,
        parameters=f"program:{tool_name}_arguments",
        target=f"program:{tool_name}",
        effects=effects,
        **{"toolset": "program", **options},
    )

    async def handler(arguments: msgspec.Struct, call: ToolContext) -> Any:
        values = {field: getattr(arguments, field) for field in struct.__struct_fields__}
        if context_name:
            values[context_name] = call
        if inspect.iscoroutinefunction(function):
            return await function(**values)
        import asyncio

        return await asyncio.to_thread(function, **values)

    return spec, handler, struct
