"""`skills/.hub/lock.json`, `audit.log` and `taps.json`, in the formats of Hermes Agent 0.5; unknown keys survive."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from hermes_host.config.files import read_text, write_private
from hermes_host.context import private_directory
from hermes_host.errors import ConfigError
from hermes_host.visible import one_line
from hermes_skillhub.bundles import path_fault

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Installed", "LockFile", "add_to_audit_log", "now", "read_taps", "write_taps"]


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """One skill as the lock file has it."""

    name: str
    source: str
    """The hub's name."""
    identifier: str
    trust_level: str
    scan_verdict: str
    content_hash: str
    install_path: str
    """Relative to the skills folder, with `/`."""
    files: tuple[str, ...] = ()
    hashes: Mapping[str, str] = {}
    """SHA-256 of each file; empty in an entry of Hermes Agent 0.5."""
    revision: str = ""
    repository: str = ""
    installed_at: str = ""
    updated_at: str = ""
    metadata: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}
    """Keys this version does not know."""

    @property
    def verifiable(self) -> bool:
        """Whether the entry says what the files must be."""
        return bool(self.hashes)


_KNOWN = set(Installed.__struct_fields__) - {"name", "extra"}


def now() -> str:
    """This moment as the files have it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class LockFile:
    """What is installed. Read and write it only while `hermes_host.config.files.locked` holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Installed]:
        """Every entry that can be used, by name. Raises `ConfigError` for a file that is damaged."""
        found = {}
        for name, entry in self._document()["installed"].items():
            installed = _entry(name, entry)
            if installed is not None:
                found[name] = installed
        return found

    def put(self, entry: Installed) -> None:
        """Add or replace one entry; the others stay as they are, also those that cannot be used."""
        document = self._document()
        values = msgspec.to_builtins(entry)
        extra = values.pop("extra")
        name = values.pop("name")
        document["installed"][name] = {**extra, **{key: value for key, value in values.items() if value != ""}}
        self._write(document)

    def drop(self, name: str) -> None:
        """Remove one entry, where there is one."""
        document = self._document()
        if document["installed"].pop(name, None) is not None:
            self._write(document)

    def _document(self) -> dict[str, Any]:
        text = read_text(self.path)
        if text is None:
            return {"version": 1, "installed": {}}
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged() from error
        if not isinstance(document, dict) or not isinstance(document.get("installed", {}), dict):
            raise self._damaged()
        document.setdefault("installed", {})
        return document

    def _write(self, document: dict[str, Any]) -> None:
        write_private(self.path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")

    def _damaged(self) -> ConfigError:
        return ConfigError(
            f"{self.path} is damaged.",
            remedy="Move it away and install the skills again with --force; nothing was changed.",
        )


def _entry(name: str, entry: Any) -> Installed | None:
    """An entry, or None for one that names something outside the skills folder or is none."""
    if not isinstance(entry, dict) or "/" in name or path_fault(name):
        return None
    path = str(entry.get("install_path", name)).rstrip("/")
    files = [str(file) for file in entry.get("files") or [] if isinstance(file, str)]
    if path_fault(path) or any(path_fault(file) for file in files):
        return None
    hashes = entry.get("hashes")
    metadata = entry.get("metadata")
    return Installed(
        name=name,
        install_path=path,
        files=tuple(files),
        hashes={str(key): str(value) for key, value in hashes.items()} if isinstance(hashes, dict) else {},
        metadata=metadata if isinstance(metadata, dict) else {},
        extra={key: value for key, value in entry.items() if key not in _KNOWN},
        **{key: str(entry.get(key, "")) for key in _TEXTS},
    )


_TEXTS = (
    *("source", "identifier", "trust_level", "scan_verdict", "content_hash"),
    *("revision", "repository", "installed_at", "updated_at"),
)


def add_to_audit_log(path: Path, action: str, name: str, *words: str) -> None:
    """Add a line; what comes from outside cannot begin another one."""
    private_directory(path.parent)
    line = " ".join(one_line(word, 300) for word in (now(), action, name, *words) if word)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(f"{line}\n".encode())


_TAP = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")


def read_taps(path: Path) -> list[tuple[str, str]]:
    """The user's taps as (`owner/repo`, folder without slashes around it)."""
    text = read_text(path)
    try:
        taps = json.loads(text).get("taps", []) if text else []
    except (ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged.", remedy="Correct it or move it away.") from error
    found = []
    for tap in taps:
        repository, folder = str(tap.get("repo", "")), str(tap.get("path", "")).strip("/")
        if _TAP.fullmatch(repository) and not (folder and path_fault(folder)):
            found.append((repository, folder))
    return found


def write_taps(path: Path, taps: list[tuple[str, str]]) -> None:
    """Write them as the original does."""
    entries = [{"repo": repository, "path": f"{folder}/" if folder else ""} for repository, folder in taps]
    write_private(path, json.dumps({"taps": entries}, indent=2) + "\n")
