"""Surgical edits: exactly the wanted setting changes, and every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_host.config import edit
from hermes_host.config.document import Document, read
from hermes_host.config.layers import lookup
from hermes_host.errors import ConfigError


def document(text: str) -> Document:
    found = read("config.yaml", text)
    assert not found.broken, found.problems
    return found


def changed(text: str, path: str, value: Any) -> str:
    return edit.with_value(document(text), tuple(path.split(".")), value)


def removed(text: str, path: str) -> str:
    return edit.without(document(text), tuple(path.split(".")))


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a: 1  # one\nb: 2\n", "a", 3, "a: 3  # one\nb: 2\n"),
        ("a: 'x'   # q\n", "a", "y", "a: y   # q\n"),
        ("a:\n  b: 1\n\n  # c\n  d: 2\nz: 9\n", "a.d", 5, "a:\n  b: 1\n\n  # c\n  d: 5\nz: 9\n"),
        ("a:\n  b: 1\n# tail\nz: 9\n", "a.c", True, "a:\n  b: 1\n  c: true\n# tail\nz: 9\n"),
        ("a:\n    b: 1\n", "a.c.d", 2, "a:\n    b: 1\n    c:\n      d: 2\n"),
        ("a: {b: 1}  # f\n", "a.c", "x, y", "a: {b: 1, c: 'x, y'}  # f\n"),
        ("a: {}\n", "a.c", 1, "a: {c: 1}\n"),
        ("a: {\n  b: 1,  # one\n  }\n", "a.c", 1, "a: {\n  b: 1, c: 1,  # one\n  }\n"),
        ("a:  # nothing yet\nb: 1\n", "a.c", 1, "a:  # nothing yet\n  c: 1\nb: 1\n"),
        ("# only a comment\n", "a.b", 1, "# only a comment\na:\n  b: 1\n"),
        ("", "a", [1, 2], "a: [1, 2]\n"),
        ("a: 1", "b", 2, "a: 1\nb: 2\n"),
        ("a: |\n  text\n  more\n\nb: 1\n", "a", "short", "a: short\n\nb: 1\n"),
        ("a: |\n  text\n", "b", 1, "a: |\n  text\nb: 1\n"),
        ("a: |+\n  text\n\n", "b", 1, "a: |+\n  text\n\nb: 1\n"),
        ("a:\n- x\n- y\nb: 1\n", "a", ["z"], "a:\n- z\nb: 1\n"),
        ("a:\n  # why\n  - x\nb: 1\n", "a", "plain", "a: plain\nb: 1\n"),
        ("a: &anchor 1\nb: 2\n", "a", 5, "a: &anchor 5\nb: 2\n"),
        ("a: &x 1\nb: *x\n", "b", 5, "a: &x 1\nb: 5\n"),
        ("base: &b {x: 1}\nc:\n  <<: *b\n  y: 2\n", "c.x", 9, "base: &b {x: 1}\nc:\n  <<: *b\n  y: 2\n  x: 9\n"),
        ("a: 1\r\nb: 2\r\n", "c", 3, "a: 1\r\nb: 2\r\nc: 3\r\n"),
        ("\ufeffa: 1\n", "a", 2, "\ufeffa: 2\n"),
        ("a: 1\n...\n", "b", 2, "a: 1\nb: 2\n...\n"),
        ("---\na: 1\n", "b", "${KEY}", "---\na: 1\nb: ${KEY}\n"),
        ("servers:\n- name: a\n  url: u\n", "servers.0.url", "v", "servers:\n- name: a\n  url: v\n"),
        ("a: 1\n", "a", "two\nlines", 'a: "two\\nlines"\n'),
        ("a: 1\n", "a", "off", "a: 'off'\n"),
        ("a: 1\n", "a", "12", "a: '12'\n"),
        ("a: 1\n", "a", "12:30", "a: '12:30'\n"),
        ("a: 1\n", "a", "😀 é", "a: 😀 é\n"),
    ],
)
def test_one_setting_changes(before: str, path: str, value: Any, after: str) -> None:
    assert changed(before, path, value) == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("a: 1\nb: 2  # two\nc: 3\n", "b", "a: 1\nc: 3\n"),
        ("a:\n  # why\n  b: 1\nc: 3\n", "a.b", "a:\n  # why\nc: 3\n"),
        ("a: {b: 1, c: 2}\n", "a.b", "a: {c: 2}\n"),
        ("a: {b: 1, c: 2}\n", "a.c", "a: {b: 1}\n"),
        ("a: {b: 1}\n", "a.b", "a: {}\n"),
        ("a:\n  b:\n    c: 1\n  # keep\n  d: 2\n", "a.b", "a:\n  # keep\n  d: 2\n"),
        ("a: |\n  x\n\n# c\nb: 1\n", "a", "\n# c\nb: 1\n"),
        ("a: 1", "a", ""),
    ],
)
def test_one_setting_is_removed(before: str, path: str, after: str) -> None:
    assert removed(before, path) == after


def test_a_renamed_key_keeps_value_place_and_comments() -> None:
    before = "a:\n  old: '${X}'  # why\n  z: 1\n"
    assert edit.renamed(document(before), ("a", "old"), "new") == "a:\n  new: '${X}'  # why\n  z: 1\n"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: &x 1\nb: *x\n", "a"),
        ("a: &x {k: 1}\nb: *x\n", "b.k"),
        ("base: &b {x: 1}\nc: {<<: *b}\n", "base.x"),
        ("a: 1\na: 2\nb: 1\n", "c"),
    ],
)
def test_an_edit_that_would_touch_something_else_is_refused_or_harmless(text: str, path: str) -> None:
    before = document(text)
    try:
        after = changed(text, path, 7)
    except ConfigError as error:
        assert "Nothing was changed" in str(error)
        return
    found = document(after).data
    assert lookup(found, tuple(path.split("."))) == 7
    others = [key for key in before.data if key != path.split(".")[0]]
    assert {key: found[key] for key in others} == {key: before.data[key] for key in others}


def test_removing_what_is_not_there_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"a\.b is not set"):
        removed("a: {c: 1}\n", "a.b")


# ------------------------------------------------------------------------------------------------- any document

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)
KEYS = st.sampled_from(["alpha", "beta", "gamma", "delta", "on", "12", "with space", "ключ", "a-b", "x.y"])
SCALARS = st.one_of(st.integers(-999, 999), st.booleans(), st.none(), WORDS, st.floats(allow_nan=False, width=16))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A document as a person might write it: comments, blank lines, flow and block style, several kinds of quotes."""
    data = draw(st.dictionaries(KEYS, VALUES, max_size=5))
    lines: list[str] = []
    _write(draw, data, 0, lines)
    if draw(st.booleans()):
        lines.append("# the end")
    return "\n".join(lines) + ("\n" if draw(st.booleans()) else ""), data


