"""What a settings type says: its fields, its words for a person, and the type at a path.

Types are resolved once and kept; nothing here looks at a value's content.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from hermes_host.config.secret import Secret

__all__ = [
    "Field",
    "bare",
    "default_of",
    "describe",
    "expected",
    "fields_of",
    "is_union",
    "kind_at",
    "mentions_secret",
    "normalise",
    "project_part",
    "struct_in",
    "union_parts",
    "variables_of",
]

Path = tuple[str, ...]


class Field(NamedTuple):
    """A setting as its Struct declares it."""

    name: str
    """The key in config.yaml."""
    attribute: str
    """The name in Python."""
    type: Any
    default: Any
    required: bool
    description: str
    project: bool
    """True when a project's file may set it (`Meta(extra={"project": True})`)."""
    shorthand: bool
    """True when a plain value in place of the whole section means this field (`extra={"shorthand": True}`)."""
    aliases: tuple[str, ...]
    """Older names of the key (`extra={"aliases": ("old",)}`)."""
    environment: tuple[str, ...]
    """Variables that set it, the first one that is set counting (`extra={"environment": ("SOME_NAME",)}`)."""


@cache
def fields_of(kind: Any) -> Mapping[str, Field]:
    """The settings of a Struct class by their keys."""
    found = {}
    for field in msgspec.structs.fields(kind):
        extra = {key: value for meta in _metas(field.type) for key, value in (meta.extra or {}).items()}
        default = field.default if field.default is not msgspec.NODEFAULT else None
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        found[field.encode_name] = Field(
            field.encode_name,
            field.name,
            field.type,
            default,
            field.required,
            describe(field.type),
            extra.get("project") is True,
            extra.get("shorthand") is True,
            tuple(extra.get("aliases", ())),
            tuple(extra.get("environment", ())),
        )
    return found


def is_struct(kind: Any) -> bool:
    """Whether the type is a `msgspec.Struct` class."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def struct_in(kind: Any) -> Any:
    """The Struct a type stands for: itself, or the only one of an optional or union; else None."""
    kind = bare(kind)
    if is_struct(kind):
        return kind
    structs = [part for part in union_parts(kind) if is_struct(part)] if is_union(kind) else []
    return structs[0] if len(structs) == 1 else None


@cache
def variables_of(kind: Any) -> Mapping[Path, tuple[str, ...]]:
    """The environment variables the settings of a section's type name, by the path below the section."""
    return dict(_variables(kind, (), ()))


