"""The module `hermes_tools` that a script imports: written anew for each run, from the tools it may call."""

from __future__ import annotations

import json
import keyword
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hermes_host.protocols import ToolDefinition

__all__ = ["WITHHELD", "module", "source", "withheld"]

WITHHELD: Mapping[str, frozenset[str]] = {"terminal": frozenset({"background", "check_interval", "pty"})}
"""Parameters that scripts do not have: what they start must end with them."""

_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "array": "list", "object": "dict"}


def source(name: str) -> str:
    """The text of a module that is sent to the backend."""
    return files("hermes_code.sent").joinpath(f"{name}.py").read_text(encoding="utf-8")


def withheld(tool: str, arguments: Iterable[str]) -> list[str]:
    """Those of the arguments that a script must not give."""
    return sorted(WITHHELD.get(tool, frozenset()).intersection(arguments))


def module(tools: Iterable[ToolDefinition]) -> str:
    """The whole text, with a function for every tool."""
    return "\n\n".join([source("hermes_tools"), *(_function(tool) for tool in tools)])


def _function(tool: ToolDefinition) -> str:
    """A function with the tool's parameters, the required ones first. Words of the schema stand in it as literals."""
    schema = tool.parameters
    properties: dict[str, Any] = schema.get("properties") or {}
    required = [name for name in schema.get("required") or () if name in properties]
    names = [*required, *(name for name in properties if name not in required)]
    given = [name for name in names if _usable(name) and not withheld(tool.name, [name])]
    signature = [f"{name}: {_type(properties[name])}" + ("" if name in required else " = _UNSET") for name in given]
    signature.append("**more: Any")  # what no name can be made of
    passed = ", ".join(["more", *(f"{name}={name}" for name in given)])
    name = f"{tool.name}_" if keyword.iskeyword(tool.name) else tool.name
    return (
        f"def {name}({', '.join(signature)}) -> Result:\n"
        f"    {_literal(_described(tool, given, properties))}\n"
        f"    return call_tool({_literal(tool.name)}, **dict({passed}))\n"
    )


def _usable(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name) and name not in ("more", "self")


def _described(tool: ToolDefinition, given: Iterable[str], properties: dict[str, Any]) -> str:
    lines = [tool.summary, ""]
    for name in given:
        about = properties[name] if isinstance(properties[name], dict) else {}
        default = f" Default: {about['default']!r}." if "default" in about else ""
        lines.append(f"{name}: {about.get('description', '')}{default}".rstrip(": "))
    return "\n".join(lines)


def _literal(text: str) -> str:
    # JSON in ASCII is also a literal of Python, whatever the text holds.
    return json.dumps(text)


def _type(schema: Any) -> str:
    kinds = schema.get("type") if isinstance(schema, dict) else None
    names = [_TYPES.get(kind, "Any") for kind in ([kinds] if isinstance(kinds, str) else kinds or ["any"])]
    return " | ".join(dict.fromkeys(names))