def _write(draw: st.DrawFn, data: dict[str, Any], indent: int, lines: list[str]) -> None:
    for key, value in data.items():
        if draw(st.integers(0, 3)) == 0:
            lines.append(" " * indent + "# about the next one")
        if draw(st.integers(0, 5)) == 0:
            lines.append("")
        head = " " * indent + json.dumps(key, ensure_ascii=False) + ":"
        comment = draw(st.sampled_from(["", "", "  # note", " # ${X} 'quoted"]))
        if isinstance(value, dict) and value and draw(st.booleans()):
            lines.append(head + comment)
            _write(draw, value, indent + draw(st.sampled_from([1, 2, 4])), lines)
        elif isinstance(value, list) and value and draw(st.booleans()):
            lines.append(head + comment)
            step = draw(st.sampled_from([0, 2]))
            lines += [" " * (indent + step) + "- " + _flow(item) for item in value]
        elif value is None and draw(st.booleans()):
            lines.append(head + comment)
        else:
            lines.append(f"{head} {_flow(value)}{comment}")


def _flow(value: Any) -> str:
    # JSON is YAML, with floats that always have a point.
    return json.dumps(value, ensure_ascii=False)


def _paths(data: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(data, dict):
        return []
    return [found for key, item in data.items() for found in [(*path, key), *_paths(item, (*path, key))]]


@settings(max_examples=300, deadline=None)
@given(written(), st.data())
def test_setting_any_value_anywhere_changes_nothing_else(
    source: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    text, _ = source
    before = document(text)
    holders = [path for path in [(), *_paths(before.data)] if isinstance(lookup(before.data, path), dict | None)]
    targets = [*_paths(before.data), *((*path, "new") for path in holders)]
    path = data.draw(st.sampled_from(targets))
    value = data.draw(VALUES.filter(lambda value: value is not None))

    after = edit.with_value(before, path, value)

    # `with_value` itself compares all data; what it cannot see are the comments and the lines of the others.
    assert lookup(document(after).data, path) == value
    touched = _lines_of(before, path)
    kept = [line for number, line in enumerate(text.split("\n")) if number not in touched]
    assert _is_subsequence(kept, after.split("\n")), (kept, after)


@settings(max_examples=200, deadline=None)
@given(written(), st.data())
def test_removing_any_setting_removes_nothing_else(source: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    text, _ = source
    before = document(text)
    if not (paths := _paths(before.data)):
        return
    path = data.draw(st.sampled_from(paths))

    after = edit.without(before, path)

    assert path[-1] not in (lookup(document(after).data, path[:-1]) or {})
    touched = _lines_of(before, path)
    kept = [line for number, line in enumerate(text.split("\n")) if number not in touched]
    assert _is_subsequence(kept, after.split("\n")), (kept, after)


def _lines_of(before: Document, path: tuple[str, ...]) -> set[int]:
    """The numbers of the lines that may change: the setting's own, or that of the mapping a new one goes into."""
    node = before.node(path)
    if node is None:
        holder = before.node(path[:-1])
        same_line = isinstance(holder, yaml.ScalarNode) or getattr(holder, "flow_style", False)
        return {holder.start_mark.line} if same_line and holder is not None else set()
    first = node.start_mark.line
    if getattr(node, "flow_style", None) is False:
        first -= 1  # its key stands on the line above its first item, or further up behind comments
        lines = before.text.split("\n")
        while lines[first].strip().startswith("#") or not lines[first].strip():
            first -= 1
    return set(range(first, node.end_mark.line + 1))


def _is_subsequence(parts: list[str], whole: list[str]) -> bool:
    remaining = iter(whole)
    return all(part in remaining for part in parts)
