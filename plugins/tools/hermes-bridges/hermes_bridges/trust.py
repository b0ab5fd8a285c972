"""What the owner consented to: which folders are used, with the hash of everything in them at that moment."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from hermes_host.context import private_directory
from hermes_host.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FILE", "Consent", "TrustStore"]

FILE = "trust.json"


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One folder as it was accepted."""

    name: str
    path: str
    kind: str
    hash: str
    files: dict[str, str] = {}
    accepted: float = 0.0
    """When, in seconds since the epoch."""
    guards: bool = False
    """Whether it judges tool calls: while it is off though it was not removed, calls are asked about."""
    servers: dict[str, str] = {}
    """The MCP servers that were set up from it: their names in config.yaml, and their own."""


class _Document(msgspec.Struct, kw_only=True):
    version: int = 1
    bridges: list[Consent] = []


class TrustStore:
    """The consents of one home, in a file only the owner can read."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the plugin's state directory."""
        self.file = folder / FILE
        self._seen: tuple[int, int] | None = None
        self._consents: dict[str, Consent] = {}

    def all(self) -> list[Consent]:
        """All of them, by name. Raises `ConfigError` where the file cannot be read: then nothing is trusted."""
        try:
            facts = os.stat(self.file)
        except FileNotFoundError:
            self._seen, self._consents = None, {}
            return []
        seen = (facts.st_mtime_ns, facts.st_ino)
        if seen != self._seen:
            try:
                document = msgspec.json.decode(self.file.read_bytes(), type=_Document)
            except (OSError, msgspec.MsgspecError) as error:
                self._seen, self._consents = None, {}
                raise ConfigError(
                    f"{self.file} cannot be read ({error}), so no bridge is used.",
                    remedy="Remove the file and add the folders again: hermes bridges add PATH.",
                ) from error
            self._consents = {item.name: item for item in document.bridges}
            self._seen = seen
        return sorted(self._consents.values(), key=lambda item: item.name)

    def find(self, name: str) -> Consent | None:
        """The consent of that name."""
        return next((item for item in self.all() if item.name == name), None)

    def keep(self, consent: Consent) -> None:
        """Add or replace one."""
        self._write([*(item for item in self.all() if item.name != consent.name), consent])

    def remove(self, name: str) -> None:
        """Forget one."""
        self._write([item for item in self.all() if item.name != name])

    def _write(self, consents: list[Consent]) -> None:
        private_directory(self.file.parent)
        temporary = self.file.with_name(f".{FILE}-{secrets.token_hex(4)}")
        data = msgspec.json.format(msgspec.json.encode(_Document(bridges=consents)), indent=1)
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.file)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
        self._seen = None
