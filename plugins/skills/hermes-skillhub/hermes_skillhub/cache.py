"""Answers of hubs, kept for a while in the cache directory; any of them may be deleted at any time."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

__all__ = ["Cache"]

_ENTRIES = 2_000


class Cache:
    """One file for each answer, by a hexadecimal key."""

    def __init__(self, folder: Path, lifetime: float = 3600.0) -> None:
        self._folder = folder
        self._lifetime = lifetime

    async def read(self, key: str, lifetime: float | None = None) -> bytes | None:
        """What was kept less than `lifetime` seconds ago (the cache's own where that is None)."""
        return await asyncio.to_thread(self._read, key, self._lifetime if lifetime is None else lifetime)

    async def write(self, key: str, data: bytes) -> None:
        """Keep it. A full or read-only disk is no error: it is only a cache."""
        await asyncio.to_thread(self._write, key, data)

    def _read(self, key: str, lifetime: float) -> bytes | None:
        path = self._folder / f"{key}.json"
        try:
            age = time.time() - path.stat().st_mtime
            # A clock that was set back must not make an answer live for ever.
            return path.read_bytes() if 0 <= age < lifetime else None
        except OSError:
            return None

    def _write(self, key: str, data: bytes) -> None:
        temporary = self._folder / f".{key}.{os.getpid()}.{os.urandom(4).hex()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            temporary.replace(self._folder / f"{key}.json")
            self._trim()
        except OSError:
            temporary.unlink(missing_ok=True)

    def _trim(self) -> None:
        entries = list(os.scandir(self._folder))
        if len(entries) > _ENTRIES:
            oldest = sorted(entries, key=lambda entry: entry.stat().st_mtime)[: len(entries) - _ENTRIES + 200]
            for entry in oldest:
                Path(entry.path).unlink(missing_ok=True)
