"""Speech by servers that speak OpenAI's API: `/audio/transcriptions` and `/audio/speech`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hermes_host.errors import (
    AuthFailed,
    BadRequest,
    ConnectionLost,
    InvalidResponse,
    Overloaded,
    ProviderError,
    RateLimited,
)
from hermes_host.messages import Media
from hermes_host.services import Transcript
from hermes_voice.recordings import bytes_of, suffix_of

if TYPE_CHECKING:
    from hermes_host.context import PluginContext
    from hermes_voice.specs import SynthesizerSpec, TranscriberSpec

__all__ = ["Server", "groq", "openai", "speech"]

_SECONDS = 60.0
_LARGEST_ANSWER = 50_000_000
_FORMATS = {"audio/ogg": "opus", "audio/mpeg": "mp3", "audio/wav": "wav", "audio/flac": "flac", "audio/aac": "aac"}


def openai(context: PluginContext, spec: TranscriberSpec) -> Server:
    """OpenAI, or the server of `STT_OPENAI_BASE_URL`."""
    return Server(*_openai(context), source="openai", model="whisper-1")


def groq(context: PluginContext, spec: TranscriberSpec) -> Server:
    """Groq."""
    key = context.secret("GROQ_API_KEY")
    return Server("https://api.groq.com/openai/v1", key, source="groq", model="whisper-large-v3-turbo")


def speech(context: PluginContext, spec: SynthesizerSpec) -> Server:
    """OpenAI's voices."""
    return Server(*_openai(context), source="openai", model="gpt-4o-mini-tts")


def _openai(context: PluginContext) -> tuple[str, str]:
    own = context.secret("STT_OPENAI_BASE_URL")
    key = context.secret("VOICE_TOOLS_OPENAI_KEY") or ("" if own else context.secret("OPENAI_API_KEY"))
    # A key for OpenAI itself is for nobody else: another server gets only the one that is meant for speech.
    return (own or "https://api.openai.com/v1").rstrip("/"), key


class Server:
    """One server. Connections are made for each request: they are rare."""

    def __init__(self, url: str, key: str, *, source: str, model: str) -> None:
        self._url, self._key, self._source, self._model = url, key, source, model

    async def transcribe(self, audio: Media, *, language: str = "", model: str = "") -> Transcript:
        """The words of a recording."""
        import aiohttp

        form = aiohttp.FormData()
        form.add_field("model", model or self._model)
        form.add_field("response_format", "json")
        if language:
            form.add_field("language", language)
        form.add_field(
            "file",
            await bytes_of(audio),
            filename=f"audio{suffix_of(audio)}",
            content_type=audio.mime.partition(";")[0],
        )
        answer = await self._post("/audio/transcriptions", data=form)
        try:
            found = json.loads(answer)
            return Transcript(text=str(found["text"]).strip(), language=language, source=self._source)
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidResponse(f"{self._source} gave something else than a transcript.") from error

    async def speak(self, text: str, *, voice: str = "", model: str = "", mime: str = "audio/ogg") -> Media:
        """A recording of the text."""
        mime = mime if mime in _FORMATS else "audio/mpeg"
        body = {
            "model": model or self._model,
            "voice": voice or "alloy",
            "input": text,
            "response_format": _FORMATS[mime],
        }
        data = await self._post("/audio/speech", json=body)
        return Media(kind="audio", mime=mime, data=data, name=f"speech.{_FORMATS[mime]}", meta={"voice": True})

    async def _post(self, path: str, **content: Any) -> bytes:
        import aiohttp

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = aiohttp.ClientTimeout(total=_SECONDS, connect=10)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
                session.post(f"{self._url}{path}", headers=headers, allow_redirects=False, **content) as answer,
            ):
                data = await answer.content.read(_LARGEST_ANSWER)
                if answer.status != 200:
                    raise self._error(answer.status, data, answer.headers.get("Retry-After"))
                return data
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ConnectionLost(f"{self._source} does not answer: {str(error) or type(error).__name__}.") from error

    def _error(self, status: int, data: bytes, retry_after: str | None) -> ProviderError:
        try:
            said = str(json.loads(data)["error"]["message"])[:300]
        except (ValueError, KeyError, TypeError):
            said = f"HTTP {status}"
        text = f"{self._source}: {said}"
        if status in (401, 403):
            return AuthFailed(text, remedy="Check the key.", status=status)
        if status == 429:
            seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
            return RateLimited(text, status=status, retry_after=seconds)
        return Overloaded(text, status=status) if status >= 500 else BadRequest(text, status=status)
