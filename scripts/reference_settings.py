"""The reference page of settings: the host's sections and those of every plugin in the repository."""

from __future__ import annotations

import ast
import json
import typing
from collections.abc import Iterator
from importlib import import_module
from inspect import cleandoc, getsource
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from types import UnionType
from typing import Any

import msgspec

INTRODUCTION = """\
# Settings

Every section of `config.yaml` that the host and the plugins of this repository know.
[Configuration](../guide/configuration.md) says how to change one;
`hermes config schema` lists what is installed, and `hermes config schema --json` prints it as a JSON schema.
"""


def render(root: Path) -> str:
    """The page as Markdown."""
    from hermes_host.config.sections import HOST_SECTIONS

    blocks = [INTRODUCTION.rstrip()]
    for name, kind in HOST_SECTIONS.items():
        blocks += _section(name, kind, "")
    for plugin, name, kind in _plugin_sections(root):
        blocks += _section(name, kind, plugin)
    blocks += ["## Secrets", "Kept in `.env` or the environment, never in `config.yaml`.", _secrets_table(root)]
    return "\n\n".join(blocks)


def _section(name: str, kind: Any, plugin: str) -> Iterator[str]:
    yield f"## `{name}`"
    if plugin:
        yield f"Of `{plugin}`."
    bare, description = _unwrapped(kind)
    if description:
        yield description
    struct, path = _struct_inside(bare)
    if struct is None:
        yield f"Type: {_type_name(bare)}."
        return
    yield cleandoc(struct.__doc__ or "")
    rows = list(_rows(struct, path.removeprefix(".")))
    yield "\n".join(["| Setting | Type | Default | |", "|---|---|---|---|", *rows])


def _rows(kind: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    hints = typing.get_type_hints(kind, include_extras=True)
    docstrings = _field_docstrings(kind)
    for field in msgspec.structs.fields(kind):
        bare, description = _unwrapped(hints[field.name])
        text = _cell(description or docstrings.get(field.name, "")) + _variables(hints[field.name])
        name = f"{prefix}{field.encode_name}"
        struct, path = _struct_inside(bare)
        if struct is None:
            yield f"| `{name}` | {_type_name(bare)} | {_default(field)} | {text} |"
        else:
            if text:
                yield f"| `{name}` | | | {text} |"
            yield from _rows(struct, f"{name}{path}")


def _unwrapped(hint: Any) -> tuple[Any, str]:
    """A type without its annotations, and what they say about it."""
    if typing.get_origin(hint) is not typing.Annotated:
        return hint, ""
    bare, *notes = typing.get_args(hint)
    found = [note.description for note in notes if isinstance(note, msgspec.Meta) and note.description]
    return bare, " ".join(found[0].split()) if found else ""


def _variables(hint: Any) -> str:
    """The environment variables that set a setting, in words."""
    notes = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    names = [name for note in notes for name in (getattr(note, "extra", None) or {}).get("environment", ())]
    return f" Variable: {', '.join(f'`{name}`' for name in names)}." if names else ""


def _struct_inside(kind: Any) -> tuple[type[msgspec.Struct] | None, str]:
    """The Struct a setting consists of, and how its fields are reached: `.`, `[].` or `.<name>.`"""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, "."
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {list, tuple} and arguments:
        struct, path = _struct_inside(arguments[0])
        return struct, f"[]{path}"
    if origin is dict:
        struct, path = _struct_inside(arguments[1])
        return struct, f".<name>{path}"
    return None, ""


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else None
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if isinstance(value, str | int | float | list | tuple | dict) and value not in ("", [], (), {}):
        return f"`{json.dumps(value)}`"
    return ""


def _field_docstrings(kind: type) -> dict[str, str]:
    tree = ast.parse(dedent(getsource(kind)))
    assert isinstance(tree.body[0], ast.ClassDef)
    found = {}
    for field, following in pairwise(tree.body[0].body):
        if isinstance(field, ast.AnnAssign) and isinstance(following, ast.Expr):
            value = getattr(following.value, "value", "")
            found[ast.unparse(field.target)] = " ".join(value.split()) if isinstance(value, str) else ""
    return found


def _type_name(kind: Any) -> str:
    kind, _ = _unwrapped(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments if value != "")
    if origin in {typing.Union, UnionType}:
        return " or ".join(_type_name(argument) for argument in arguments)
    return f"`{kind.__name__}`" if origin is None and hasattr(kind, "__name__") else f"`{kind}`"


def _plugin_sections(root: Path) -> Iterator[tuple[str, str, Any]]:
    for distribution, info in _infos(root):
        for section in info.sections:
            module, _, attribute = section.target.partition(":")
            yield distribution, section.name, getattr(import_module(module), attribute)


def _secrets_table(root: Path) -> str:
    rows = [
        f"| `{secret.name}` | `{distribution}` | {_cell(secret.summary)} {secret.url} |"
        for distribution, info in _infos(root)
        for secret in info.secrets
    ]
    return "\n".join(["| Secret | Plugin | |", "|---|---|---|", *rows])


def _infos(root: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(root.glob("plugins/*/*/pyproject.toml")):
        module = import_module(f"{path.parent.name.replace('-', '_')}.plugin")
        yield path.parent.name, module.hermes_plugin_info()


def _cell(text: str) -> str:
    return text.replace(" | ", " or ").replace("|", "&#124;")
