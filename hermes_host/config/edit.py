"""Surgical edits of YAML text: one setting changes, every other byte stays.

The place of the value comes from the parser's own marks, the new value from the library's dumper. The result is then
read back, and the edit is refused unless exactly the wanted setting has changed. (Round-trip dumpers keep comments, but
they re-indent, re-wrap and re-quote lines that nobody touched.)
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from hermes_host.config.document import Document, Loader, read
from hermes_host.config.paths import join_path
from hermes_host.errors import ConfigError

__all__ = ["renamed", "with_value", "without"]

Path = tuple[str, ...]

_ALIAS = re.compile(r"\s*(\*[^\s,\[\]{}]+)")
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+[^\S\n]+")
_TRAILING = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?=\r?\n|\Z)")


def with_value(document: Document, path: Path, value: Any) -> str:
    """The document's text with `value` at `path`. Raises `ConfigError` when the text does not allow it."""
    wanted = _unshared(document.data)
    _assign(wanted, path, value)
    text = _Editor(document).set(path, value)
    return _verified(document, text, wanted, path)


def without(document: Document, path: Path) -> str:
    """The document's text without the setting. Raises `ConfigError` where it is not there."""
    wanted = _unshared(document.data)
    parent: Any = wanted
    for part in path[:-1]:
        parent = parent.get(part) if isinstance(parent, dict) else None
    if not isinstance(parent, dict) or path[-1] not in parent:
        raise ConfigError(f"{join_path(path)} is not set in {document.name}.", remedy="Nothing was changed.")
    del parent[path[-1]]
    text = _Editor(document).remove(path)
    return _verified(document, text, wanted, path)


def renamed(document: Document, path: Path, name: str) -> str:
    """The document's text with the last key of `path` called `name`, its value and comments as they are."""
    wanted = _unshared(document.data)
    parent: Any = wanted
    for part in path[:-1]:
        parent = parent[part]
    items = [(name if key == path[-1] else key, value) for key, value in parent.items()]
    parent.clear()
    parent.update(items)
    return _verified(document, _Editor(document).rename(path, name), wanted, path)


def _unshared(data: Any) -> Any:
    """A copy in which what an alias repeats is separate, so that a change to one place is a change to one place."""
    if isinstance(data, dict):
        return {key: _unshared(value) for key, value in data.items()}
    return [_unshared(value) for value in data] if isinstance(data, list) else data


def _assign(data: dict[str, Any], path: Path, value: Any) -> None:
    current: Any = data
    for part, following in zip(path, (*path[1:], None), strict=True):
        if isinstance(current, list):
            if not part.isdecimal() or int(part) >= len(current):
                raise ConfigError(f"{join_path(path)}: the list has no item {part!r}.", remedy="Nothing was changed.")
            key: Any = int(part)
        elif isinstance(current, dict):
            key = part
        else:
            raise ConfigError(
                f"{join_path(path)}: what holds {part!r} is not a mapping.", remedy="Nothing was changed."
            )
        if following is None:
            current[key] = value
        else:
            if isinstance(current, dict) and current.get(key) is None:
                current[key] = {}
            current = current[key]


def _verified(document: Document, text: str, wanted: Any, path: Path) -> str:
    after = read(document.name, text)
    if after.broken or not _same(after.data, wanted):
        where = document.where(path)
        raise ConfigError(
            f"{join_path(path)} cannot be changed without touching other settings ({where}).",
            remedy="Nothing was changed: an alias, a merge or a double key is in the way. Try `hermes config edit`.",
        )
    return text


def _same(one: Any, other: Any) -> bool:
    """Equal in value, type and order; an emptied mapping may read as nothing."""
    if isinstance(other, dict):
        one = {} if one is None and not other else one
        return isinstance(one, dict) and list(one) == list(other) and all(_same(one[key], other[key]) for key in other)
    if isinstance(other, list):
        return isinstance(one, list) and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))


class _Entry(NamedTuple):
    key: yaml.Node | None
    """None for an item of a list."""
    value: yaml.Node
    after: int
    """Where the text between key and value begins."""


