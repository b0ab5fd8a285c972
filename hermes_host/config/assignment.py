"""`KEY VALUE` as a person types it: what is meant by the value, and whether it belongs in config.yaml or in `.env`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin

from hermes_host.config.kinds import kind_at, union_parts
from hermes_host.config.layers import lookup, scalar
from hermes_host.config.paths import join_path, split_path
from hermes_host.config.placeholders import is_placeholder, placeholder_name
from hermes_host.config.secret import Secret
from hermes_host.config.secrets import belongs_in_env_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hermes_host.config.configuration import Config

__all__ = ["Assignment", "assign", "is_secret_key", "resolve_key"]


class Assignment(NamedTuple):
    """What was done."""

    file: Literal["config.yaml", ".env"]
    name: str
    """The path that was set, or the variable."""
    referrer: str = ""
    """The setting that refers to the variable, where it was set through one."""


def resolve_key(config: Config, key: str) -> str:
    """The setting or variable a person means: `TERMINAL_ENV` is `terminal.backend`, `x_api_key` is `X_API_KEY`."""
    if key.isupper() and (path := config.path_of_variable(key)):
        return path
    is_variable = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", key) is not None
    if is_variable and not config.kinds(key) and _in_env_file(config, key.upper()):
        return key.upper()
    return key


def is_secret_key(config: Config, key: str) -> bool:
    """Whether the (resolved) key holds a secret: a variable of `.env`, or a setting of the type `Secret`."""
    return _in_env_file(config, key) or _is_secret_setting(config, split_path(key))


def assign(config: Config, key: str, text: str, *, force: bool = False) -> Assignment:
    """Set a (resolved) key to what was typed. Raises `ConfigError`, and then nothing has changed.

    A literal for a setting of type `Secret` goes to `.env`, and config.yaml gets a placeholder for it.
    """
    if _in_env_file(config, key):
        config.secrets.set(key, text)
        config.reload()
        return Assignment(".env", key)
    path = split_path(key)
    if _is_secret_setting(config, path) and text and not is_placeholder(text):
        return _assign_secret(config, path, text, force)
    config.set(key, _meaning(config, path, text), force=force)
    return Assignment("config.yaml", key)


def _assign_secret(config: Config, path: Sequence[str], text: str, force: bool) -> Assignment:
    data = next((layer.data for layer in config.layers if layer.origin == "file"), {})
    name = placeholder_name(lookup(data, tuple(path)))
    new = not name
    name = name or re.sub(r"[^A-Z0-9]+", "_", "_".join(path).upper()).strip("_")
    config.secrets.check(name, text)
    if new:
        config.set(join_path(path), f"${{{name}}}", force=force)
    config.secrets.set(name, text)
    config.reload()
    return Assignment(".env", name, join_path(path))


def _in_env_file(config: Config, name: str) -> bool:
    return name in config.secrets.declared or belongs_in_env_file(name)


def _is_secret_setting(config: Config, path: Sequence[str]) -> bool:
    kinds = [kind_at(kind, tuple(path[1:])) for kind in config.kinds(path[0])]
    return any(Secret in union_parts(kind) for kind in kinds if kind is not None)


def _meaning(config: Config, path: Sequence[str], text: str) -> Any:
    """The value the text stands for, by the declared type: a word stays a word where words are wanted."""
    kinds = [kind_at(kind, tuple(path[1:])) for kind in config.kinds(path[0])]
    parts = [part for kind in kinds if kind is not None for part in union_parts(kind)]
    words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    if text in words or (parts and all(part is str for part in parts)):
        return text
    value = scalar(text)
    wants_list = any(get_origin(part) is list or part is list for part in parts)
    if wants_list and isinstance(value, str) and str not in parts:
        return [item.strip() for item in value.split(",") if item.strip()]
    return value
