"""`${VAR}` in config.yaml: expanded when a value is read, and never when the file is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Unset", "expand", "first_unset", "is_placeholder", "placeholder_name", "written_out"]

# Compiled at first use (`re` keeps them): most files have no placeholder.
_PLACEHOLDER = r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}"
_WHOLE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"


@dataclass(frozen=True, slots=True)
class Unset:
    """Stands for a text with a placeholder whose variable is not set."""

    name: str
    text: str


def expand(value: Any, variable: Callable[[str], str]) -> Any:
    """The value with `${NAME}` and `${NAME:-default}` replaced in every text; `$${` stands for a literal `${`.

    A text whose variable is not set (or empty, without a default) becomes `Unset`.
    """
    if isinstance(value, str):
        return _expand_text(value, variable) if "${" in value else value
    if isinstance(value, Mapping):
        return {key: expand(item, variable) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item, variable) for item in value]
    return value


def _expand_text(text: str, variable: Callable[[str], str]) -> str | Unset:
    missing: list[str] = []

    def replacement(match: re.Match[str]) -> str:
        if match[1] is None:
            return "${"
        found = variable(match[1]) or match[2]
        if found is None:
            missing.append(match[1])
            return ""
        return found

    expanded = re.sub(_PLACEHOLDER, replacement, text)
    return Unset(missing[0], text) if missing else expanded


def first_unset(value: Any) -> Unset | None:
    """The first placeholder in the value that could not be expanded."""
    if isinstance(value, Unset):
        return value
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return next((found for item in items if (found := first_unset(item)) is not None), None)


def written_out(value: Any) -> Any:
    """The value with the placeholders that could not be expanded as they were written."""
    if isinstance(value, Unset):
        return value.text
    if isinstance(value, Mapping):
        return {key: written_out(item) for key, item in value.items()}
    return [written_out(item) for item in value] if isinstance(value, list) else value


def placeholder_name(value: Any) -> str:
    """The variable's name when the value is one placeholder and nothing else, else an empty string."""
    match = re.fullmatch(_WHOLE, value) if isinstance(value, str) else None
    return match[1] if match else ""


def is_placeholder(value: Any) -> bool:
    """Whether the value is text that holds a placeholder."""
    return isinstance(value, str) and re.search(_PLACEHOLDER, value) is not None
