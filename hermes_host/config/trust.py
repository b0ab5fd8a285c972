"""Trust in project files: by content, so that a changed file is asked about again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from hermes_host.config import files
from hermes_host.errors import ConfigError

__all__ = ["ProjectFile", "is_trusted", "read_project", "trust"]

LARGEST_PROJECT_FILE = 64 * 1024


class ProjectFile(NamedTuple):
    """A project's settings as they were read: what is judged is what is used."""

    path: Path
    text: str
    sha256: str


def read_project(project: Path) -> ProjectFile | None:
    """`<project>/.hermes/config.yaml`, or None where there is none. Raises `ConfigError` when it cannot be read."""
    path = project / ".hermes" / "config.yaml"
    text = files.read_text(path, limit=LARGEST_PROJECT_FILE)
    if text is None:
        return None
    return ProjectFile(Path(os.path.realpath(path)), text, hashlib.sha256(text.encode("utf-8")).hexdigest())


def is_trusted(home: Path, file: ProjectFile) -> bool:
    """Whether the user has trusted exactly this content at exactly this place."""
    try:
        entry = _load(home).get(str(file.path))
    except ConfigError:
        return False
    return isinstance(entry, dict) and entry.get("sha256") == file.sha256


def trust(home: Path, file: ProjectFile) -> None:
    """Trust this content at this place. Raises `ConfigError` when `trusted.json` cannot be read or written."""
    store = home / "trusted.json"
    with files.locked(store):
        projects = _load(home)
        projects[str(file.path)] = {"sha256": file.sha256, "time": int(time.time())}
        files.write_private(store, json.dumps({"projects": projects}, indent=2, sort_keys=True) + "\n")


def _load(home: Path) -> dict[str, Any]:
    store = home / "trusted.json"
    text = files.read_text(store)
    if text is None:
        return {}
    try:
        projects = json.loads(text)["projects"]
    except (ValueError, KeyError, TypeError, RecursionError):
        projects = None
    if not isinstance(projects, dict):
        raise ConfigError(f"{store} is damaged.", remedy="Delete it; projects are then asked about again.")
    return projects
