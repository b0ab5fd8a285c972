"""Transcribing by PocketSphinx: English, rough, with a model that comes with the package."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hermes_host.errors import BadRequest
from hermes_host.services import Transcript
from hermes_voice.recordings import as_wave, bytes_of

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.messages import Media
    from hermes_voice.specs import TranscriberSpec

__all__ = ["PocketSphinx", "connect"]


def connect(context: PluginContext, spec: TranscriberSpec) -> PocketSphinx:
    """The transcriber."""
    return PocketSphinx()


class PocketSphinx:
    """Keeps its decoder: loading it takes 0.2 s."""

    def __init__(self) -> None:
        self._decoder: Any = None
        self._one_at_a_time = asyncio.Lock()

    async def transcribe(self, audio: Media, *, language: str = "", model: str = "") -> Transcript:
        """The words of a recording."""
        if language not in ("", "en"):
            raise BadRequest(
                f"PocketSphinx knows English alone, not {language!r}.", remedy="Choose another: stt.provider."
            )
        samples = await as_wave(await bytes_of(audio))
        async with self._one_at_a_time:
            text = await asyncio.to_thread(self._decode, samples)
        return Transcript(text=text, language="en", source="pocketsphinx")

    def _decode(self, samples: bytes) -> str:
        from pocketsphinx import Decoder

        if self._decoder is None:
            self._decoder = Decoder(samprate=16000, loglevel="FATAL")
        self._decoder.start_utt()
        self._decoder.process_raw(samples, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return str(found.hypstr) if found else ""
