"""Dotted paths: `terminal.timeout`; a part that holds a dot stands in double quotes: `servers."my.host".port`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["join_path", "split_path"]

_PART = r'(?:"([^"]+)"|([^."]+))(\.|$)'


def split_path(path: str) -> tuple[str, ...]:
    """The parts of a dotted path. Raises `ConfigError` when it is not one."""
    if '"' not in path and all(path.split(".")):
        return tuple(path.split("."))
    parts = []
    position = 0
    while match := re.match(_PART, path[position:]):
        parts.append(match[1] or match[2])
        position += match.end()
        if not match[3]:
            break
    if not parts or position != len(path) or path.endswith("."):
        raise ConfigError(f"{path!r} is not the name of a setting.", remedy="Write it as section.key.")
    return tuple(parts)


def join_path(parts: Sequence[str | int]) -> str:
    """The dotted path of these parts."""
    return ".".join(f'"{part}"' if "." in str(part) else str(part) for part in parts)
