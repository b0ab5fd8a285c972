"""What providers said of their own models, kept in one file for each provider, with the time it was said."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from hermes_host.protocols import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["VendorCache"]


class _Answer(msgspec.Struct, frozen=True):
    time: float
    """Seconds since the epoch."""
    models: tuple[ModelInfo, ...]


class VendorCache:
    """Answers of providers in a folder. A file that cannot be read counts as none: it can be fetched again."""

    def __init__(self, directory: Path, *, days: float, clock: Callable[[], float] = time.time) -> None:
        """Answers older than `days` are not used. `clock` gives seconds since the epoch."""
        self._directory = directory
        self._seconds = days * 86_400
        self._clock = clock
        self._read: dict[str, tuple[float, dict[str, ModelInfo]]] = {}

    def model(self, provider: str, model: str) -> ModelInfo | None:
        """What the provider said of that model, None where it said nothing lately."""
        return self._fresh(provider).get(model)

    def models(self, provider: str) -> Sequence[ModelInfo]:
        """All the provider named lately."""
        return list(self._fresh(provider).values())

    def learned(self, provider: str) -> float:
        """When the provider was last asked, in seconds since the epoch; 0 for never or too long ago."""
        return self._loaded(provider)[0] if self._fresh(provider) else 0.0

    def providers(self) -> Sequence[str]:
        """The providers there is a file of."""
        from urllib.parse import unquote

        return sorted(unquote(path.stem) for path in self._directory.glob("*.json"))

    def store(self, provider: str, infos: Sequence[ModelInfo]) -> None:
        """Keep an answer in place of the one before. Raises `OSError`."""
        answer = _Answer(self._clock(), tuple(infos))
        path = self._path(provider)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_bytes(msgspec.json.encode(answer))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        self._read[provider] = _index(answer)

    def _fresh(self, provider: str) -> dict[str, ModelInfo]:
        learned, models = self._loaded(provider)
        return models if self._clock() - learned <= self._seconds else {}

    def _loaded(self, provider: str) -> tuple[float, dict[str, ModelInfo]]:
        if provider not in self._read:
            try:
                answer = msgspec.json.decode(self._path(provider).read_bytes(), type=_Answer)
            except (OSError, msgspec.DecodeError):
                answer = _Answer(0.0, ())
            self._read[provider] = _index(answer)
        return self._read[provider]

    def _path(self, provider: str) -> Path:
        return self._directory / f"{quote(provider, safe='')}.json"


def _index(answer: _Answer) -> tuple[float, dict[str, ModelInfo]]:
    return answer.time, {info.id: info for info in answer.models}
