"""Transcribing by faster-whisper, on this machine. Models come from its own hub at first use."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

from hermes_host.errors import ProviderError
from hermes_host.services import Transcript
from hermes_voice.recordings import bytes_of

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_host.messages import Media
    from hermes_voice.specs import TranscriberSpec

__all__ = ["Whisper", "connect"]


def connect(context: PluginContext, spec: TranscriberSpec) -> Whisper:
    """The transcriber."""
    return Whisper()


class Whisper:
    """Keeps the model it loaded last."""

    def __init__(self) -> None:
        self._loaded: tuple[str, Any] = ("", None)
        self._one_at_a_time = asyncio.Lock()

    async def transcribe(self, audio: Media, *, language: str = "", model: str = "") -> Transcript:
        """The words of a recording."""
        data = await bytes_of(audio)
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._transcribe, data, language, model or "base")

    def _transcribe(self, data: bytes, language: str, model: str) -> Transcript:
        from faster_whisper import WhisperModel

        try:
            if self._loaded[0] != model:
                self._loaded = (model, WhisperModel(model))
            segments, info = self._loaded[1].transcribe(io.BytesIO(data), language=language or None)
            text = " ".join(segment.text.strip() for segment in segments)
        except (OSError, RuntimeError, ValueError) as error:
            raise ProviderError(f"faster-whisper: {error}") from error
        return Transcript(text=text, language=info.language, source="whisper")