def _variables(kind: Any, path: Path, inside: tuple[Any, ...]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    struct = struct_in(kind)
    if struct is None or struct in inside:
        return
    for field in fields_of(struct).values():
        if field.environment:
            yield (*path, field.name), field.environment
        yield from _variables(field.type, (*path, field.name), (*inside, struct))


def normalise(value: Any, kind: Any) -> Any:
    """The value with a shorthand written out and older key names replaced by today's, through all nested Structs."""
    struct = struct_in(kind)
    if struct is None:
        return value
    fields = fields_of(struct)
    if value is None:
        return None if type(None) in union_parts(kind) else {}
    if not isinstance(value, Mapping):
        short = next((field.name for field in fields.values() if field.shorthand), None)
        return value if short is None or isinstance(value, list) else {short: value}
    renamed: dict[str, str] = {alias: field.name for field in fields.values() for alias in field.aliases}
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = renamed.get(str(key), str(key))
        if name != key and name in value:
            continue
        result[name] = normalise(item, fields[name].type) if name in fields else item
    return result


def kind_at(kind: Any, path: Path) -> Any:
    """The type of the setting at that path below `kind`, None where there is no such setting."""
    if not path or kind is Any:
        return kind
    for part in union_parts(kind):
        inner: Any = None
        if is_struct(part):
            fields = fields_of(part)
            field = fields.get(path[0]) or next((each for each in fields.values() if path[0] in each.aliases), None)
            inner = field.type if field is not None else None
        elif get_origin(part) is dict:
            inner = get_args(part)[1]
        elif part is dict:
            inner = Any
        elif get_origin(part) is list and path[0].isdecimal():
            inner = get_args(part)[0]
        if inner is not None and (found := kind_at(inner, path[1:])) is not None:
            return found
    return None


def project_part(value: Any, kind: Any, path: Path) -> tuple[Any, Sequence[Path]]:
    """What a project may set of this (normalised) value, and the paths of the rest."""
    if any(meta.extra and meta.extra.get("project") is True for meta in _metas(kind)):
        return value, ()
    struct = struct_in(kind)
    if struct is None or not isinstance(value, Mapping):
        return None, (path,)
    fields, allowed = fields_of(struct), {}
    ignored: list[Path] = []
    for key, item in value.items():
        part, rest = project_part(item, fields[key].type, (*path, key)) if key in fields else (None, ((*path, key),))
        ignored += rest
        if part is not None:
            allowed[key] = part
    return allowed or None, ignored


def bare(kind: Any) -> Any:
    """The type without `Annotated`."""
    return bare(get_args(kind)[0]) if get_origin(kind) is Annotated else kind


def is_union(kind: Any) -> bool:
    """Whether the type is a union."""
    return get_origin(kind) in (Union, types.UnionType)


def union_parts(kind: Any) -> tuple[Any, ...]:
    """The members of a union, or the type alone, each without `Annotated`."""
    kind = bare(kind)
    return tuple(part for each in get_args(kind) for part in union_parts(each)) if is_union(kind) else (kind,)


def mentions_secret(kind: Any) -> bool:
    """Whether a value of that type holds a `Secret` anywhere."""
    if bare(kind) is Secret:
        return True
    if is_struct(bare(kind)):
        return any(mentions_secret(field.type) for field in fields_of(bare(kind)).values())
    return any(mentions_secret(part) for part in get_args(bare(kind)))


def default_of(kind: Any) -> Any:
    """The default of a section that is no Struct: `Meta(extra={"default": …})`, else the type's empty value."""
    for meta in _metas(kind):
        if meta.extra and "default" in meta.extra:
            return meta.extra["default"]
    make: Callable[[], Any] = get_origin(bare(kind)) or bare(kind)
    return make()


def describe(kind: Any) -> str:
    """What the annotations of a type say it is for."""
    return " ".join(meta.description for meta in _metas(kind) if meta.description)


def expected(kind: Any) -> str:
    """The type in words: `a whole number, at least 1`."""
    words = " or ".join(dict.fromkeys(_words(part) for part in union_parts(kind)))
    return words + "".join(f", {limit}" for meta in _metas(kind) for limit in _limits(meta))


def _words(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return "one of " + ", ".join(str(word) or "(empty)" for word in arguments)
    if origin in (list, tuple, set, frozenset, Sequence):
        inner = _words(bare(arguments[0])) if arguments else ""
        return f"a list of {inner.replace('a mapping', 'mappings')}" if inner else "a list"
    if origin is dict or kind is dict or is_struct(kind):
        return "a mapping"
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Secret: "text"}
    return words.get(kind, "nothing" if kind in (None, type(None)) else getattr(kind, "__name__", str(kind)))


def _limits(meta: msgspec.Meta) -> Iterator[str]:
    for name, words in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
        if (limit := getattr(meta, name)) is not None:
            yield f"{words} {limit}"
    if meta.pattern is not None:
        yield f"matching {meta.pattern}"
    if meta.min_length is not None:
        yield f"not shorter than {meta.min_length}"
    if meta.max_length is not None:
        yield f"not longer than {meta.max_length}"


def _metas(kind: Any) -> Iterator[msgspec.Meta]:
    if get_origin(kind) is Annotated:
        base, *metas = get_args(kind)
        yield from _metas(base)
        yield from (meta for meta in metas if isinstance(meta, msgspec.Meta))
