"""The sections `stt` and `tts`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["LocalModel", "RemoteModel", "SpeechToTextSettings", "TextToSpeechSettings", "Voice"]


class LocalModel(Struct, frozen=True, kw_only=True):
    """A model on this machine."""

    model: Annotated[str, Meta(description="The model's name.")] = "base"


class RemoteModel(Struct, frozen=True, kw_only=True):
    """A model of a server."""

    model: Annotated[str, Meta(description="The model's name; empty: the provider's usual one.")] = ""


class SpeechToTextSettings(Struct, frozen=True, kw_only=True):
    """Turning spoken messages into text."""

    enabled: Annotated[bool, Meta(description="Whether spoken messages become text.")] = True
    provider: Annotated[
        str, Meta(description="Which transcriber; empty or `auto`: the best one there is, this machine's first.")
    ] = ""
    language: Annotated[str, Meta(description="The language spoken, such as `de`; empty: find out.")] = ""
    local: Annotated[LocalModel, Meta(description="For transcribers on this machine.")] = LocalModel()
    openai: Annotated[RemoteModel, Meta(description="For OpenAI.")] = RemoteModel()
    groq: Annotated[RemoteModel, Meta(description="For Groq.")] = RemoteModel()


class Voice(Struct, frozen=True, kw_only=True):
    """Model and voice of a server."""

    model: Annotated[str, Meta(description="The model's name.")] = "gpt-4o-mini-tts"
    voice: Annotated[str, Meta(description="The voice.")] = "alloy"


class TextToSpeechSettings(Struct, frozen=True, kw_only=True):
    """Reading answers aloud."""

    provider: Annotated[str, Meta(description="Which synthesizer; empty or `auto`: the best one there is.")] = ""
    openai: Annotated[Voice, Meta(description="For OpenAI.")] = Voice()
    voice: Annotated[str, Meta(description="The voice of a program on this machine.")] = ""
