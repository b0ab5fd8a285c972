"""A server's input schema made safe to send to a model and to check arguments with.

References are put in place (bounded, so that neither loops nor expansion bombs get through; remote ones are never
fetched), regular expressions are left to the server, because a hostile one can occupy this process for ever, and what
no validator accepts becomes "any object".
"""

from __future__ import annotations

from typing import Any

import msgspec

from hermes_host.visible import visible

__all__ = ["LARGEST", "usable_schema"]

LARGEST = 32_768
"""Bytes a tool's schema may have: it is paid for with every request."""

_NODES = 3_000
_DEPTH = 24
_LEFT_OUT = frozenset(
    {"$schema", "$id", "$anchor", "$defs", "definitions", "$dynamicRef", "$dynamicAnchor", "pattern"}
    | {"patternProperties", "$comment", "title"}
)
_NAMED = frozenset({"properties", "dependentSchemas"})
"""Keywords whose value maps names to schemas."""


class _TooLarge(Exception):
    pass


def usable_schema(declared: Any) -> tuple[dict[str, Any], str]:
    """The schema to use, of type object, and what had to be given up, as a sentence ("" for nothing)."""
    if not isinstance(declared, dict):
        return _anything(), "Its input schema is not an object, so its arguments are not checked here."
    try:
        schema = _Cleaner(declared).clean(declared, 0)
    except _TooLarge:
        return _anything(), "Its input schema is too large or refers to itself, so its arguments are not checked here."
    if schema.get("type", "object") != "object" or not _is_valid(schema):
        return _anything(), "Its input schema is not valid, so its arguments are not checked here."
    schema = {"type": "object", **schema}
    if not isinstance(schema.get("properties", {}), dict) or len(msgspec.json.encode(schema)) > LARGEST:
        return _anything(), "Its input schema is too large, so its arguments are not checked here."
    schema.setdefault("properties", {})
    return schema, ""


def _anything() -> dict[str, Any]:
    return {"type": "object", "properties": {}, "additionalProperties": True}


def _is_valid(schema: dict[str, Any]) -> bool:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError):
        return False
    return True


class _Cleaner:
    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.nodes = 0

    def clean(self, node: Any, depth: int) -> Any:
        self.nodes += 1
        if self.nodes > _NODES or depth > _DEPTH:
            raise _TooLarge
        if isinstance(node, str):
            return visible(node)
        if isinstance(node, list):
            return [self.clean(item, depth + 1) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return self.clean({**self._referred(node["$ref"]), **beside}, depth + 1)
        return {
            key: self._named(value, depth + 1) if key in _NAMED else self.clean(value, depth + 1)
            for key, value in node.items()
            if key not in _LEFT_OUT and isinstance(key, str)
        }

    def _named(self, value: Any, depth: int) -> Any:
        if not isinstance(value, dict):
            raise _TooLarge
        return {visible(str(name)): self.clean(item, depth + 1) for name, item in value.items()}

    def _referred(self, reference: str) -> dict[str, Any]:
        found: Any = self.root if reference.startswith("#") else {}
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}
