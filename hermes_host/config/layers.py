"""The layers of the configuration, and how they lie upon each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hermes_host.config.paths import split_path

if TYPE_CHECKING:
    from hermes_host.config.document import Document

__all__ = [
    "Layer",
    "Origin",
    "document_layer",
    "environment_layers",
    "lookup",
    "merge",
    "named_layer",
    "override_layer",
    "scalar",
]

Origin = Literal["default", "file", "project", "environment", "command line"]
Path = tuple[str, ...]

_PREFIX = "HERMES__"
_PLAIN_WORD = r"(?:[A-Za-z_/]|\.\.?(?=/|$))[A-Za-z0-9_./+@:%-]*"
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False, "null": None}


class Layer:
    """One source of settings: its data, and where and how each value was written there."""

    def __init__(self, origin: Origin, data: Mapping[str, Any], *, placeholders: bool = False) -> None:
        self.origin: Origin = origin
        self.data = data
        self.placeholders = placeholders
        """Whether `${VAR}` stands for a variable here. Only in the user's own file."""
        self.texts: dict[Path, str] = {}
        self.places: dict[Path, str] = {}
        self.document: Document | None = None

    def text_of(self, path: Path) -> str | None:
        """The scalar at that path as it was written."""
        for shorter in (path, path[:-1]):
            text = self.texts.get(shorter) if self.document is None else self.document.text_of(shorter)
            if text is not None:
                return text
        return None

    def where(self, path: Path) -> str:
        """The file and line, or the variable; for a key under an older name, of what holds it."""
        for length in range(len(path), 0, -1):
            shorter = path[:length]
            if self.document is not None and self.document.node(shorter) is not None:
                return self.document.where(shorter)
            if shorter in self.places:
                return self.places[shorter]
        return "" if self.document is None else self.document.name


def document_layer(origin: Origin, document: Document, *, placeholders: bool) -> Layer:
    """The layer of a file."""
    layer = Layer(origin, document.data, placeholders=placeholders)
    layer.document = document
    return layer


def environment_layers(environ: Mapping[str, str]) -> Iterator[Layer]:
    """The layers of the variables that spell out a path, weakest first: `HERMES__SECTION`, then deeper ones."""
    found: dict[int, dict[Path, tuple[str, str]]] = {}
    for name in sorted(environ):
        if name.startswith(_PREFIX):
            path = tuple(part.lower() for part in name.removeprefix(_PREFIX).split("__"))
            if all(path):
                found.setdefault(len(path), {})[path] = (environ[name], name)
    for depth in sorted(found):
        yield _layer("environment", found[depth])


def named_layer(section: str, kinds: Iterable[Any], environ: Mapping[str, str]) -> Layer | None:
    """The layer of the variables that a section's types name for their settings; None where none of them is set.

    The weakest of the environment. An empty variable counts as not set.
    """
    from hermes_host.config.kinds import variables_of

    found: dict[Path, tuple[str, str]] = {}
    for kind in kinds:
        for path, names in variables_of(kind).items():
            name = next((name for name in names if environ.get(name, "").strip()), "")
            if name:
                found[section, *path] = (environ[name].strip(), name)
    return _layer("environment", found) if found else None


def override_layer(overrides: Mapping[str, Any]) -> Layer:
    """The layer of the command line: dotted path -> value; text is read as a YAML scalar.

    Raises `ConfigError` for a key that is no path.
    """
    return _layer("command line", {split_path(path): (value, path) for path, value in overrides.items()})


def _layer(origin: Origin, values: Mapping[Path, tuple[Any, str]]) -> Layer:
    data: dict[str, Any] = {}
    layer = Layer(origin, data)
    for path, (value, place) in values.items():
        parent = data
        for part in path[:-1]:
            inner = parent.get(part)
            if not isinstance(inner, dict):
                inner = parent[part] = {}
            parent = inner
        parent[path[-1]] = scalar(value) if isinstance(value, str) else value
        layer.places[path] = f"${place}" if origin == "environment" else "the command line"
        if isinstance(value, str):
            layer.texts[path] = value
    return layer


def scalar(text: str) -> Any:
    """The text read as a YAML value; the text itself where it is none. Plain words and numbers need no parser."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if not text.strip() or re.fullmatch(_PLAIN_WORD, text):
        return text
    if re.fullmatch(r"[-+]?(?:0|[1-9][0-9]*)", text):
        return int(text)
    from hermes_host.config.document import parse_value

    return parse_value(text)


def merge(values: Sequence[Any]) -> Any:
    """The values of all layers, best first, as one: mappings are merged, anything else replaces what lies below."""
    merged: Any = None
    for value in reversed(values):
        merged = _over(merged, value)
    return merged


def _over(below: Any, above: Any) -> Any:
    if isinstance(above, Mapping):
        result = dict(below) if isinstance(below, Mapping) else {}
        for key, value in above.items():
            result[key] = _over(result.get(key), value)
        return result
    return below if above is None else above


def lookup(value: Any, path: Path) -> Any:
    """What stands at that path, None where nothing does."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
