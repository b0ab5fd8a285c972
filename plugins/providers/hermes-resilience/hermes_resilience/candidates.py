"""Models that may be asked: as they are written in the settings, and as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from hermes_host.protocols import ModelRequest

__all__ = ["Candidate", "read_candidates"]

_KEYS = ("provider", "model", "api_key_env")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A model at a provider. `credential` is the name of a secret, empty for the provider's own or its pool's."""

    provider: str
    model: str
    credential: str = ""

    @property
    def name(self) -> str:
        """`provider:model`."""
        return f"{self.provider}:{self.model}"

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same model."""
        return self.provider, self.model

    def at(self, provider: str) -> Candidate:
        """The same, with a provider where none was named."""
        return self if self.provider else msgspec.structs.replace(self, provider=provider)

    @classmethod
    def of(cls, request: ModelRequest) -> Candidate:
        """The one a request asks for."""
        return cls(provider=request.provider, model=request.model, credential=request.credential)


def read_candidates(written: object) -> tuple[Sequence[Candidate], Sequence[str]]:
    """The candidates of a setting (a list, or one alone), and a sentence for each entry that cannot be used.

    A candidate without a provider stands for another model at the provider of the request.
    """
    entries: Iterable[object] = written if isinstance(written, list | tuple) else (written,)
    found: list[Candidate] = []
    faults: list[str] = []
    for entry in entries:
        if isinstance(entry, str):
            _read_text(entry.strip(), found, faults)
        elif isinstance(entry, Mapping):
            _read_mapping({str(key): str(value).strip() for key, value in entry.items()}, found, faults)
    return found, faults


def _read_text(text: str, found: list[Candidate], faults: list[str]) -> None:
    provider, colon, model = text.partition(":")
    if not colon:
        provider, model = "", text
    if model:
        found.append(Candidate(provider=provider, model=model))
    elif text:
        faults.append(f"{text!r} names no model; write `provider:model`.")


def _read_mapping(entry: Mapping[str, str], found: list[Candidate], faults: list[str]) -> None:
    if not any(entry.values()):
        return
    shown = ", ".join(f"{key}: {value}" for key, value in entry.items() if key in _KEYS)
    if entry.get("base_url"):
        # To drop the address silently would send the conversation somewhere else than was said.
        faults.append(f"{{{shown}}} has a base_url; give the address a name in custom_providers and name that here.")
    elif unknown := sorted(set(entry) - {*_KEYS, "base_url"}):
        faults.append(f"{{{shown}}} has unknown keys ({', '.join(unknown)}); known: {', '.join(_KEYS)}.")
    elif not entry.get("model"):
        faults.append(f"{{{shown}}} names no model.")
    else:
        found.append(
            Candidate(provider=entry.get("provider", ""), model=entry["model"], credential=entry.get("api_key_env", ""))
        )
