"""The services `SpeechToText` and `TextToSpeech`: which transcriber or synthesizer is used, and what it is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from hermes_host.errors import NotFound
from hermes_voice.settings import SpeechToTextSettings, TextToSpeechSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hermes_host.context import PluginContext
    from hermes_host.messages import Media
    from hermes_host.registry import Contribution
    from hermes_host.services import Transcript
    from hermes_host.specs import ServiceSpec

__all__ = ["SpeechToTextService", "TextToSpeechService", "choices", "speech_to_text", "text_to_speech"]

_LONGEST = 4000


def speech_to_text(context: PluginContext, spec: ServiceSpec) -> SpeechToTextService:
    """The service."""
    return SpeechToTextService(context)


def text_to_speech(context: PluginContext, spec: ServiceSpec) -> TextToSpeechService:
    """The service."""
    return TextToSpeechService(context)


def choices(
    context: PluginContext, kind: Literal["transcribers", "synthesizers"]
) -> Iterator[tuple[Contribution[Any], str]]:
    """What there is of a kind, the best first, each with what it lacks."""
    for item in sorted(context.registry(kind), key=lambda item: (-item.spec.priority, item.name)):
        yield item, context.lacking(item)


async def _chosen(context: PluginContext, kind: Literal["transcribers", "synthesizers"], wanted: str) -> Any:
    found = list(choices(context, kind))
    word = "transcriber" if kind == "transcribers" else "synthesizer"
    if wanted in ("", "auto", "local"):
        # `local` was the original's default and stood in every configuration, whether or not it could work.
        usable = [item for item, lacks in found if not lacks and (wanted != "local" or not item.spec.remote)]
        usable = usable or [item for item, lacks in found if not lacks]
        if not usable:
            ways = "; ".join(f"{item.name}: {lacks}" for item, lacks in found)
            raise NotFound(f"Nothing is set up as a {word}.", remedy=f"One of these: {ways}")
        return usable[0], await context.part(usable[0])
    match = next(((item, lacks) for item, lacks in found if item.name == wanted), None)
    if match is None:
        raise NotFound(
            f"There is no {word} {wanted!r}.", remedy=f"There are {', '.join(item.name for item, _ in found)}."
        )
    if match[1]:
        raise NotFound(f"The {word} {wanted!r} cannot be used: {match[1]}")
    return match[0], await context.part(match[0])


class SpeechToTextService:
    """See `hermes_host.services.SpeechToText`."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def transcribe(self, audio: Media, *, language: str = "") -> Transcript:
        """The words of a recording."""
        settings = self._context.section(SpeechToTextSettings, "stt")
        if not settings.enabled:
            raise NotFound("Speech is not turned into text here.", remedy="hermes config set stt.enabled true")
        chosen, part = await _chosen(self._context, "transcribers", settings.provider)
        model = {"openai": settings.openai.model, "groq": settings.groq.model}.get(chosen.name, settings.local.model)
        found: Transcript = await part.transcribe(audio, language=language or settings.language, model=model)
        return found


class TextToSpeechService:
    """See `hermes_host.services.TextToSpeech`."""

    def __init__(self, context: PluginContext) -> None:
        self._context = context

    async def speak(self, text: str, *, voice: str = "", formats: Sequence[str] = ("audio/ogg",)) -> Media:
        """A recording of the text."""
        settings = self._context.section(TextToSpeechSettings, "tts")
        chosen, part = await _chosen(self._context, "synthesizers", settings.provider)
        own = settings.openai.voice if chosen.name == "openai" else settings.voice
        model = settings.openai.model if chosen.name == "openai" else ""
        words = spoken(text)
        if not words:
            raise NotFound("There is nothing to read aloud.")
        found: Media = await part.speak(words, voice=voice or own, model=model, mime=formats[0])
        return found


def spoken(markdown: str) -> str:
    """What a person would read of it: no code, no addresses, no marks; at most 4,000 characters."""
    text = re.sub(r"^(```|~~~).*?^\1[^\n]*$", " (code) ", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"https?://\S+", "(link)", text)
    text = re.sub(r"^[ ]{0,3}(#{1,6}|>|[-*+]|\d+[.)])\s+", "", text, flags=re.MULTILINE)
    text = re.sub(r"[*_`~|]+", "", text)
    text = re.sub(r"[ \t]+", " ", text).strip()
    if len(text) <= _LONGEST:
        return text
    cut = text[:_LONGEST]
    return cut[: cut.rfind(". ") + 1 or cut.rfind(" ") + 1 or _LONGEST].rstrip()
