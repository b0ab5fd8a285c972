"""What plugins that transcribe or speak yield from the hooks `hermes_transcribers` and `hermes_synthesizers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from hermes_host.messages import Media
    from hermes_host.services import Transcript

__all__ = ["Synthesizer", "SynthesizerSpec", "Transcriber", "TranscriberSpec"]


class TranscriberSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A way to turn speech into text. Target: `(context: PluginContext, spec: TranscriberSpec) -> Transcriber`."""

    name: str
    summary: str
    target: str
    available: str = ""
    """Target `(context: PluginContext) -> str`: empty when it can be used, else what is missing. Cheap, no network."""
    remote: bool = False
    """The recording leaves this machine."""
    priority: int = 0
    """Without `stt.provider`, the available one with the highest priority is used."""


class SynthesizerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A way to read text aloud. Target: `(context: PluginContext, spec: SynthesizerSpec) -> Synthesizer`."""

    name: str
    summary: str
    target: str
    available: str = ""
    remote: bool = False
    """The text leaves this machine."""
    priority: int = 0


class Transcriber(Protocol):
    """Turns recordings into text."""

    async def transcribe(self, audio: Media, *, language: str = "", model: str = "") -> Transcript:
        """The words of a recording (bytes, or a `file:` URL), at most 25 MB. `language` is an ISO 639-1 code.

        Raises `ProviderError`, `BadRequest`.
        """
        ...


class Synthesizer(Protocol):
    """Reads text aloud."""

    async def speak(self, text: str, *, voice: str = "", model: str = "", mime: str = "audio/ogg") -> Media:
        """A recording of plain text of at most 4,000 characters, as `mime` if it can, else as something else.

        Raises `ProviderError`.
        """
        ...