class _Editor:
    def __init__(self, document: Document) -> None:
        self._bom = "\ufeff" if document.text.startswith("\ufeff") else ""
        self._text = document.text.removeprefix("\ufeff")
        self._newline = "\r\n" if "\r\n" in self._text else "\n"
        # Composed anew: constructing the data has rewritten the merge keys of the document's own nodes.
        loader = Loader(self._text)
        try:
            self._root: yaml.Node | None = loader.get_single_node()
        finally:
            loader.dispose()

    # -------------------------------------------------------------------------------------------------- set

    def set(self, path: Path, value: Any) -> str:
        if self._root is None or self._is_empty(self._root):
            return self._bom + self._appended(_nested(path, value))
        node, flow, column = self._root, False, 0
        for index, part in enumerate(path):
            flow = flow or bool(getattr(node, "flow_style", False))
            entry = self._entry(node, part)
            if entry is None:
                return self._bom + self._inserted(node, flow, _nested(path[index:], value))
            if isinstance(node, yaml.MappingNode) and node.value:
                column = node.value[0][0].start_mark.column
            rest = path[index + 1 :]
            if not rest or self._is_null(entry.value):
                return self._bom + self._replaced(entry, flow, column, _nested(rest, value))
            node = entry.value
        raise AssertionError("a path has at least one part")

    def _appended(self, mapping: Any) -> str:
        separator = self._newline if self._text and not self._text.endswith("\n") else ""
        return self._text + separator + self._lines(_block(mapping), 0) + self._newline

    def _inserted(self, node: yaml.Node, flow: bool, mapping: Any) -> str:
        if not isinstance(node, yaml.MappingNode):
            return self._text
        if flow:
            inside = _flow(mapping)[1:-1]
            if not node.value:
                at = node.end_mark.index - 1
                return self._text[:at].rstrip() + inside + self._text[at:]
            at = self._end(self._last(node))
            return f"{self._text[:at]}, {inside}{self._text[at:]}"
        last = self._last(node)
        column = node.value[0][0].start_mark.column
        at = self._line_end(self._block_scalar_end(last) or self._end(last))
        head = self._text[:at]
        separator = "" if head.endswith("\n") else self._newline
        return head + separator + self._lines(_block(mapping), column) + self._newline + self._text[at:]

    def _replaced(self, entry: _Entry, flow: bool, column: int, value: Any) -> str:
        was_block = self._is_block_collection(entry)
        was_flow = bool(getattr(entry.value, "flow_style", False)) and not self._is_alias(entry)
        is_collection = isinstance(value, (dict, list)) and bool(value)
        if flow or was_flow:
            return self._replaced_by_line(entry, _flow(value))
        if not is_collection or (_is_plain_list(value) and not isinstance(entry.value, yaml.SequenceNode)):
            return self._replaced_by_line(entry, _flow(value) if is_collection else _scalar(value))
        if was_block and isinstance(value, list) == isinstance(entry.value, yaml.SequenceNode):
            start, end = self._span(entry)
            lines = _block(_BlockList(value) if isinstance(value, list) else value)
            return self._text[:start] + self._lines(lines, entry.value.start_mark.column).lstrip() + self._text[end:]
        return self._replaced_by_block(entry, self._lines(_block(value), column + 2))

    def _replaced_by_line(self, entry: _Entry, new: str) -> str:
        start, end = self._span(entry)
        if self._is_block_collection(entry):
            # The old value began on a line below its key, whose own comment stays.
            comment = _TRAILING.match(self._text, entry.after)
            new += comment[0].rstrip() if comment else ""
            start = entry.after
        space = "" if start > 0 and self._text[start - 1].isspace() else " "
        return self._text[:start] + space + new + self._text[end:]

    def _replaced_by_block(self, entry: _Entry, lines: str) -> str:
        end = self._end(entry)
        was_block = self._is_block_collection(entry)
        comment = _TRAILING.match(self._text, entry.after if was_block else end)
        kept = comment[0] if comment else ""
        tail = end if was_block else end + len(kept)
        return self._text[: entry.after] + kept.rstrip() + self._newline + lines + self._text[tail:]

    # --------------------------------------------------------------------------------------- rename, remove

    def rename(self, path: Path, name: str) -> str:
        node = self._root
        for part in path[:-1]:
            entry = self._entry(node, part)
            node = entry.value if entry is not None else None
        entry = self._entry(node, path[-1])
        if entry is None or entry.key is None:
            return self._bom + self._text
        start, end = entry.key.start_mark.index, entry.key.end_mark.index
        return self._bom + self._text[:start] + _scalar(name) + self._text[end:]

    def remove(self, path: Path) -> str:
        node = self._root
        for part in path[:-1]:
            entry = self._entry(node, part)
            if entry is None:
                return self._bom + self._text
            node = entry.value
        entry = self._entry(node, path[-1])
        if entry is None or entry.key is None or not isinstance(node, yaml.MappingNode):
            return self._bom + self._text
        start, end = entry.key.start_mark.index, self._end(entry)
        if node.flow_style:
            start, end = self._with_comma(node, start, end)
        else:
            start, end = self._text.rfind("\n", 0, start) + 1, self._line_end(end)
            if self._text[start : entry.key.start_mark.index].strip():
                return self._bom + self._text
        return self._bom + self._text[:start] + self._text[end:]

    def _with_comma(self, node: yaml.MappingNode, start: int, end: int) -> tuple[int, int]:
        entries = [self._entry_of(key, value) for key, value in node.value]
        starts = [entry.key.start_mark.index for entry in entries if entry.key is not None]
        index = starts.index(start)
        if index + 1 < len(starts):
            return start, starts[index + 1]
        if index:
            return self._end(entries[index - 1]), end
        return start, end

    # ---------------------------------------------------------------------------------------------- places

    def _entry(self, node: yaml.Node | None, part: str) -> _Entry | None:
        if isinstance(node, yaml.MappingNode):
            matches = [pair for pair in node.value if pair[0].value == part]
            return self._entry_of(*matches[-1]) if matches else None
        if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
            value = node.value[int(part)]
            return _Entry(None, value, value.start_mark.index)
        return None

    def _entry_of(self, key: yaml.Node, value: yaml.Node) -> _Entry:
        colon = self._text.find(":", key.end_mark.index)
        return _Entry(key, value, colon + 1)

    def _is_alias(self, entry: _Entry) -> bool:
        # The parser gives the anchored node in place of the alias; its marks lie before the key.
        return entry.key is not None and entry.value.start_mark.index < entry.key.end_mark.index

    def _is_block_collection(self, entry: _Entry) -> bool:
        value = entry.value
        return isinstance(value, yaml.CollectionNode) and not value.flow_style and not self._is_alias(entry)

    @staticmethod
    def _is_empty(node: yaml.Node) -> bool:
        return isinstance(node, yaml.ScalarNode) and node.start_mark.index == node.end_mark.index

    @staticmethod
    def _is_null(node: yaml.Node) -> bool:
        return isinstance(node, yaml.ScalarNode) and str(node.tag) == "tag:yaml.org,2002:null"

    def _span(self, entry: _Entry) -> tuple[int, int]:
        """The text of the value, without an anchor before it."""
        if self._is_alias(entry):
            match = _ALIAS.match(self._text, entry.after)
            return match.span(1) if match else (entry.after, entry.after)
        start = entry.value.start_mark.index
        if anchor := _ANCHOR.match(self._text, start):
            start = anchor.end()
        return start, self._end(entry)

    def _end(self, entry: _Entry) -> int:
        """The end of the value's last visible character."""
        if self._is_alias(entry):
            return self._span(entry)[1]
        value = entry.value
        if isinstance(value, yaml.CollectionNode) and not value.flow_style and value.value:
            return self._end(self._last(value))
        start, end = value.start_mark.index, value.end_mark.index
        return start + len(self._text[start:end].rstrip())

    def _last(self, node: yaml.Node) -> _Entry:
        last = node.value[-1]
        return self._entry_of(*last) if isinstance(last, tuple) else _Entry(None, last, last.start_mark.index)

    def _block_scalar_end(self, entry: _Entry) -> int | None:
        """Where a block scalar at the very end of the entry ends, its blank lines included: they may belong to it."""
        while isinstance(entry.value, yaml.CollectionNode) and not entry.value.flow_style and entry.value.value:
            if self._is_alias(entry):
                return None
            entry = self._last(entry.value)
        is_block = isinstance(entry.value, yaml.ScalarNode) and entry.value.style in ("|", ">")
        if not is_block or self._is_alias(entry):
            return None
        end = entry.value.end_mark.index
        return end - 1 if self._text[end - 1 : end] == "\n" else end

    def _line_end(self, position: int) -> int:
        newline = self._text.find("\n", position)
        return len(self._text) if newline < 0 else newline + 1

    def _lines(self, block: str, column: int) -> str:
        return self._newline.join(f"{' ' * column}{line}" for line in block.rstrip("\n").split("\n"))


