"""Tool parameters: a JSON schema for the model, and a check of what the model sends back."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, get_type_hints

import msgspec

from hermes_host.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Parameters", "parameters_of_function"]


class Parameters:
    """What a tool accepts: from a `msgspec.Struct`, or from a JSON schema."""

    def __init__(self, declared: Any) -> None:
        """`declared` is a Struct class or a JSON schema of type object. Raises `TypeError` for anything else."""
        self._struct: type[msgspec.Struct] | None = None
        self._validator: Any = None
        if isinstance(declared, dict):
            self.schema: dict[str, Any] = declared
        elif isinstance(declared, type) and issubclass(declared, msgspec.Struct):
            self._struct = declared
            self.schema = struct_schema(declared)
        else:
            raise TypeError(f"{declared!r} is neither a msgspec.Struct nor a JSON schema.")

    def check(self, arguments: dict[str, Any]) -> Any:
        """The arguments as the handler wants them: a Struct, or the same dict.

        Raises `ToolError` with the place and what was expected, for the model to read.
        """
        if self._struct is not None:
            try:
                # Models write numbers and booleans as strings often enough; a lax reading is what they mean.
                return msgspec.convert(arguments, self._struct, strict=False)
            except msgspec.ValidationError as error:
                raise ToolError(f"The arguments do not fit: {error}.", remedy=self._expected()) from None
        return self._check_schema(arguments)

    def _check_schema(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if self._validator is None:
            from jsonschema.validators import validator_for  # 90 ms to import, and few tools need it

            self._validator = validator_for(self.schema)(self.schema)
        error = next(iter(self._validator.iter_errors(arguments)), None)
        if error is not None:
            raise ToolError(f"The arguments do not fit: {error.message} - at {error.json_path}.")
        return arguments

    def _expected(self) -> str:
        required = self.schema.get("required", [])
        names = [f"{name} (required)" if name in required else name for name in self.schema.get("properties", {})]
        return f"Expected: {', '.join(names) or 'no arguments'}."


def struct_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a Struct as vendors want it: one object, definitions in place, no titles."""
    (schema,), definitions = msgspec.json.schema_components((struct,), ref_template="#/{name}")
    inlined: dict[str, Any] = _inline(schema, definitions, depth=0)
    inlined.pop("description", None)
    inlined.setdefault("required", [])
    if not inlined["required"]:
        del inlined["required"]
    return inlined


def _inline(node: Any, definitions: dict[str, Any], depth: int) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions, depth) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        if depth > 8:
            return {}
        merged = {**definitions[node["$ref"].removeprefix("#/")], **{k: v for k, v in node.items() if k != "$ref"}}
        return _inline(merged, definitions, depth + 1)
    cleaned = {}
    for key, value in node.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "properties":
            cleaned[key] = {name: _inline(item, definitions, depth) for name, item in value.items()}
        else:
            cleaned[key] = _inline(value, definitions, depth)
    if cleaned.get("default", ...) in ("", None, [], {}):
        del cleaned["default"]  # says nothing the model needs, and is paid for with every request
    return cleaned


def parameters_of_function(function: Callable[..., Any]) -> tuple[type[msgspec.Struct], str]:
    """A Struct of a function's parameters, and the name of the one that receives the `ToolContext` ("" for none).

    Raises `TypeError` for a parameter without a type, and for `*args` and `**kwargs`.
    """
    from hermes_host.context import ToolContext

    hints = get_type_hints(function, include_extras=True)
    fields: list[Any] = []
    context = ""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{function.__name__}(): a tool cannot take *{parameter.name}.")
        if parameter.name not in hints:
            raise TypeError(f"{function.__name__}(): the parameter {parameter.name!r} needs a type.")
        if hints[parameter.name] is ToolContext:
            context = parameter.name
        elif parameter.default is parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    struct = msgspec.defstruct(
        f"{function.__name__}_arguments", fields, kw_only=True, forbid_unknown_fields=True, module=function.__module__
    )
    return struct, context
