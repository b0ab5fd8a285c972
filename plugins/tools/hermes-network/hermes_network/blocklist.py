"""`security.website_blocklist`: sites of the user and of shared files, read again when a file changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_host.errors import ConfigError
from hermes_network.errors import AddressRefused
from hermes_network.sites import Sites, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hermes_network.settings import WebsiteBlocklist

__all__ = ["Blocklist"]

_FILE_BYTES = 32 << 20
_COMMENT = re.compile(r"(^|\s)[#!].*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# The format of a hosts file, in which many lists are shared.
_HOSTS_FILE = re.compile(r"(?:0\.0\.0\.0|127\.0\.0\.1|::1?)\s+(\S.*)")
_HOSTS_FILE_ITSELF = {"localhost", "localhost.localdomain", "local", "broadcasthost", "0.0.0.0", "ip6-localhost"}


class Blocklist:
    """The list in force. A file that cannot be read blocks everything: what it would have said is not known."""

    def __init__(self, settings: WebsiteBlocklist, home: Path | None) -> None:
        self._settings = settings
        self.files = tuple(_path(name, home) for name in listed(settings.shared_files)) if settings.enabled else ()
        own = listed(settings.domains) if settings.enabled else []
        self._own = Sites((_bare(entry) for entry in own), where="security.website_blocklist.domains", below=True)
        self._read: dict[Path, tuple[tuple[int, int, int], Sites]] = {}

    def lists(self) -> list[Sites]:
        """What is blocked now. Raises `AddressRefused` with the rule `blocklist` while a file cannot be used."""
        return [self._own, *(self._of_file(path) for path in self.files)]

    def _of_file(self, path: Path) -> Sites:
        try:
            about = path.stat()
            state = (about.st_mtime_ns, about.st_size, about.st_ino)
            known = self._read.get(path)
            if known is not None and known[0] == state:
                return known[1]
            if about.st_size > _FILE_BYTES:
                raise ConfigError(f"it is larger than {_FILE_BYTES >> 20} MB")
            text = path.read_text(encoding="utf-8-sig")
            sites = Sites(_entries(text), where=path.name, below=True)
        except (OSError, UnicodeDecodeError, ConfigError) as error:
            self._read.pop(path, None)
            reason = getattr(error, "strerror", None) or getattr(error, "message", None) or "it is not UTF-8 text"
            raise AddressRefused(
                f"A list of blocked sites cannot be used, so nothing is asked: {path.name}: {reason.rstrip('.')}.",
                rule="blocklist",
                remedy="Repair it, or take it out of security.website_blocklist.shared_files.",
            ) from error
        self._read[path] = (state, sites)
        return sites


def _entries(text: str) -> Iterator[str]:
    for line in text.splitlines():
        entry = _COMMENT.sub("", line).strip() if "#" in line or "!" in line else line.strip()
        if not entry:
            continue
        hosts = _HOSTS_FILE.fullmatch(entry) if " " in entry or "\t" in entry else None
        if hosts is None:
            yield _bare(entry) if ":" in entry else entry
            continue
        for name in hosts[1].split():
            if name not in _HOSTS_FILE_ITSELF:
                yield name


def _bare(entry: str) -> str:
    """The host of an entry that was written as an address: more is blocked then, never less."""
    match = _SCHEME.match(entry) if isinstance(entry, str) else None
    return re.split(r"[/?#]", entry[match.end() :], maxsplit=1)[0].rpartition("@")[2] if match else entry


def _path(name: str, home: Path | None) -> Path:
    path = Path(name).expanduser()
    return path if path.is_absolute() or home is None else home / path
