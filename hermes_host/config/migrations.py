"""Migrations of config.yaml: pure functions over the file's own data, carried out as surgical edits.

They look at what is in the file and at nothing else (never at merged defaults), so a file without `_config_version` is
migrated too. They rename and rewrite; they never drop a key they do not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hermes_host.config import edit
from hermes_host.config.document import Document, read
from hermes_host.config.layers import lookup
from hermes_host.config.paths import join_path

__all__ = ["VERSION", "Change", "changes", "migrated"]

VERSION = 11
"""The version this host writes. Hermes Agent's own files go up to 10."""

Path = tuple[str, ...]


class Change(NamedTuple):
    """One step. `new_name` renames the key; otherwise `value` replaces what is there."""

    path: Path
    summary: str
    new_name: str = ""
    value: Any = None


def changes(data: Mapping[str, Any]) -> Sequence[Change]:
    """What has to be done to a file with that data; nothing for a current one, whatever version it states."""
    version = data.get("_config_version")
    found = [change for migration in _MIGRATIONS for change in migration(data)]
    if data and (version is None or (type(version) is int and version < VERSION)):
        found.append(Change(("_config_version",), f"note version {VERSION}", value=VERSION))
    return found


def migrated(document: Document) -> str:
    """The document's text after all changes. Raises `ConfigError` when it cannot be edited; nothing is written."""
    text = document.text
    for change in changes(document.data):
        current = read(document.name, text)
        if change.new_name:
            text = edit.renamed(current, change.path, change.new_name)
        else:
            text = edit.with_value(current, change.path, change.value)
    return text


_RENAMED = {("terminal", "env_type"): "backend", ("model", "model"): "default"}


def _rename_keys(data: Mapping[str, Any]) -> Iterator[Change]:
    for path, name in _RENAMED.items():
        section = lookup(data, path[:-1])
        if isinstance(section, Mapping) and path[-1] in section and name not in section:
            new = join_path((*path[:-1], name))
            yield Change(path, f"rename {join_path(path)} to {new}", new_name=name)


_MIGRATIONS: Sequence[Callable[[Mapping[str, Any]], Iterator[Change]]] = (_rename_keys,)
