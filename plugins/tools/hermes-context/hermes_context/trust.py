"""Which project files the user trusts: by place and content, so that a changed file is asked about again.

`trusted.json` in the plugin's folder maps `place:path` to the SHA-256 of the content that was trusted. That content is
kept beside it, so that a change can be shown as one.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import time
from typing import TYPE_CHECKING, Any, Literal

from hermes_context.workspace import inside
from hermes_host.config import files
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from hermes_context.settings import TrustMode

__all__ = ["State", "TrustStore", "digest"]

State = Literal["trusted", "untrusted", "changed", "unusable"]
"""Used; never trusted; trusted once, but with another content; not a text that could be used."""


def digest(data: bytes) -> str:
    """The SHA-256 of a file's content, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class TrustStore:
    """Trust on disk. `directory` is the plugin's own folder."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "trusted.json"
        self._contents = directory / "contents"

    def state(self, key: str, root: str, sha256: str, mode: TrustMode) -> State:
        """What holds for this content at this place. A damaged store trusts nothing."""
        if mode == "all":
            return "trusted"
        try:
            known = self._load()
        except ConfigError:
            return "untrusted"
        entry = known["files"].get(key)
        if isinstance(entry, dict) and entry.get("sha256") == sha256:
            return "trusted"
        if mode == "workspace" and root in known["directories"]:
            return "trusted"
        return "untrusted" if entry is None else "changed"

    def trust(self, key: str, root: str, data: bytes) -> None:
        """Trust this content at this place. Raises `ConfigError` when that cannot be stored."""
        sha256 = digest(data)
        text = data.decode("utf-8", "replace")
        with files.locked(self.file):
            known = self._load()
            files.write_private(self._contents / sha256, text)
            known["files"][key] = {"sha256": sha256, "time": int(time.time())}
            known["directories"][root] = {"time": int(time.time())}
            self._store(known)

    def untrust(self, key: str) -> list[str]:
        """Take trust from this place and everything below it; gives what had it.

        Directories above it lose theirs too, or a file would stay trusted where `context.trust` is `workspace`.
        """
        with files.locked(self.file):
            known = self._load()
            place, _, path = key.partition(":")
            gone = {
                "files": [each for each in known["files"] if _below(each, place, path)],
                "directories": [
                    each
                    for each in known["directories"]
                    if _below(each, place, path) or _below(key, place, each.partition(":")[2])
                ],
            }
            for group, keys in gone.items():
                for each in keys:
                    del known[group][each]
            if any(gone.values()):
                self._store(known)
            return sorted(gone["files"] or gone["directories"])

    def difference(self, key: str, text: str, name: str) -> str:
        """A unified diff from what was trusted at this place to `text`; empty where nothing was trusted."""
        entry = self._load()["files"].get(key)
        before = files.read_text(self._contents / str(entry.get("sha256", ""))) if isinstance(entry, dict) else None
        if before is None:
            return ""
        lines = difflib.unified_diff(
            before.splitlines(), text.splitlines(), f"{name} (trusted)", f"{name} (now)", lineterm=""
        )
        return "\n".join(lines)

    def check(self) -> None:
        """Raise `ConfigError` when the store is damaged."""
        self._load()

    def _store(self, known: dict[str, dict[str, Any]]) -> None:
        files.write_private(self.file, json.dumps(known, indent=2, sort_keys=True) + "\n")
        wanted = {entry.get("sha256") for entry in known["files"].values() if isinstance(entry, dict)}
        for kept in self._contents.iterdir() if self._contents.is_dir() else ():
            if kept.name not in wanted:
                kept.unlink(missing_ok=True)

    def _load(self) -> dict[str, dict[str, Any]]:
        text = files.read_text(self.file)
        if text is None:
            return {"files": {}, "directories": {}}
        try:
            known = json.loads(text)
            found = {group: known[group] for group in ("files", "directories")}
        except (ValueError, KeyError, TypeError, RecursionError):
            found = {}
        if not found or not all(isinstance(group, dict) for group in found.values()):
            raise ConfigError(f"{self.file} is damaged.", remedy="Delete it; project files are then asked about again.")
        return found


def _below(key: str, place: str, path: str) -> bool:
    its_place, _, its_path = key.partition(":")
    return its_place == place and inside(its_path, path)
