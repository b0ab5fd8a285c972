"""One YAML file: its text, its data, and where each value stands.

Scalars are read as YAML 1.1 has it, like PyYAML and Hermes Agent (`yes`, `on` and `off` are truth values), less its
traps: `12:30`, `2026-01-31`, `1_000` and `010` are text. `Document.text_of` gives a scalar as it was written, for a
setting of type text.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from hermes_host.config.problems import Problem
from hermes_host.config.secret import mask_line

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Document", "Loader", "Path", "parse_value", "read"]

Path = tuple[str | int, ...]

LARGEST: Final = 100_000
"""Values a file may hold once its aliases are followed; more is an attack or an accident."""

_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(_FastLoader):  # type: ignore[misc]  # one of two classes, the C one where it was built
    """The safe loader with the scalars described above."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}


def _construct_int(loader: Any, node: yaml.ScalarNode) -> int:
    text = node.value.lower()
    return int(text, 16 if "x" in text else 10)


_TAG = "tag:yaml.org,2002:"
Loader.add_implicit_resolver(
    f"{_TAG}bool", re.compile(r"(?:yes|no|true|false|on|off)$", re.IGNORECASE), list("yYnNtTfFoO")
)
Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+)$"), list("-+0123456789"))
Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+][0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)
Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
Loader.add_implicit_resolver(f"{_TAG}merge", re.compile(r"<<$"), ["<"])
Loader.add_constructor(f"{_TAG}int", _construct_int)


class Document:
    """A file that was read. `data` is empty and `broken` is true when its text is not one YAML mapping."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.data: dict[str, Any] = {}
        self.broken = False
        self.problems: list[Problem] = []
        self.root: yaml.Node | None = None

    def node(self, path: Path) -> yaml.Node | None:
        """The node at that path, or None. A key that comes from a merge (`<<`) has none."""
        node = self.root
        for part in path:
            if isinstance(node, yaml.MappingNode):
                matches = [value for key, value in node.value if key.value == str(part)]
                node = matches[-1] if matches else None
            elif isinstance(node, yaml.SequenceNode) and str(part).isdecimal() and int(part) < len(node.value):
                node = node.value[int(part)]
            else:
                return None
        return node

    def text_of(self, path: Path) -> str | None:
        """The scalar at that path as it was written, without quotes, or None where there is no scalar."""
        node = self.node(path)
        return node.value if isinstance(node, yaml.ScalarNode) else None

    def where(self, path: Path) -> str:
        """The file and the line of the value at that path."""
        node = self.node(path)
        return self.name if node is None else f"{self.name}, line {node.start_mark.line + 1}"


def read(name: str, text: str, *, aliases: bool = True) -> Document:
    """Read the text of a file called `name`. Never raises: what is wrong is in `problems`.

    With `aliases=False` anchors and aliases are refused, for text whose author is not trusted.
    """
    document = Document(name, text)
    loader = None
    try:
        loader = Loader(text.removeprefix("\ufeff"))
        document.root = loader.get_single_node()
        if document.root is not None:
            _Inspection(document, aliases).inspect()
            document.data = loader.construct_document(document.root) or {}
            if not isinstance(document.data, dict):
                raise _Unusable(
                    "Its top level is not a mapping of sections.", "Write it as `section:` and `key: value`."
                )
    except (yaml.YAMLError, _Unusable, RecursionError, ValueError) as error:
        document.data = {}
        document.broken = True
        document.problems = [_broken(document, error)]
    finally:
        if loader is not None:
            loader.dispose()
    return document


def parse_value(text: str) -> Any:
    """One value in YAML, such as `[a, b]` or `1.5`; the text itself where it is not YAML."""
    document = read("", f"value: {text}")
    return text if document.broken or list(document.data) != ["value"] else document.data["value"]


class _Unusable(Exception):
    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class _Inspection:
    """One walk over the nodes: keys must be text and stand once, and aliases must not blow up or bite their tail."""

    def __init__(self, document: Document, aliases: bool) -> None:
        self._document = document
        self._aliases = aliases
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()

    def inspect(self) -> None:
        assert self._document.root is not None
        if self._size(self._document.root, ()) > LARGEST:
            raise _Unusable(f"It holds more than {LARGEST:,} values.")

    def _size(self, node: yaml.Node, path: Path) -> int:
        if id(node) in self._open:
            raise _Unusable(f"The alias on line {node.start_mark.line + 1} contains itself.")
        if (known := self._sizes.get(id(node))) is not None:
            if not self._aliases:
                raise _Unusable("Anchors and aliases are not allowed here.", "Write the values out.")
            return known
        self._open.add(id(node))
        size = 1
        if isinstance(node, yaml.MappingNode):
            size += self._keys(node, path)
        elif isinstance(node, yaml.SequenceNode):
            size += sum(self._size(item, (*path, index)) for index, item in enumerate(node.value))
        self._open.discard(id(node))
        self._sizes[id(node)] = size
        return size

    def _keys(self, node: yaml.MappingNode, path: Path) -> int:
        size = 0
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _Unusable(f"Line {line}: a key must be plain text.")
            if key.tag != f"{_TAG}merge":
                # A key is text whatever it looks like: `on: 1` and `123: x` are found under the name that was written.
                key.tag = f"{_TAG}str"
            if key.value in seen and key.tag != f"{_TAG}merge":
                dotted = ".".join(map(str, (*path, key.value)))
                self._document.problems.append(
                    Problem(
                        dotted,
                        f"The key stands twice, on line {seen[key.value]} and line {line}; the later one counts.",
                        "Delete one of the two.",
                        where=f"{self._document.name}, line {line}",
                    )
                )
            seen[key.value] = line
            size += self._size(value, (*path, key.value))
        return size


def _broken(document: Document, error: Exception) -> Problem:
    if isinstance(error, _Unusable):
        message = f"The file cannot be used: {error.message} {error.remedy}".rstrip()
    elif isinstance(error, yaml.YAMLError):
        message = _syntax_error(document.text, error)
    else:
        message = "The file cannot be used: it is nested too deeply or holds an impossible value."
    remedy = "Correct it, or run `hermes config edit`; until then the defaults are used and nothing is written to it."
    return Problem(os.path.basename(document.name), message, remedy, where=document.name)


def _syntax_error(text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return f"The file is not valid YAML: {error}."
    reason = getattr(error, "problem", None) or getattr(error, "context", None) or "it cannot be read"
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"The file is not valid YAML ({place}): {reason}.{_excerpt(text, mark.line, mark.column)}"


def _excerpt(text: str, line: int, column: int) -> str:
    lines: Sequence[str] = text.split("\n")
    if line >= len(lines):
        return ""
    shown = mask_line(lines[line].rstrip("\r").replace("\t", " ")[:200])
    return f"\n    {shown}\n    {' ' * min(column, len(shown))}^\n"