# ------------------------------------------------------------------------------------------------------------ dumping


class _Dumper(yaml.SafeDumper):
    """Quotes whatever either this reader or a YAML 1.1 reader would take for something else than text."""

    yaml_implicit_resolvers = {
        first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, []), *Loader.yaml_implicit_resolvers.get(first, [])]
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *Loader.yaml_implicit_resolvers}
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # One line always: a value that spans lines could not be found again by a person who looks for its key.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\n" in text else None)


class _BlockList(list[Any]):
    """A list with an item on each line."""


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    on_one_line = not isinstance(items, _BlockList) and _is_plain_list(items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True if on_one_line else None)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(_BlockList, _represent_list)


def _dump(value: Any, flow: bool) -> str:
    try:
        text: str = yaml.dump(
            value, Dumper=_Dumper, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=float("inf")
        )
    except yaml.YAMLError as error:
        raise ConfigError(
            "The value cannot be written as YAML.", remedy="Use text, numbers, lists, mappings."
        ) from error
    return text.rstrip("\n")


def _block(value: Any) -> str:
    return _dump(value, False)


def _flow(value: Any) -> str:
    # A lone scalar could need more quotes between braces than on a line of its own, so it is dumped inside a list.
    return _dump([value], True)[1:-1]


def _scalar(value: Any) -> str:
    return _dump({"key": value}, False).removeprefix("key: ")


def _is_plain_list(value: Any) -> bool:
    """Whether the value is a list that is best written on one line."""
    return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)


def _nested(path: Path, value: Any) -> Any:
    for part in reversed(path):
        value = {part: value}
    return value
