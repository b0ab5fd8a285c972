"""A look at the syntax of an edited file, for the languages that can be checked in process."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LARGEST_CHECKED", "new_problem"]

LARGEST_CHECKED = 1_000_000
"""Characters of the largest text that is looked at."""


def new_problem(path: str, before: str | None, after: str) -> str:
    """The first syntax error in `after`, as `line 3: …`; empty where there is none, or `before` was already broken."""
    checker = _CHECKERS.get(posixpath.splitext(path)[1].lower())
    if checker is None or len(after) > LARGEST_CHECKED or not after.strip():
        return ""
    problem = _run(checker, after)
    if not problem or (before is not None and before.strip() and _run(checker, before)):
        return ""
    return problem


def _run(checker: Callable[[str], str], text: str) -> str:
    try:
        return checker(text)
    except Exception:  # noqa: BLE001 - a parser may fail in its own ways on odd input; the edit must not fail with it
        return ""


def _python(text: str) -> str:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            # Nothing is run. Compiling costs no more than building the tree as objects, and finds more.
            compile(text, "<edited>", "exec", dont_inherit=True)
        except SyntaxError as error:
            return f"line {error.lineno}: {error.msg}"
        except ValueError as error:
            return str(error)
    return ""


def _json(text: str) -> str:
    import json

    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}: {error.msg}"
    except ValueError as error:
        return str(error)
    return ""


def _toml(text: str) -> str:
    import tomllib

    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return str(error)
    return ""


def _xml(text: str) -> str:
    from xml.parsers import expat

    # Without handlers expat loads no external entity and expands none; a document that declares entities is not judged.
    if "<!ENTITY" in text:
        return ""
    parser = expat.ParserCreate("utf-8")
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        return f"line {error.lineno}: {expat.ErrorString(error.code)}"
    return ""


def _ini(text: str) -> str:
    import configparser

    try:
        configparser.RawConfigParser(allow_no_value=True, strict=False).read_string(text)
    except configparser.MissingSectionHeaderError as error:
        return f"line {error.lineno}: no section header before it"
    except configparser.ParsingError as error:
        return f"line {error.errors[0][0]}: cannot be parsed"
    except configparser.Error as error:
        return str(error).replace("\n", " ")
    return ""


def _yaml(text: str) -> str:
    try:
        import yaml
    except ImportError:
        return ""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for _ in yaml.parse(text, Loader=loader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return f"line {mark.line + 1}: {error.problem}" if mark is not None else str(error.problem)
    except yaml.YAMLError as error:
        return str(error).replace("\n", " ")
    return ""


_CHECKERS: dict[str, Callable[[str], str]] = {
    ".py": _python,
    ".pyi": _python,
    ".json": _json,
    ".toml": _toml,
    ".xml": _xml,
    ".svg": _xml,
    ".xsd": _xml,
    ".ini": _ini,
    ".yaml": _yaml,
    ".yml": _yaml,
}
