"""All settings as rows for a person or a script: path, value, origin. Secrets are masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hermes_host.config.kinds import default_of, describe, expected, fields_of, struct_in, variables_of
from hermes_host.config.paths import join_path
from hermes_host.config.placeholders import is_placeholder
from hermes_host.config.schema import description_of, plain
from hermes_host.config.secret import Secret, is_secret_key

if TYPE_CHECKING:
    from hermes_host.config.configuration import Config

__all__ = ["KnownSetting", "Setting", "known_settings", "leaves", "masked", "secrets_set", "settings"]

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting in force."""

    path: str
    value: Any
    """As JSON has it."""
    origin: str
    where: str
    """The file and line, or the variable; empty for a default."""
    environment: tuple[str, ...] = ()
    """The variables that are made to set it."""


@dataclass(frozen=True, slots=True)
class KnownSetting:
    """A setting that could be made."""

    path: str
    expected: str
    """Its type in words."""
    default: Any
    description: str
    plugin: str
    environment: tuple[str, ...] = ()
    """The variables that are made to set it."""


def settings(config: Config, section: str = "") -> Iterator[Setting]:
    """The settings in force, those that are defaults included. Raises `NotFound` for a section nobody knows."""
    if section:
        config.get(join_path((section,)))
    used = {name for layer in config.layers for name in layer.data}
    names = [section] if section else sorted({*(each.section for each in config.declarations), *used})
    for name in names:
        kinds = config.kinds(name)
        values = [config.section(name, kind) for kind in kinds] if kinds else [config.raw(name)]
        variables = {(name, *path): found for kind in kinds for path, found in variables_of(kind).items()}
        for value in values:
            for path, leaf in leaves(value, (name,)):
                dotted = join_path(path)
                origin, where = config.origin(dotted), config.where(dotted)
                yield Setting(dotted, masked(path, leaf), origin, where, variables.get(path, ()))


def secrets_set(config: Config) -> Iterator[Setting]:
    """The secrets that are set, masked."""
    for name in config.secrets.names():
        origin = config.secrets.origin(name)
        yield Setting(name, "***", origin, str(config.secrets.file) if origin == ".env" else f"${name}")


def known_settings(config: Config) -> Iterator[KnownSetting]:
    """Every setting that is declared."""
    for declaration in config.declarations:
        kind = declaration.kind
        if kind is not None:
            yield from _known(kind, (declaration.section,), declaration.plugin)


def _known(kind: Any, path: Path, plugin: str) -> Iterator[KnownSetting]:
    struct = struct_in(kind)
    if struct is None:
        yield KnownSetting(join_path(path), expected(kind), default_of(kind), describe(kind), plugin)
        return
    for field in fields_of(struct).values():
        inner = struct_in(field.type)
        if inner is not None and inner is not struct:
            yield from _known(field.type, (*path, field.name), plugin)
            continue
        text = description_of(struct, field)
        dotted, default = join_path((*path, field.name)), plain(field.default)
        yield KnownSetting(dotted, expected(field.type), default, text, plugin, field.environment)


def leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The single settings below a value, with their paths; a list is one setting."""
    struct = struct_in(type(value))
    if struct is not None:
        for field in fields_of(struct).values():
            yield from leaves(getattr(value, field.attribute), (*path, field.name))
    elif isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, str(key)))
    else:
        yield path, value


def masked(path: Path, value: Any) -> Any:
    """The value as JSON has it, masked where its type or the name of its key says that it is a secret."""
    if isinstance(value, Mapping):
        return {key: masked((*path, str(key)), item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(path, item) for item in value]
    if struct_in(type(value)) is not None:
        return {key: masked((*path, key), item) for key, item in plain_fields(value).items()}
    if isinstance(value, Secret):
        return str(value)
    secret = isinstance(value, str) and value and is_secret_key(path[-1]) and not is_placeholder(value)
    return "***" if secret else plain(value)


def plain_fields(value: Any) -> Mapping[str, Any]:
    """A Struct's settings by their keys."""
    kind: Any = type(value)
    return {field.name: getattr(value, field.attribute) for field in fields_of(kind).values()}
