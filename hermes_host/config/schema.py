"""The declared sections as one JSON schema, for editors and for programs that write config.yaml."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import msgspec

from hermes_host.config.kinds import bare, fields_of, is_union, mentions_secret, struct_in
from hermes_host.config.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hermes_host.config.configuration import Config
    from hermes_host.config.kinds import Field

__all__ = ["description_of", "json_schema", "plain"]


def json_schema(config: Config) -> dict[str, Any]:
    """The JSON schema (2020-12) of config.yaml with all declared sections.

    `x-environment` lists the variables that set a setting.
    """
    properties: dict[str, Any] = {}
    for declaration in config.declarations:
        if declaration.kind is None:
            continue
        schema = _schema(declaration.kind, ())
        known = properties.setdefault(declaration.section, schema)
        if known is not schema and "properties" in known and "properties" in schema:
            known["properties"] |= schema["properties"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.yaml",
        "type": "object",
        "properties": properties,
    }


def _schema(kind: Any, inside: tuple[Any, ...]) -> dict[str, Any]:
    struct = struct_in(kind)
    if struct is not None and struct not in inside:
        return _object(struct, is_union(bare(kind)), (*inside, struct))
    origin, arguments = get_origin(bare(kind)), get_args(bare(kind))
    if struct is not None:
        return {"type": "object"}
    if origin in (dict, list) and (struct_in(arguments[-1]) is not None or mentions_secret(arguments[-1])):
        inner = _schema(arguments[-1], inside)
        plain = (
            {"type": "object", "additionalProperties": inner} if origin is dict else {"type": "array", "items": inner}
        )
        return _annotations(kind) | plain
    return msgspec.json.schema(kind, schema_hook=_secret_schema)


def _object(struct: Any, nullable: bool, inside: tuple[Any, ...]) -> dict[str, Any]:
    fields = fields_of(struct)
    properties = {}
    for field in fields.values():
        properties[field.name] = _schema(field.type, inside)
        if text := description_of(struct, field):
            properties[field.name]["description"] = text
        if not field.required and not mentions_secret(field.type):
            properties[field.name]["default"] = plain(field.default)
        if field.environment:
            properties[field.name]["x-environment"] = list(field.environment)
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    short = next((field.name for field in fields.values() if field.shorthand), None)
    if short is not None:
        schema["type"] = ["object", properties[short].get("type", "string")]
    if nullable:
        schema["type"] = ["object", "null"]
    if required := [field.name for field in fields.values() if field.required]:
        schema["required"] = required
    if struct.__doc__:
        schema["description"] = inspect.cleandoc(struct.__doc__)
    return schema


def _annotations(kind: Any) -> dict[str, Any]:
    """What the annotations around a type say: descriptions and limits."""
    if get_origin(kind) is not Annotated:
        return {}
    said = msgspec.json.schema(Annotated[(dict[str, Any], *get_args(kind)[1:])])
    return {key: value for key, value in said.items() if key not in ("type", "additionalProperties")}


def _secret_schema(kind: Any) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "writeOnly": True}
    return {}


def description_of(struct: Any, field: Field) -> str:
    """What a field is for: its `Meta(description=…)`, else the text below it in the class's source."""
    return field.description or _docstrings(struct).get(field.attribute, "")


@cache
def _docstrings(struct: Any) -> Mapping[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    except (OSError, TypeError, SyntaxError):
        return {}
    found = {}
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    for field, text in zip(body, body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[field.target.id] = " ".join(text.value.value.split())
    return found


def plain(value: Any) -> Any:
    """A setting as JSON values; secrets are masked."""
    return msgspec.to_builtins(value, enc_hook=str)
